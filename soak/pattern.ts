/** Bytes that a seed decides, to be sent by one and checked by another who have never spoken to each other. Pure. */
import { Random } from '../src/lab/random.ts';

/** A prime, so that no buffer, segment or page size goes into it: bytes in the wrong place are the wrong bytes. */
const PERIOD = 65_521;

export class Pattern {
  readonly #block: Uint8Array;

  constructor(...seeds: readonly number[]) {
    const random = new Random(...seeds);
    this.#block = Uint8Array.from({ length: PERIOD }, () => random.integer(0, 255));
  }

  /** The bytes from `offset` on. */
  bytes(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const from = (offset + done) % PERIOD;
      const piece = this.#block.subarray(from, from + Math.min(PERIOD - from, length - done));
      bytes.set(piece, done);
      done += piece.length;
    }
    return bytes;
  }

  /** −1 when `found` is what stands at `offset`, otherwise how many of its bytes are right. */
  firstDifference(found: Uint8Array, offset: number): number {
    const expected = this.bytes(offset, found.length);
    return Buffer.compare(expected, found) === 0 ? -1 : found.findIndex((byte, i) => byte !== expected[i]);
  }
}
