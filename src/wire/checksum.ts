/**
 * The Internet checksum: RFC 1071 computed over bytes, RFC 1624 updated for a changed word. A *sum* here is a partial
 * one's-complement sum in network order that further words may be added to; a *checksum* is its folded complement, as
 * packets carry it.
 */
import { getU16, getU32 } from './bytes.ts';

/** Below this a sum by bytes is as fast as one by words, which has to look its view up. */
const WORDS_FROM_BYTES = 512;

/** 128 KB: half of what an accumulator of 32 bits takes before it overflows. A packet is one run, a jumbogram several. */
const RUN_WORDS = 0x8000;

/** A view of 32-bit words for each packet buffer ever summed; it goes when the buffer goes. */
const wordViews = new WeakMap<ArrayBufferLike, Uint32Array>();

/** RFC 1071 §2(B): a sum over words in the wrong byte order is the sum with its bytes exchanged. */
const NATIVE_IS_LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Adds `length` bytes to the sum `initial`; an odd last byte counts as a word's high half (RFC 1071 §1). */
export function sumBytes(bytes: Uint8Array, offset: number, length: number, initial = 0): number {
  if (length < WORDS_FROM_BYTES) return initial + sumByBytes(bytes, offset, length);
  const head = -(bytes.byteOffset + offset) & 3;
  const aligned = offset + head;
  const wordCount = (length - head) >>> 2;
  const tail = aligned + wordCount * 4;
  const native = foldSum(sumByWords(wordsOf(bytes.buffer), (bytes.byteOffset + aligned) >>> 2, wordCount));
  const body = (NATIVE_IS_LITTLE ? swap16(native) : native) + sumByBytes(bytes, tail, offset + length - tail);
  const rest = (head & 1) === 0 ? body : swap16(foldSum(body));
  return initial + sumByBytes(bytes, offset, head) + rest;
}

/** Folds the carries of a sum, any safe integer, into 16 bits. */
export function foldSum(sum: number): number {
  while (sum > 0xffffffff) sum = (sum >>> 0) + Math.floor(sum / 0x100000000);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

export function checksum(bytes: Uint8Array, offset: number, length: number, initial = 0): number {
  return ~foldSum(sumBytes(bytes, offset, length, initial)) & 0xffff;
}

/**
 * The sum of the pseudo-header of TCP, UDP or ICMPv6 (RFC 9293 §3.1, RFC 8200 §8.1), its addresses read from the IP
 * header at `ipOffset`; `length` is that of transport header and data.
 */
export function pseudoHeaderSum(
  bytes: Uint8Array,
  ipOffset: number,
  family: 4 | 6,
  protocol: number,
  length: number,
): number {
  const fixed = protocol + (length & 0xffff) + (length >>> 16);
  return family === 4 ? sumByBytes(bytes, ipOffset + 12, 8) + fixed : sumByBytes(bytes, ipOffset + 8, 32) + fixed;
}

/** The checksum after one 16-bit word changed. RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m'). */
export function updateChecksum16(check: number, oldWord: number, newWord: number): number {
  return ~foldSum((~check & 0xffff) + (~oldWord & 0xffff) + newWord) & 0xffff;
}

/** The same for a 32-bit field at an even distance from the begin of the data; at an odd one the words straddle it. */
export function updateChecksum32(check: number, oldValue: number, newValue: number): number {
  const removed = (~oldValue & 0xffff) + (~oldValue >>> 16);
  return ~foldSum((~check & 0xffff) + removed + (newValue & 0xffff) + (newValue >>> 16)) & 0xffff;
}

/** Offset of the checksum within an IPv4 header. RFC 791 §3.1 */
const IPV4_CHECKSUM = 10;

/** Fills in the header checksum of the IPv4 header at `offset`. RFC 791 §3.1 */
export function ipv4HeaderChecksum(bytes: Uint8Array, offset: number): void {
  const headerLength = ((bytes[offset] as number) & 0xf) * 4;
  bytes[offset + IPV4_CHECKSUM] = 0;
  bytes[offset + IPV4_CHECKSUM + 1] = 0;
  const check = checksum(bytes, offset, headerLength);
  bytes[offset + IPV4_CHECKSUM] = check >>> 8;
  bytes[offset + IPV4_CHECKSUM + 1] = check;
}

function sumByBytes(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let sum = 0;
  let i = offset;
  for (; i + 8 <= end; i += 8) {
    const first = getU32(bytes, i);
    const second = getU32(bytes, i + 4);
    sum += (first >>> 16) + (first & 0xffff) + (second >>> 16) + (second & 0xffff);
  }
  for (; i + 2 <= end; i += 2) sum += getU16(bytes, i);
  return i < end ? sum + ((bytes[i] as number) << 8) : sum;
}

function sumByWords(words: Uint32Array, from: number, count: number): number {
  const end = from + count;
  let sum = 0;
  for (; from < end; from += RUN_WORDS) sum += sumRun(words, from, Math.min(from + RUN_WORDS, end));
  return sum;
}

/** Two accumulators, so that neither waits for the other. */
function sumRun(words: Uint32Array, from: number, end: number): number {
  let even = 0;
  let odd = 0;
  let i = from;
  for (; i + 4 <= end; i += 4) {
    const a = words[i] as number;
    const b = words[i + 1] as number;
    const c = words[i + 2] as number;
    const d = words[i + 3] as number;
    even = (even + (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16)) | 0;
    odd = (odd + (c & 0xffff) + (c >>> 16) + (d & 0xffff) + (d >>> 16)) | 0;
  }
  for (; i < end; i++) even = (even + ((words[i] as number) & 0xffff) + ((words[i] as number) >>> 16)) | 0;
  return (even >>> 0) + (odd >>> 0);
}

function wordsOf(buffer: ArrayBufferLike): Uint32Array {
  const known = wordViews.get(buffer);
  if (known !== undefined) return known;
  const words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2);
  wordViews.set(buffer, words);
  return words;
}

function swap16(sum: number): number {
  return ((sum & 0xff) << 8) | (sum >>> 8);
}
