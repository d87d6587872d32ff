/**
 * A ring of records in shared memory, for one thread that puts and one that takes. A record is length u32 and kind u32 in the
 * machine's order, then the bytes, then up to seven that fill it up to a multiple of eight; it may go around the ring's end.
 */
import { assert } from '../errors.ts';

const RECORD_HEAD = 8;
/** Counters of bytes, modulo 2³²; in cache lines of their own. */
const PUT = 0;
const TAKEN = 16;
const DATA_FROM = 128;

export class RecordRing {
  readonly #counters: Int32Array;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #capacity: number;
  #kind = 0;
  #length = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#counters = new Int32Array(memory, 0, DATA_FROM / 4);
    this.#words = new Uint32Array(memory, DATA_FROM);
    this.#bytes = new Uint8Array(memory, DATA_FROM);
    this.#capacity = this.#bytes.length;
  }

  /** @param capacity bytes of the records, a power of two. */
  static memory(capacity: number): SharedArrayBuffer {
    assert(Math.log2(capacity) % 1 === 0 && capacity <= 2 ** 31, 'the size of a ring is a power of two');
    return new SharedArrayBuffer(DATA_FROM + capacity);
  }

  /** @param spare bytes that must stay free. */
  hasRoom(length: number, spare: number): boolean {
    const used = (Atomics.load(this.#counters, PUT) - Atomics.load(this.#counters, TAKEN)) >>> 0;
    return used + recordSize(length) + spare <= this.#capacity;
  }

  /** @param spare bytes that must stay free. @returns false when there is no room. */
  put(kind: number, bytes: Uint8Array, offset: number, length: number, spare: number): boolean {
    if (!this.hasRoom(length, spare)) return false;
    const put = Atomics.load(this.#counters, PUT);
    const size = recordSize(length);
    this.#words[this.#index(put) / 4] = length;
    this.#words[this.#index(put) / 4 + 1] = kind;
    const at = this.#index(put + RECORD_HEAD);
    const first = Math.min(length, this.#capacity - at);
    this.#bytes.set(bytes.subarray(offset, offset + first), at);
    if (first < length) this.#bytes.set(bytes.subarray(offset + first, offset + length), 0);
    Atomics.store(this.#counters, PUT, put + size);
    return true;
  }

  /** Whether there is a record to take: `kind` and `length` are its. */
  peek(): boolean {
    const taken = Atomics.load(this.#counters, TAKEN);
    if (Atomics.load(this.#counters, PUT) === taken) return false;
    this.#length = this.#words[this.#index(taken) / 4] ?? 0;
    this.#kind = this.#words[this.#index(taken) / 4 + 1] ?? 0;
    return true;
  }

  get kind(): number {
    return this.#kind;
  }

  get length(): number {
    return this.#length;
  }

  /** Copies the bytes of the record that `peek` has found to `offset`, and gives their room back. */
  take(into: Uint8Array, offset: number): void {
    const taken = Atomics.load(this.#counters, TAKEN);
    const at = this.#index(taken + RECORD_HEAD);
    const first = Math.min(this.#length, this.#capacity - at);
    into.set(this.#bytes.subarray(at, at + first), offset);
    if (first < this.#length) into.set(this.#bytes.subarray(0, this.#length - first), offset + first);
    Atomics.store(this.#counters, TAKEN, taken + recordSize(this.#length));
  }

  #index(counter: number): number {
    return (counter >>> 0) % this.#capacity;
  }
}

function recordSize(length: number): number {
  return RECORD_HEAD + Math.ceil(length / 8) * 8;
}
