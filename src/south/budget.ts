// Rule 6, for the service: memory that the connections' buffers share, beyond the little that each has for itself. That little keeps every
// connection going, if slowly, while others hold all the rest.

/** What a buffer may have without asking. */
export const OWN_BYTES = 64 << 10;

export class Budget {
  readonly mostBytes: number;
  #used = 0;

  constructor(mostBytes: number) {
    this.mostBytes = mostBytes;
  }

  get usedBytes(): number {
    return this.#used;
  }

  /** Whether a buffer of `before` bytes may become one of `after`. */
  allows(before: number, after: number): boolean {
    return this.#used + shared(after) - shared(before) <= this.mostBytes || after <= OWN_BYTES;
  }

  /** A buffer of `before` bytes is one of `after` now, allowed or not. */
  resized(before: number, after: number): void {
    this.#used += shared(after) - shared(before);
  }
}

function shared(bytes: number): number {
  return bytes <= OWN_BYTES ? 0 : bytes;
}
