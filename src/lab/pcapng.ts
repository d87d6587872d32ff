/**
 * Capture files as Wireshark reads them: pcapng, IETF draft-ietf-opsawg-pcapng. One section, one or more Ethernet
 * interfaces, packets with nanoseconds, cut to a snap length, and marks: empty packets that carry a comment. Pure.
 */
import { joinBytes } from '../wire/bytes.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPTION_COMMENT = 1;
const OPTION_INTERFACE_NAME = 2;
const OPTION_TIMESTAMP_RESOLUTION = 9;
const NANOSECONDS = 9;
/** Of an enhanced packet block without a frame. */
const PACKET_BYTES = 32;

const text = new TextEncoder();
const padded = (length: number): number => (length + 3) & ~3;

export function sectionHeader(): Uint8Array {
  const body = new DataView(new ArrayBuffer(16));
  body.setUint32(0, BYTE_ORDER_MAGIC, true);
  body.setUint16(4, 1, true); // version 1.0
  body.setBigInt64(8, -1n, true); // the section's length is not known
  return block(SECTION_HEADER, new Uint8Array(body.buffer));
}

/** Interfaces are numbered from 0 in the order in which they are described. */
export function interfaceDescription(name: string, snapLength: number): Uint8Array {
  const fixed = new DataView(new ArrayBuffer(8));
  fixed.setUint16(0, LINKTYPE_ETHERNET, true);
  fixed.setUint32(4, snapLength, true);
  const options = [
    option(OPTION_INTERFACE_NAME, text.encode(name)),
    option(OPTION_TIMESTAMP_RESOLUTION, Uint8Array.of(NANOSECONDS)),
    option(0, new Uint8Array(0)),
  ];
  return block(INTERFACE_DESCRIPTION, joinBytes(new Uint8Array(fixed.buffer), ...options));
}

/** Bytes that `writePacket` needs. */
export const packetBytes = (capturedLength: number): number => PACKET_BYTES + padded(capturedLength);

/**
 * Writes a packet without making anything: captures are long. Returns the offset after it.
 * @param seconds of the time, since 1970, and `nanoseconds` of that second
 * @param frame of which the first `capturedLength` bytes are kept
 * @param originalLength the frame's own length
 */
export function writePacket(
  target: Uint8Array,
  view: DataView,
  at: number,
  interfaceIndex: number,
  seconds: number,
  nanoseconds: number,
  frame: Uint8Array,
  capturedLength: number,
  originalLength: number,
): number {
  const length = packetBytes(capturedLength);
  // The time in nanoseconds has 61 bits: its low word is exact modulo 2³², and the high word is what is missing.
  const lowOfSeconds = Math.imul(seconds, 1e9) >>> 0;
  const low = lowOfSeconds + nanoseconds;
  const high = Math.round((seconds * 1e9 - lowOfSeconds) / 2 ** 32) + (low >= 2 ** 32 ? 1 : 0);
  view.setUint32(at, ENHANCED_PACKET, true);
  view.setUint32(at + 4, length, true);
  view.setUint32(at + 8, interfaceIndex, true);
  view.setUint32(at + 12, high, true);
  view.setUint32(at + 16, low, true);
  view.setUint32(at + 20, capturedLength, true);
  view.setUint32(at + 24, originalLength, true);
  const end = at + length - 4;
  for (let i = 0; i < capturedLength; i++) target[at + 28 + i] = frame[i] ?? 0;
  target.fill(0, at + 28 + capturedLength, end);
  view.setUint32(end, length, true);
  return end + 4;
}

/** Something that happened beside the packets: an empty packet with a comment. */
export function mark(interfaceIndex: number, seconds: number, nanoseconds: number, comment: string): Uint8Array {
  const empty = new Uint8Array(PACKET_BYTES);
  writePacket(empty, new DataView(empty.buffer), 0, interfaceIndex, seconds, nanoseconds, empty, 0, 0);
  const fixed = empty.subarray(8, PACKET_BYTES - 4);
  return block(
    ENHANCED_PACKET,
    joinBytes(fixed, option(OPTION_COMMENT, text.encode(comment)), option(0, new Uint8Array(0))),
  );
}

function option(code: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + padded(value.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  bytes.set(value, 4);
  return bytes;
}

function block(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes.length, true);
  bytes.set(body, 8);
  view.setUint32(bytes.length - 4, bytes.length, true);
  return bytes;
}
