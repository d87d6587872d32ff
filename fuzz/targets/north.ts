/**
 * The recording of a server on its way to the server of a backup. It comes from processes of the service, by way of a primary that has proved itself; what
 * makes no sense is refused, and nothing that makes sense is lost or goes to another process.
 */
import { ok } from 'node:assert/strict';
import { Distributor, type ReplayRings } from '../../src/north/distributor.ts';
import {
  CALL_NAMES,
  CALL_PAD,
  FIRST_PROCESS,
  RECORD_CALL,
  RECORD_HEADER,
  RECORD_LENGTH,
  RECORD_MAX,
  RECORD_PROCESS,
} from '../../src/north/layout.ts';
import { RecordView } from '../../src/north/records.ts';
import { forkBytes, padBytes, recordBytes } from '../../test/north/recordings.ts';
import type { Target } from '../target.ts';

const WAITING_BYTES_MAX = 1 << 16;
const PROCESSES_MAX = 32;

const CORPUS = [
  recordBytes({ call: 3, process: 1, result: 5n, object: 1 }),
  recordBytes({ call: 6, process: 2, result: 100n, object: 7, payload: new Uint8Array(100) }),
  recordBytes({ call: 12, process: 1, ordered: true, detail: 9 }),
  forkBytes(1, 2, 10),
  forkBytes(2, 3, 11, -11n),
  padBytes(8),
  padBytes(64),
];

/** Checks that what it is given is whole, and of whom it says. */
class Rings implements ReplayRings {
  readonly #record = new RecordView();
  readonly #open = new Set<number>();
  room = WAITING_BYTES_MAX;
  bytes = 0;

  open(process: number): boolean {
    if (this.#open.size < PROCESSES_MAX) this.#open.add(process);
    return true;
  }

  put(process: number, bytes: Uint8Array, offset: number, length: number): boolean {
    ok(this.#open.has(FIRST_PROCESS), 'the first process is there before it is given anything');
    ok(length >= RECORD_HEADER && length <= RECORD_MAX && offset + length <= bytes.length, 'a record that can be');
    ok(this.#record.set(bytes, offset, length) === length && this.#record.process === process, 'its own record');
    ok(this.#record.call !== CALL_PAD, 'the rest of a ring is given to nobody');
    if (this.room < length) return false;
    this.room -= length;
    this.bytes += length;
    return true;
  }

  end(lastOrder: number): boolean {
    ok(lastOrder >= 0 && lastOrder < 2 ** 32);
    return true;
  }
}

export const north: Target = {
  name: 'north',
  weight: 1,
  bytesMax: 2_000,
  subject(random) {
    const rings = new Rings();
    let distributor = new Distributor(rings, WAITING_BYTES_MAX);
    const cut = random.integer(1, 200);
    return {
      corpus: CORPUS,
      prepare(input, numbers) {
        if (input.length < RECORD_HEADER) return;
        const view = new DataView(input.buffer, input.byteOffset);
        if (numbers.chance(0.8)) view.setUint16(RECORD_LENGTH, input.length & ~7, true);
        if (numbers.chance(0.5)) view.setUint16(RECORD_CALL, numbers.integer(0, CALL_NAMES.length), true);
        if (numbers.chance(0.2)) view.setUint32(RECORD_PROCESS, numbers.integer(0, 2 * PROCESSES_MAX), true);
      },
      take(input) {
        rings.room = (input[0] ?? 0) % 3 === 0 ? 0 : WAITING_BYTES_MAX;
        let problem = '';
        for (let at = 0; at < input.length && problem === ''; at += cut) {
          problem = distributor.take(input, at, Math.min(cut, input.length - at));
          ok(distributor.waitingBytes <= WAITING_BYTES_MAX, 'what waits is bounded');
        }
        // A backup that cannot go on begins anew.
        if (problem !== '') distributor = new Distributor(rings, WAITING_BYTES_MAX);
      },
      check() {
        rings.room = WAITING_BYTES_MAX;
        distributor.end();
        ok(distributor.hasGivenAll || distributor.give() !== '', 'at the end nothing whole is left');
      },
    };
  },
};
