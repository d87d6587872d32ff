// The first bytes of the last few pieces of output, kept so that a divergence can be shown as the primary's server said it: its
// output itself is not kept, because the kernel repeats it.

const PIECES = 4;
/** An HTTP answer's first header lines fit. */
export const SAMPLE_BYTES = 128;

export class OutputSamples {
  readonly #bytes = new Uint8Array(PIECES * SAMPLE_BYTES);
  readonly #starts = new Float64Array(PIECES).fill(-1);
  readonly #lengths = new Uint8Array(PIECES);
  #next = 0;

  /** A piece of new output, `bytes[offset, offset + length)`, starts at `position`. */
  take(position: number, bytes: Uint8Array, offset: number, length: number): void {
    const piece = this.#next;
    const kept = Math.min(length, SAMPLE_BYTES);
    const at = piece * SAMPLE_BYTES;
    for (let i = 0; i < kept; i++) this.#bytes[at + i] = bytes[offset + i] ?? 0;
    this.#starts[piece] = position;
    this.#lengths[piece] = kept;
    this.#next = (piece + 1) % PIECES;
  }

  /** What was said from `position` on, as far as that is still here; may be empty. */
  from(position: number): Uint8Array {
    for (let piece = 0; piece < PIECES; piece++) {
      const skipped = position - (this.#starts[piece] ?? -1);
      const length = this.#lengths[piece] ?? 0;
      if ((this.#starts[piece] ?? -1) < 0 || skipped < 0 || skipped >= length) continue;
      const at = piece * SAMPLE_BYTES;
      return this.#bytes.slice(at + skipped, at + length);
    }
    return new Uint8Array(0);
  }
}
