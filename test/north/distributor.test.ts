/** A replay is given out to the processes that it is of, in its order, whatever pieces it comes in. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Distributor, type ReplayRings } from '../../src/north/distributor.ts';
import { RECORD_MAX } from '../../src/north/layout.ts';
import { forkBytes, joined, padBytes, recordBytes } from './recordings.ts';

/** Rings with as much room as the test says. */
class Rings implements ReplayRings {
  readonly given: string[] = [];
  readonly opened: number[] = [];
  places = 100;
  room = Number.POSITIVE_INFINITY;
  ended: number | undefined;
  endRefused = 0;

  open(process: number): boolean {
    if (this.opened.includes(process)) return true;
    if (this.opened.length >= this.places) return false;
    this.opened.push(process);
    return true;
  }

  put(process: number, bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.room < length) return false;
    this.room -= length;
    this.given.push(`${process}: ${Buffer.from(bytes.subarray(offset, offset + length)).toString('hex')}`);
    return true;
  }

  end(lastOrder: number): boolean {
    if (this.endRefused-- > 0) return false;
    this.ended = lastOrder;
    return true;
  }
}

const shown = (process: number, bytes: Uint8Array) => `${process}: ${Buffer.from(bytes).toString('hex')}`;

function take(distributor: Distributor, bytes: Uint8Array): string {
  return distributor.take(bytes, 0, bytes.length);
}

const records = fc.array(
  fc.record({
    process: fc.integer({ min: 1, max: 3 }),
    payload: fc.uint8Array({ maxLength: 60 }),
    pad: fc.constantFrom(8, 16, 64),
  }),
  { maxLength: 20 },
);

test('pieces cut anywhere give the same records to the same processes', () => {
  fc.assert(
    fc.property(records, fc.array(fc.nat(100)), (made, lengths) => {
      const pieces = made.map(({ process, payload }) => recordBytes({ call: 6, process, payload }));
      const padded = pieces.flatMap((piece, i) => [piece, padBytes(made[i]?.pad ?? 8)]);
      const all = joined([new Uint8Array(3), ...padded]);
      const rings = new Rings();
      const distributor = new Distributor(rings, 1 << 20);
      let at = 3;
      for (const length of [...lengths, all.length]) {
        const piece = Math.min(length, all.length - at);
        equal(distributor.take(all, at, piece), '');
        at += piece;
      }
      deepEqual(
        rings.given,
        pieces.map((piece, i) => shown(made[i]?.process ?? 0, piece)),
      );
      equal(distributor.waitingBytes, 0);
    }),
  );
});

test('a process has its ring before it is made', () => {
  const rings = new Rings();
  const distributor = new Distributor(rings, 1 << 16);
  take(distributor, joined([forkBytes(1, 2, 1), forkBytes(2, 3, 2), forkBytes(1, 4, 3, -11n)]));
  deepEqual(rings.opened, [1, 2, 3]);
});

test('while there is no place for a new process everybody waits, in order', () => {
  const rings = new Rings();
  rings.places = 1;
  const distributor = new Distributor(rings, 1 << 16);
  const fork = forkBytes(1, 2, 1);
  const next = recordBytes({ call: 3, process: 1 });
  equal(take(distributor, joined([fork, next])), '');
  deepEqual([rings.given, distributor.hasGivenAll], [[], false]);
  rings.places = 2;
  equal(distributor.give(), '');
  deepEqual([rings.given, distributor.hasGivenAll], [[shown(1, fork), shown(1, next)], true]);
});

test('where one ring is full the rest waits, and goes on in order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(80), { minLength: 1 }), (rooms) => {
      const made = Array.from({ length: 12 }, (_, i) => ({
        process: 1 + (i % 3),
        bytes: recordBytes({ call: 3, process: 1 + (i % 3), detail: i }),
      }));
      const rings = new Rings();
      rings.room = 0;
      const distributor = new Distributor(rings, 1 << 16);
      take(distributor, joined(made.map(({ bytes }) => bytes)));
      equal(rings.given.length, 0);
      for (const room of [...rooms, Number.POSITIVE_INFINITY]) {
        rings.room = room;
        equal(distributor.give(), '');
      }
      deepEqual(
        rings.given,
        made.map(({ process, bytes }) => shown(process, bytes)),
      );
    }),
  );
});

test('at the end what is whole is given out, what was cut is not, and everybody hears the last number of the order', () => {
  const rings = new Rings();
  const distributor = new Distributor(rings, 1 << 16);
  const first = recordBytes({ call: 12, process: 1, ordered: true, detail: 41 });
  const cut = recordBytes({ call: 12, process: 1, ordered: true, detail: 42 }).subarray(0, 16);
  rings.room = 0;
  take(distributor, joined([first, cut]));
  distributor.end();
  equal(rings.ended, undefined, 'not before the rest has room');
  rings.room = 100;
  rings.endRefused = 1;
  distributor.give();
  equal(rings.ended, undefined);
  distributor.give();
  deepEqual([rings.given, rings.ended], [[shown(1, first)], 41]);
});

test('a recording without end is ended once, and a recording of nothing too', () => {
  const rings = new Rings();
  const distributor = new Distributor(rings, 1 << 16);
  distributor.end();
  equal(rings.ended, 0);
  rings.ended = undefined;
  distributor.give();
  equal(rings.ended, undefined);
});

test('what makes no sense is refused, and goes no further', () => {
  const rings = new Rings();
  const distributor = new Distributor(rings, 1 << 16);
  const good = recordBytes({ call: 3, process: 1 });
  match(take(distributor, joined([good, new Uint8Array(32)])), /makes no sense/);
  equal(rings.given.length, 1);
  match(take(distributor, good), /makes no sense/);
  equal(rings.given.length, 1);
});

test('a replay that is too far behind is refused, at its bound and not before', () => {
  const rings = new Rings();
  rings.room = 0;
  const record = recordBytes({ call: 3, process: 1 });
  const distributor = new Distributor(rings, 10 * record.length);
  for (let i = 0; i < 10; i++) equal(take(distributor, record), '');
  match(take(distributor, record), /too far behind/);
  rings.room = record.length;
  distributor.give();
  equal(take(distributor, record), '');
});

test('what waits may be longer than what it began with', () => {
  const rings = new Rings();
  rings.room = 0;
  const distributor = new Distributor(rings, 1 << 22);
  const large = recordBytes({ call: 6, process: 1, payload: new Uint8Array(RECORD_MAX - 24).fill(7) });
  for (let i = 0; i < 5; i++) equal(take(distributor, large), '');
  rings.room = 2 * large.length;
  distributor.give();
  equal(take(distributor, large), '');
  rings.room = Number.POSITIVE_INFINITY;
  distributor.give();
  deepEqual(new Set(rings.given), new Set([shown(1, large)]));
  equal(rings.given.length, 6);
});
