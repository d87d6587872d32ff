/**
 * Sealed frames of the replication link: pieces of the stream of frames, each under AES-256-GCM. Bytes and keys only;
 * docs/protocol.md, "The encrypted link", has the table.
 *
 * The nonce is the record's number in its direction, which never returns: each connection has keys of its own.
 */
import {
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type DecipherGCM,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { FRAME_HEADER, FRAME_MAX, LINK_FRAME } from '../log/entry.ts';
import { type FrameView, setU64, writeFrameHeader } from '../log/frame.ts';

export const KEY_BYTES = 32;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What a sealed frame has beside its content. */
export const SEAL_OVERHEAD = FRAME_HEADER + TAG_BYTES;
/** The most content of one. */
export const SEALED_MOST = FRAME_MAX - SEAL_OVERHEAD;

/** RFC 8446 §5.5: 2^24.5 records of 16 KB, if they were as large as ours are. */
const RECORDS_PER_KEY = 2 ** 22;
const NEXT_KEY_INFO = 'fttcp link next key';

/** Key and nonce of one record after the other, in one direction. */
class RecordKeys {
  readonly nonce = new Uint8Array(NONCE_BYTES);
  readonly #recordsPerKey: number;
  #bytes: Uint8Array;
  #key: KeyObject;
  #records = 0;

  constructor(key: Uint8Array, recordsPerKey: number) {
    this.#bytes = key;
    this.#key = createSecretKey(key);
    this.#recordsPerKey = recordsPerKey;
  }

  /** @returns the key of the next record; `nonce` is its too. */
  next(): KeyObject {
    if (this.#records > 0 && this.#records % this.#recordsPerKey === 0) {
      this.#bytes = new Uint8Array(hkdfSync('sha256', this.#bytes, '', NEXT_KEY_INFO, KEY_BYTES));
      this.#key = createSecretKey(this.#bytes);
    }
    setU64(this.nonce, NONCE_BYTES - 8, this.#records);
    this.#records++;
    return this.#key;
  }
}

export class Sealer {
  readonly #keys: RecordKeys;
  #next: CipherGCM | undefined;

  constructor(key: Uint8Array, recordsPerKey = RECORDS_PER_KEY) {
    this.#keys = new RecordKeys(key, recordsPerKey);
  }

  /** Makes ready for the next frame, which is half of the work that a short one is. */
  prepare(): CipherGCM {
    this.#next ??= createCipheriv(CIPHER, this.#keys.next(), this.#keys.nonce);
    return this.#next;
  }

  /**
   * Writes content of at most SEALED_MOST bytes as a frame.
   * @param into has room for SEAL_OVERHEAD more, from `at` on.
   * @returns the frame's length.
   */
  seal(content: Uint8Array, into: Uint8Array, at: number): number {
    const length = SEAL_OVERHEAD + content.length;
    writeFrameHeader(into, at, length, LINK_FRAME.SEALED, 0, 0);
    const cipher = this.prepare();
    this.#next = undefined;
    cipher.setAAD(into.subarray(at, at + FRAME_HEADER));
    into.set(cipher.update(content), at + FRAME_HEADER);
    cipher.final();
    into.set(cipher.getAuthTag(), at + length - TAG_BYTES);
    return length;
  }
}

export class Opener {
  readonly #keys: RecordKeys;
  #next: DecipherGCM | undefined;

  constructor(key: Uint8Array, recordsPerKey = RECORDS_PER_KEY) {
    this.#keys = new RecordKeys(key, recordsPerKey);
  }

  /** As a Sealer does. */
  prepare(): DecipherGCM {
    this.#next ??= createDecipheriv(CIPHER, this.#keys.next(), this.#keys.nonce, { authTagLength: TAG_BYTES });
    return this.#next;
  }

  /**
   * Copies the content of a sealed frame to `at`.
   * @returns its length, or −1 when this is not the frame that the other side has sealed next. Then nothing more can be opened.
   */
  open(frame: FrameView, into: Uint8Array, at: number): number {
    if (frame.length < SEAL_OVERHEAD) return -1;
    const { bytes, offset } = frame;
    const end = offset + frame.length - TAG_BYTES;
    const decipher = this.prepare();
    this.#next = undefined;
    decipher.setAAD(bytes.subarray(offset, offset + FRAME_HEADER));
    decipher.setAuthTag(bytes.subarray(end, end + TAG_BYTES));
    const content = decipher.update(bytes.subarray(offset + FRAME_HEADER, end));
    try {
      decipher.final();
    } catch {
      return -1;
    }
    into.set(content, at);
    return content.length;
  }
}
