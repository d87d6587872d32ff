// Reading frames out of a receive buffer: a view with one length check, then accessors that cannot fail.
import { getU16, getU32, setU16, setU32 } from '../wire/bytes.ts';
import { FRAME_HEADER, FRAME_MAX, leastLength } from './entry.ts';

/** Writes a safe integer as u64. */
export function setU64(bytes: Uint8Array, offset: number, value: number): void {
  setU32(bytes, offset, Math.floor(value / 0x1_0000_0000));
  setU32(bytes, offset + 4, value >>> 0);
}

/** Reads a u64 that must be a safe integer; what is not one comes back as NaN, which every comparison refuses. */
export function getU64(bytes: Uint8Array, offset: number): number {
  const high = getU32(bytes, offset);
  return high > 0x1f_ffff ? Number.NaN : high * 0x1_0000_0000 + getU32(bytes, offset + 4);
}

export function writeFrameHeader(
  bytes: Uint8Array,
  offset: number,
  length: number,
  type: number,
  flags: number,
  connection: number,
): void {
  setU32(bytes, offset, length);
  bytes[offset + 4] = type;
  bytes[offset + 5] = flags;
  setU16(bytes, offset + 6, 0);
  setU32(bytes, offset + 8, connection);
}

/** @returns how many of the bytes are whole frames, −1 when one cannot be a frame. */
export function wholeFrames(view: FrameView, bytes: Uint8Array, offset: number, length: number): number {
  let whole = 0;
  for (;;) {
    const taken = view.set(bytes, offset + whole, length - whole);
    if (taken < 0) return -1;
    if (taken === 0) return whole;
    whole += taken;
  }
}

/** One frame in a receive buffer. Reusable: `set` moves it, and the accessors read in place. */
export class FrameView {
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  length = 0;

  /**
   * Moves the view to the frame at `offset`.
   * @returns the frame's length; 0 when it has not arrived whole; -1 when it cannot be a frame.
   */
  set(bytes: Uint8Array, offset: number, available: number): number {
    if (available < FRAME_HEADER) return 0;
    const length = getU32(bytes, offset);
    if (length < FRAME_HEADER || length > FRAME_MAX) return -1;
    if (length < leastLength(bytes[offset + 4] ?? 0)) return -1;
    if (available < length) return 0;
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    return length;
  }

  get type(): number {
    return this.u8(4);
  }

  get flags(): number {
    return this.u8(5);
  }

  get connection(): number {
    return this.u32(8);
  }

  u8(field: number): number {
    return this.bytes[this.offset + field] ?? 0;
  }

  u16(field: number): number {
    return getU16(this.bytes, this.offset + field);
  }

  u32(field: number): number {
    return getU32(this.bytes, this.offset + field);
  }

  u64(field: number): number {
    return getU64(this.bytes, this.offset + field);
  }

  /** A copy of `length` bytes from `field` on. */
  copy(field: number, length: number): Uint8Array {
    return this.bytes.slice(this.offset + field, this.offset + field + length);
  }
}
