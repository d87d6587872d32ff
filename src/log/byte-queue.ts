// A bounded first-in-first-out queue of byte records in one preallocated array. Every record is contiguous, so that it can
// be written to a descriptor, or read from one, in place: a record that does not fit before the end starts again at 0.

export class ByteQueue {
  readonly bytes: Uint8Array;
  /** Where the next record goes. */
  #head = 0;
  /** Where the oldest unconsumed byte is. */
  #tail = 0;
  /** End of the upper part while the head has wrapped below the tail; otherwise the head. */
  #wrapEnd = 0;
  #wrapped = false;
  #used = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get used(): number {
    return this.#used;
  }

  get capacity(): number {
    return this.bytes.length;
  }

  /** Offset of `length` contiguous free bytes, or -1. Nothing is taken until `commit`. */
  reserve(length: number): number {
    if (this.#used === 0) {
      this.#head = this.#tail = 0;
      this.#wrapped = false;
    }
    if (this.#wrapped) return this.#tail - this.#head >= length ? this.#head : -1;
    if (this.bytes.length - this.#head >= length) return this.#head;
    return this.#tail >= length ? 0 : -1;
  }

  /** Takes `length` bytes at the offset that the last `reserve` returned. */
  commit(offset: number, length: number): void {
    if (!this.#wrapped && offset === 0 && this.#head !== 0) {
      this.#wrapEnd = this.#head;
      this.#wrapped = true;
    }
    this.#head = offset + length;
    this.#used += length;
  }

  get readOffset(): number {
    return this.#wrapped && this.#tail === this.#wrapEnd ? 0 : this.#tail;
  }

  /** Number of contiguous bytes at `readOffset`. */
  get readable(): number {
    if (this.#used === 0) return 0;
    if (!this.#wrapped) return this.#head - this.#tail;
    return this.#tail === this.#wrapEnd ? this.#head : this.#wrapEnd - this.#tail;
  }

  consume(length: number): void {
    if (this.#wrapped && this.#tail === this.#wrapEnd) {
      this.#tail = 0;
      this.#wrapped = false;
    }
    this.#tail += length;
    this.#used -= length;
  }

  clear(): void {
    this.#head = this.#tail = this.#used = 0;
    this.#wrapped = false;
  }
}
