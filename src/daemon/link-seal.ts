/**
 * Sealed frames of the replication link: pieces of the stream of frames, each under AES-256-GCM. Bytes and keys only;
 * docs/protocol.md, "The encrypted link", has the table.
 *
 * The nonce is the record's number in its direction, which never returns: each connection has keys of its own.
 */
import { hkdfSync } from 'node:crypto';
import { AesGcm, KEY_BYTES, TAG_BYTES } from '../linux/aes-gcm.ts';
import { FRAME_HEADER, FRAME_MAX, LINK_FRAME } from '../log/entry.ts';
import { type FrameView, setU64, writeFrameHeader } from '../log/frame.ts';

/** What a sealed frame has beside its content. */
export const SEAL_OVERHEAD = FRAME_HEADER + TAG_BYTES;
/** The most content of one. */
export const SEALED_MOST = FRAME_MAX - SEAL_OVERHEAD;

/** RFC 8446 §5.5: 2^24.5 records of 16 KB, if they were as large as ours are. */
const RECORDS_PER_KEY = 2 ** 22;
const NEXT_KEY_INFO = 'fttcp link next key';
/** In the nonce, behind zeros. */
const NUMBER_AT = 4;

/** One direction: a cipher whose key and nonce are those of one frame after the other. */
class Direction {
  readonly #cipher: AesGcm;
  readonly #recordsPerKey: number;
  #key: Uint8Array;
  #records = 0;

  constructor(use: 'seal' | 'open', key: Uint8Array, recordsPerKey: number) {
    this.#cipher = new AesGcm(use, key);
    this.#key = key;
    this.#recordsPerKey = recordsPerKey;
  }

  /** The cipher, set for the next frame. */
  next(): AesGcm {
    if (this.#records > 0 && this.#records % this.#recordsPerKey === 0) {
      this.#key = new Uint8Array(hkdfSync('sha256', this.#key, '', NEXT_KEY_INFO, KEY_BYTES));
      this.#cipher.setKey(this.#key);
    }
    setU64(this.#cipher.nonce, NUMBER_AT, this.#records);
    this.#records++;
    return this.#cipher;
  }

  free(): void {
    this.#cipher.free();
  }
}

/** Seals frames; `free` it at the end. */
export class Sealer {
  readonly #direction: Direction;

  constructor(key: Uint8Array, recordsPerKey = RECORDS_PER_KEY) {
    this.#direction = new Direction('seal', key, recordsPerKey);
  }

  /**
   * Writes content of at most SEALED_MOST bytes as a frame.
   * @param into has room for SEAL_OVERHEAD more, from `at` on.
   * @returns the frame's length.
   */
  seal(content: Uint8Array, offset: number, length: number, into: Uint8Array, at: number): number {
    const frameLength = SEAL_OVERHEAD + length;
    writeFrameHeader(into, at, frameLength, LINK_FRAME.SEALED, 0, 0);
    this.#direction.next().seal(content, offset, length, into, at, FRAME_HEADER);
    return frameLength;
  }

  free(): void {
    this.#direction.free();
  }
}

/** Opens them; `free` it at the end. */
export class Opener {
  readonly #direction: Direction;

  constructor(key: Uint8Array, recordsPerKey = RECORDS_PER_KEY) {
    this.#direction = new Direction('open', key, recordsPerKey);
  }

  /**
   * Writes the content of a sealed frame to `at`.
   * @returns its length, or −1 when this is not the frame that the other side has sealed next. Then nothing more can be opened.
   */
  open(frame: FrameView, into: Uint8Array, at: number): number {
    const length = frame.length - SEAL_OVERHEAD;
    if (length < 0) return -1;
    return this.#direction.next().open(frame.bytes, frame.offset, FRAME_HEADER, length, into, at) ? length : -1;
  }

  free(): void {
    this.#direction.free();
  }
}
