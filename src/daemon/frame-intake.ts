/** Received bytes, until the frames that they are parts of have come whole. */

/** Takes received bytes; returns how many it consumed, or -1 to end the connection. */
export type Consume = (bytes: Uint8Array, offset: number, length: number) => number;

export class FrameIntake {
  readonly bytes: Uint8Array;
  /** Up to here there is something. */
  filled = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  clear(): void {
    this.filled = 0;
  }

  /**
   * Hands whole frames over and moves the rest to the front. Whoever takes them may clear this intake; then there is no rest.
   * @returns false when the connection is to end.
   */
  drain(consume: Consume): boolean {
    let done = 0;
    while (done < this.filled) {
      const taken = consume(this.bytes, done, this.filled - done);
      if (taken < 0) return false;
      if (this.filled === 0) return true;
      if (taken === 0) break;
      done += taken;
    }
    if (done > 0) {
      this.bytes.copyWithin(0, done, this.filled);
      this.filled -= done;
    }
    return true;
  }
}
