/**
 * The layout of a segment file of the retained log: a head, then blocks, each sealed under the segment's own key. Bytes and
 * keys only; docs/protocol.md, "The retained log on disk", has the tables.
 *
 * A seal's number is its nonce. It rises with every seal and never returns, also where the write that was to bring the block to the
 * disk has failed: that block is sealed anew, perhaps with more frames in it, and one nonce must not serve for two texts.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { getU64, setU64 } from '../log/frame.ts';
import { equalBytes, getU32, setU32 } from '../wire/bytes.ts';

const MAGIC = new TextEncoder().encode('FTTCPLOG');
const VERSION = 1;
const KEY_INFO = 'fttcp retained log';
const KEY_BYTES = 32;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const SALT_BYTES = 16;

const HEAD_VERSION = 8;
const HEAD_SERVICE = 12;
const HEAD_EPOCH = 16;
const HEAD_POSITION = 24;
const HEAD_SALT = 32;
const HEAD_TAG = 48;
export const HEAD_BYTES = 64;
/** The number of the head's seal; that of the first block is one more. */
export const HEAD_NUMBER = 0;

const BLOCK_NUMBER = 4;
const BLOCK_POSITION = 8;
const BLOCK_DATA = 16;
/** What a block has beside its frames. */
export const BLOCK_OVERHEAD = BLOCK_DATA + TAG_BYTES;
/** Most bytes of whole frames in a block. The replication link receives less at a time. */
export const BLOCK_MOST = 600 << 10;

export interface SegmentHead {
  readonly serviceTag: number;
  readonly epoch: number;
  /** Of the first byte in the segment. */
  readonly position: number;
}

export type HeadResult =
  | { readonly ok: true; readonly head: SegmentHead; readonly key: KeyObject }
  | { readonly ok: false; readonly reason: string };

/** A name that sorts by position. */
export function segmentName(position: number): string {
  return `${position.toString(16).padStart(16, '0')}.log`;
}

/** The positions at which segments begin, ascending, from the names in a directory; names of other files are passed over. */
export function segmentPositions(names: readonly string[]): number[] {
  return names
    .filter((name) => /^00[01][0-9a-f]{13}\.log$/.test(name))
    .map((name) => Number.parseInt(name, 16))
    .sort((a, b) => a - b);
}

/** Writes the head, and returns the key for what follows. @param salt random, for this segment alone. */
export function writeHead(into: Uint8Array, head: SegmentHead, serviceKey: Uint8Array, salt: Uint8Array): KeyObject {
  into.set(MAGIC);
  setU32(into, HEAD_VERSION, VERSION);
  setU32(into, HEAD_SERVICE, head.serviceTag);
  setU64(into, HEAD_EPOCH, head.epoch);
  setU64(into, HEAD_POSITION, head.position);
  into.set(salt, HEAD_SALT);
  const key = segmentKey(serviceKey, salt);
  const cipher = createCipheriv(CIPHER, key, nonce(HEAD_NUMBER));
  cipher.setAAD(into.subarray(0, HEAD_TAG));
  cipher.final();
  into.set(cipher.getAuthTag(), HEAD_TAG);
  return key;
}

/** @param bytes HEAD_BYTES or more. */
export function readHead(bytes: Uint8Array, serviceKey: Uint8Array, serviceTag: number): HeadResult {
  if (!equalBytes(bytes, 0, MAGIC, 0, MAGIC.length)) return { ok: false, reason: 'it is no segment of a retained log' };
  const version = getU32(bytes, HEAD_VERSION);
  if (version !== VERSION) return { ok: false, reason: `its version is ${version}, not ${VERSION}` };
  if (getU32(bytes, HEAD_SERVICE) !== serviceTag) return { ok: false, reason: 'it belongs to another service' };
  const key = segmentKey(serviceKey, bytes.subarray(HEAD_SALT, HEAD_TAG));
  const decipher = createDecipheriv(CIPHER, key, nonce(HEAD_NUMBER));
  decipher.setAAD(bytes.subarray(0, HEAD_TAG));
  decipher.setAuthTag(bytes.subarray(HEAD_TAG, HEAD_BYTES));
  try {
    decipher.final();
  } catch {
    return { ok: false, reason: 'its head is damaged, or sealed with another key' };
  }
  return {
    ok: true,
    head: { serviceTag, epoch: getU64(bytes, HEAD_EPOCH), position: getU64(bytes, HEAD_POSITION) },
    key,
  };
}

/**
 * Seals frames as a block; no frames at all mark the end of the segment.
 * @param into BLOCK_OVERHEAD larger than the frames.
 * @returns the block's length.
 */
export function sealBlock(
  key: KeyObject,
  number: number,
  position: number,
  frames: Uint8Array,
  into: Uint8Array,
): number {
  setU32(into, 0, frames.length);
  setU32(into, BLOCK_NUMBER, number);
  setU64(into, BLOCK_POSITION, position);
  const cipher = createCipheriv(CIPHER, key, nonce(number));
  cipher.setAAD(into.subarray(0, BLOCK_DATA));
  into.set(cipher.update(frames), BLOCK_DATA);
  cipher.final();
  into.set(cipher.getAuthTag(), BLOCK_DATA + frames.length);
  return BLOCK_OVERHEAD + frames.length;
}

/** The length of the block at `offset`; 0 when it is not there whole; −1 when none can be so long. */
export function blockLength(bytes: Uint8Array, offset: number, available: number): number {
  if (available < BLOCK_DATA) return 0;
  const length = getU32(bytes, offset);
  if (length > BLOCK_MOST) return -1;
  return available < BLOCK_OVERHEAD + length ? 0 : BLOCK_OVERHEAD + length;
}

/** Copies the frames of a whole block into `target`. @returns their length, or −1 when it is not the block of this position. */
export function openBlock(key: KeyObject, position: number, block: Uint8Array, target: Uint8Array): number {
  if (getU64(block, BLOCK_POSITION) !== position) return -1;
  const end = block.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonce(getU32(block, BLOCK_NUMBER)));
  decipher.setAAD(block.subarray(0, BLOCK_DATA));
  decipher.setAuthTag(block.subarray(end));
  const frames = decipher.update(block.subarray(BLOCK_DATA, end));
  try {
    decipher.final();
  } catch {
    return -1;
  }
  target.set(frames);
  return frames.length;
}

function segmentKey(serviceKey: Uint8Array, salt: Uint8Array): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', serviceKey, salt, KEY_INFO, KEY_BYTES)));
}

function nonce(number: number): Uint8Array {
  const bytes = new Uint8Array(NONCE_BYTES);
  setU32(bytes, NONCE_BYTES - 4, number);
  return bytes;
}
