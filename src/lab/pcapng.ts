/**
 * Capture files as Wireshark reads them: pcapng, IETF draft-ietf-opsawg-pcapng. One section, one or more Ethernet
 * interfaces, packets with nanoseconds, cut to a snap length, and marks: empty packets that carry a comment. Pure.
 */

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPTION_COMMENT = 1;
const OPTION_INTERFACE_NAME = 2;
const OPTION_TIMESTAMP_RESOLUTION = 9;
const NANOSECONDS = 9;

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
  return block(INTERFACE_DESCRIPTION, join([new Uint8Array(fixed.buffer), ...options]));
}

/**
 * @param seconds of the time, since 1970, and `nanoseconds` of that second
 * @param captured the first bytes of the frame
 * @param originalLength the frame's own length
 */
export function packet(
  interfaceIndex: number,
  seconds: number,
  nanoseconds: number,
  captured: Uint8Array,
  originalLength: number,
  comment?: string,
): Uint8Array {
  const fixed = new DataView(new ArrayBuffer(20));
  const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  fixed.setUint32(0, interfaceIndex, true);
  fixed.setUint32(4, Number(time >> 32n), true);
  fixed.setUint32(8, Number(time & 0xffffffffn), true);
  fixed.setUint32(12, captured.length, true);
  fixed.setUint32(16, originalLength, true);
  const parts = [new Uint8Array(fixed.buffer), captured, new Uint8Array(padded(captured.length) - captured.length)];
  if (comment !== undefined) parts.push(option(OPTION_COMMENT, text.encode(comment)), option(0, new Uint8Array(0)));
  return block(ENHANCED_PACKET, join(parts));
}

/** Something that happened beside the packets: an empty packet with a comment. */
export function mark(interfaceIndex: number, seconds: number, nanoseconds: number, comment: string): Uint8Array {
  return packet(interfaceIndex, seconds, nanoseconds, new Uint8Array(0), 0, comment);
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

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
