// Records of a recording, as they lie in a ring or in the log. They come from this service's own processes, by way of a peer that has
// proved itself; a length that cannot be is refused all the same.
import {
  CALL_FORK,
  CALL_PAD,
  ORDERED,
  RECORD_CALL,
  RECORD_DETAIL,
  RECORD_HEADER,
  RECORD_LENGTH,
  RECORD_PROCESS,
  RECORD_RESULT,
} from './layout.ts';

/** A PAD is cut after its process, where the ring ends. */
const PAD_LEAST = 8;

/** One record. Reusable: `set` moves it, and the accessors read in place. */
export class RecordView {
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  length = 0;
  #view = new DataView(this.bytes.buffer);

  /** @returns the record's length; 0 when it has not arrived whole; −1 when it cannot be a record. */
  set(bytes: Uint8Array, offset: number, available: number): number {
    if (available < PAD_LEAST) return 0;
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.offset = offset;
    this.length = this.#view.getUint16(offset + RECORD_LENGTH, true);
    const least = this.call === CALL_PAD ? PAD_LEAST : RECORD_HEADER;
    if (this.length < least || this.length % 8 !== 0) return -1;
    return available < this.length ? 0 : this.length;
  }

  get call(): number {
    return this.#view.getUint16(this.offset + RECORD_CALL, true) & ~ORDERED;
  }

  get process(): number {
    return this.#view.getUint32(this.offset + RECORD_PROCESS, true);
  }

  /** Place in the order of all processes; 0: it has none. */
  get order(): number {
    const isOrdered = (this.#view.getUint16(this.offset + RECORD_CALL, true) & ORDERED) !== 0;
    return isOrdered ? this.#view.getUint32(this.offset + RECORD_DETAIL, true) : 0;
  }

  /** Number of the process that this record makes; 0 if it makes none. */
  get child(): number {
    if (this.call !== CALL_FORK || this.length < RECORD_HEADER + 4) return 0;
    if (this.#view.getInt32(this.offset + RECORD_RESULT + 4, true) < 0) return 0;
    return this.#view.getUint32(this.offset + RECORD_HEADER, true);
  }
}
