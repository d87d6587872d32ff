import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Budget, OWN_BYTES } from '../../src/south/budget.ts';
import { StreamBuffer } from '../../src/south/stream-buffer.ts';

/** What the buffer must agree with: a map from position to byte, in which the first byte stays. */
class Model {
  readonly bytes = new Map<number, number>();
  base: number;

  constructor(base: number) {
    this.base = base;
  }

  get end(): number {
    let end = this.base;
    while (this.bytes.has(end)) end++;
    return end;
  }
}

/** Stores what is missing of the bytes, as the client's side does. */
function add(buffer: StreamBuffer, position: number, bytes: Uint8Array): void {
  const end = position + bytes.length;
  for (let from = buffer.nextMissing(position, end); from < end; ) {
    const to = buffer.missingEnd(from, end);
    buffer.write(from, bytes, from - position, to - from);
    from = buffer.nextMissing(to, end);
  }
}

const step = fc.record({
  at: fc.integer({ min: 0, max: 9000 }),
  length: fc.integer({ min: 1, max: 3000 }),
  value: fc.nat(255),
  release: fc.integer({ min: 0, max: 4000 }),
});

for (const origin of [1, 2 ** 32 - 5000, 2 ** 45]) {
  test(`bytes are kept by position, whatever their order and overlap, from ${origin} on`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const buffer = new StreamBuffer(origin, 1 << 20, new Budget(1 << 20));
        const model = new Model(origin);
        for (const { at, length, value, release } of steps) {
          const position = Math.max(model.base, origin + at);
          add(buffer, position, new Uint8Array(length).fill(value));
          for (let i = 0; i < length; i++) {
            if (!model.bytes.has(position + i)) model.bytes.set(position + i, value);
          }
          equal(buffer.end, model.end);
          buffer.release(buffer.base + release);
          model.base = Math.min(model.end, model.base + release);
          equal(buffer.base, model.base);
          const kept = new Uint8Array(buffer.end - buffer.base);
          buffer.read(buffer.base, kept.length, kept, 0);
          deepEqual(
            kept,
            Uint8Array.from({ length: kept.length }, (_, i) => model.bytes.get(model.base + i) ?? 0),
          );
        }
        const window = new Uint8Array(12_500).fill(7);
        buffer.overlay(model.base, window.length, window, 0);
        deepEqual(
          window,
          Uint8Array.from(window, (_, i) => model.bytes.get(model.base + i) ?? 7),
        );
      }),
      { numRuns: 60 },
    );
  });
}

test('bytes that lie in one run of the ring can be used where they are', () => {
  const buffer = new StreamBuffer(0, 1 << 20, new Budget(1 << 20));
  const bytes = Uint8Array.from({ length: 6000 }, (_, i) => i % 251);
  buffer.write(0, bytes, 0, 4096);
  buffer.release(3000);
  buffer.write(4096, bytes, 4096, 1904);
  const inPlace = (from: number, to: number): Uint8Array | undefined => {
    const at = buffer.offsetInRing(from, to - from);
    return at < 0 ? undefined : buffer.ring.slice(at, at + to - from);
  };
  deepEqual(inPlace(3000, 4096), bytes.slice(3000, 4096));
  deepEqual(inPlace(4096, 6000), bytes.slice(4096));
  equal(inPlace(3000, 4097), undefined, 'the ring of 4096 bytes ends in between');
});

test('buffers share what they have beyond their own, and give it back', () => {
  const budget = new Budget(4 * OWN_BYTES);
  const [one, other] = [new StreamBuffer(0, 1 << 20, budget), new StreamBuffer(0, 1 << 20, budget)];
  const bytes = new Uint8Array(OWN_BYTES);
  one.write(0, bytes, 0, OWN_BYTES);
  equal(budget.usedBytes, 0, 'its own');
  for (let at = OWN_BYTES; at < 4 * OWN_BYTES; at += OWN_BYTES) one.write(at, bytes, 0, OWN_BYTES);
  equal(budget.usedBytes, 4 * OWN_BYTES);
  equal(one.accepts(4 * OWN_BYTES + 1), false, 'all that there is');
  equal(one.fits(4 * OWN_BYTES + 1), true);
  equal(other.accepts(OWN_BYTES), true, 'its own is left to everyone');
  equal(other.accepts(OWN_BYTES + 1), false);
  one.release(4 * OWN_BYTES);
  one.rest();
  equal(budget.usedBytes, 4 * OWN_BYTES, 'more may come at once');
  one.rest();
  equal(budget.usedBytes, 0);
  equal(other.accepts(OWN_BYTES + 1), true);
  one.write(4 * OWN_BYTES, bytes, 0, 100);
  deepEqual(one.end, 4 * OWN_BYTES + 100);
});

test('a buffer that is dropped with what it holds costs nothing any more', () => {
  const budget = new Budget(1 << 20);
  const buffer = new StreamBuffer(0, 1 << 20, budget);
  buffer.write(0, new Uint8Array(200_000), 0, 200_000);
  buffer.write(300_000, new Uint8Array(10), 0, 10);
  buffer.drop();
  buffer.drop();
  equal(budget.usedBytes, 0);
  equal(buffer.holes, 0);
});

/** Runs of positions that are present, ascending, as a set of positions tells them. */
function runsOf(present: ReadonlySet<number>, from: number, to: number): [number, number][] {
  const runs: [number, number][] = [];
  for (let at = from; at < to; at++) {
    if (!present.has(at)) continue;
    const last = runs.at(-1);
    if (last?.[1] === at) last[1]++;
    else runs.push([at, at + 1]);
  }
  return runs;
}

test('what is missing, and where holes end, is what a set of positions tells', () => {
  const piece = fc.record({ at: fc.integer({ min: 0, max: 70 }), length: fc.integer({ min: 1, max: 15 }) });
  fc.assert(
    fc.property(
      fc.constantFrom(1, 2 ** 32 - 30),
      fc.array(piece, { maxLength: 20 }),
      fc.nat(60),
      (origin, pieces, gone) => {
        const buffer = new StreamBuffer(origin, 64, new Budget(1 << 20));
        const present = new Set<number>();
        for (const { at, length } of pieces) {
          const end = origin + at + length;
          equal(buffer.accepts(end), at + length <= 64);
          add(buffer, origin + at, new Uint8Array(length));
          for (let i = origin + at; i < end; i++) present.add(i);
        }
        const limit = origin + 100;
        const runs = runsOf(present, origin, limit);
        const [first] = runs;
        const end = first?.[0] === origin ? first[1] : origin;
        const islands = runs.filter(([start]) => start > end);
        equal(buffer.end, end);
        equal(buffer.highest, islands.at(-1)?.[1] ?? end);
        equal(buffer.holes, islands.length);
        deepEqual(
          islands.map((_, i) => [buffer.islandStart(i), buffer.islandEnd(i)]),
          islands,
        );
        for (let from = origin; from < limit; from++) {
          let missing = from;
          while (missing < limit && present.has(missing)) missing++;
          equal(buffer.nextMissing(from, limit), missing);
          let filled = missing;
          while (filled < limit && !present.has(filled)) filled++;
          if (missing < limit) equal(buffer.missingEnd(missing, limit), filled);
        }
        buffer.release(origin + gone);
        equal(buffer.base, Math.min(origin + gone, end), 'nothing before a hole is forgotten with it');
      },
    ),
  );
});

test('the ring shows what was written, in one run or two', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 12 }), fc.nat(3_000), (lengths, kept) => {
      const buffer = new StreamBuffer(1, 1 << 20, new Budget(1 << 20));
      let written = 1;
      for (const length of lengths) {
        buffer.write(
          written,
          Uint8Array.from({ length }, (_, i) => (written + i) % 251),
          0,
          length,
        );
        written += length;
        buffer.release(written - kept);
        const { base, end } = buffer;
        if (base === end) continue;
        const shown: number[] = [];
        buffer.visit(base, end - base, (ring, offset, run) => shown.push(...ring.subarray(offset, offset + run)));
        deepEqual(
          shown,
          Array.from({ length: end - base }, (_, i) => (base + i) % 251),
        );
        const at = buffer.offsetInRing(base, end - base);
        if (at >= 0) deepEqual(shown, [...buffer.ring.subarray(at, at + end - base)]);
      }
    }),
  );
});
