/**
 * Writes the headers of a TCP segment that the daemon makes itself: of the virtual client, or on the server's behalf.
 * Options are laid out as Linux lays them out, so that its fast paths recognise them.
 */
import { assert } from '../errors.ts';
import { setU16, setU32 } from './bytes.ts';
import { foldSum, ipv4HeaderChecksum, pseudoHeaderSum } from './checksum.ts';
import { IPV4_HEADER, IPV6_HEADER, PROTOCOL_TCP } from './ip.ts';
import { IP_BYTES, isIpv4, storeIp } from './ip-address.ts';
import { type Seq, seq } from './seq.ts';
import {
  OPTION_MSS,
  OPTION_NOP,
  OPTION_SACK,
  OPTION_SACK_PERMITTED,
  OPTION_TIMESTAMPS,
  OPTION_WINDOW_SCALE,
  SYN,
  TCP_CHECKSUM,
  TCP_HEADER,
  writeTcpHeader,
} from './tcp.ts';

export const HOP_LIMIT = 64;
/** With timestamps there is room for three blocks. RFC 2018 §3 */
export const SACK_BLOCKS_MAX = 3;

const DONT_FRAGMENT = 0x4000; // RFC 791 §3.1; RFC 6864 §4.1: the identification may then be anything

/** A segment to be written; meant to be filled in again and again. The names and defaults are those of `Segment`. */
export class SegmentFields {
  /** 16 bytes each (`ip-address.ts`); their kind decides the family. */
  source: Uint8Array = new Uint8Array(IP_BYTES);
  destination: Uint8Array = new Uint8Array(IP_BYTES);
  sourcePort = 0;
  destinationPort = 0;
  seq: Seq = seq(0);
  ack: Seq = seq(0);
  flags = 0;
  window = 0;
  urgentPointer = 0;
  /** How many bytes of payload the caller puts behind the headers. */
  dataLength = 0;
  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  /** With SYN only, as are the next two; 0 leaves the option out. */
  mss = 0;
  /** −1 leaves the option out. */
  windowScale = -1;
  sackPermitted = false;
  /** Without SYN only; at most `SACK_BLOCKS_MAX`. */
  sackCount = 0;
  /** Left and right edge of each block in turn. */
  readonly sack: Uint32Array = new Uint32Array(2 * SACK_BLOCKS_MAX);
}

/**
 * Writes IP and TCP header of the segment and returns their length; the payload belongs behind them. The checksum field
 * holds the pseudo-header's sum, as VIRTIO_NEEDS_CSUM wants it. `csum_start` is the returned length less `tcpHeaderLength`.
 */
export function writeSegment(bytes: Uint8Array, offset: number, fields: SegmentFields): number {
  const family = isIpv4(fields.source) ? 4 : 6;
  const ipHeader = family === 4 ? IPV4_HEADER : IPV6_HEADER;
  const tcp = offset + ipHeader;
  const tcpHeader = tcpHeaderLength(fields);
  const tcpLength = tcpHeader + fields.dataLength;
  assert(tcpLength + IPV4_HEADER <= 0xffff, 'a segment fits into one packet');
  if (family === 4) writeIpv4(bytes, offset, PROTOCOL_TCP, fields.source, fields.destination, tcpLength);
  else writeIpv6(bytes, offset, PROTOCOL_TCP, fields.source, fields.destination, tcpLength);
  writeTcpHeader(
    bytes,
    tcp,
    fields.sourcePort,
    fields.destinationPort,
    fields.seq,
    fields.ack,
    tcpHeader,
    fields.flags,
    fields.window,
    fields.urgentPointer,
  );
  if ((fields.flags & SYN) !== 0) writeSynOptions(bytes, tcp + TCP_HEADER, fields);
  else writeOptions(bytes, tcp + TCP_HEADER, fields);
  setU16(bytes, tcp + TCP_CHECKSUM, foldSum(pseudoHeaderSum(bytes, offset, family, PROTOCOL_TCP, tcpLength)));
  return ipHeader + tcpHeader;
}

/** The length of the TCP header that `writeSegment` will write. */
export function tcpHeaderLength(fields: SegmentFields): number {
  let length = TCP_HEADER + (fields.hasTimestamps ? 12 : 0);
  if ((fields.flags & SYN) === 0) return length + (fields.sackCount > 0 ? 4 + 8 * fields.sackCount : 0);
  if (fields.mss > 0) length += 4;
  if (fields.sackPermitted && !fields.hasTimestamps) length += 4;
  return fields.windowScale >= 0 ? length + 4 : length;
}

/** RFC 791 §3.1 */
export function writeIpv4(
  bytes: Uint8Array,
  offset: number,
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
  payloadLength: number,
): void {
  setU16(bytes, offset, 0x4500);
  setU16(bytes, offset + 2, IPV4_HEADER + payloadLength);
  setU16(bytes, offset + 4, 0);
  setU16(bytes, offset + 6, DONT_FRAGMENT);
  bytes[offset + 8] = HOP_LIMIT;
  bytes[offset + 9] = protocol;
  storeIp(bytes, offset + 12, source, 4);
  storeIp(bytes, offset + 16, destination, 4);
  ipv4HeaderChecksum(bytes, offset);
}

/** RFC 8200 §3 */
export function writeIpv6(
  bytes: Uint8Array,
  offset: number,
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
  payloadLength: number,
): void {
  setU32(bytes, offset, 0x60000000);
  setU16(bytes, offset + 4, payloadLength);
  bytes[offset + 6] = protocol;
  bytes[offset + 7] = HOP_LIMIT;
  storeIp(bytes, offset + 8, source, 6);
  storeIp(bytes, offset + 24, destination, 6);
}

/** MSS, then SACK permitted in the two bytes that would pad the timestamps, then the window scale. */
function writeSynOptions(bytes: Uint8Array, at: number, fields: SegmentFields): void {
  if (fields.mss > 0) {
    setU16(bytes, at, (OPTION_MSS << 8) | 4);
    setU16(bytes, at + 2, fields.mss);
    at += 4;
  }
  if (fields.sackPermitted || fields.hasTimestamps) {
    const permitted = (OPTION_SACK_PERMITTED << 8) | 2;
    const nops = (OPTION_NOP << 8) | OPTION_NOP;
    if (!fields.hasTimestamps) {
      setU16(bytes, at, nops);
      setU16(bytes, at + 2, permitted);
      at += 4;
    } else at = writeTimestamps(bytes, at, fields.sackPermitted ? permitted : nops, fields);
  }
  if (fields.windowScale >= 0) {
    setU16(bytes, at, (OPTION_NOP << 8) | OPTION_WINDOW_SCALE);
    setU16(bytes, at + 2, (3 << 8) | fields.windowScale);
  }
}

/** RFC 7323 appendix A: two NOPs and the timestamps, so that they lie aligned; then SACK likewise. */
function writeOptions(bytes: Uint8Array, at: number, fields: SegmentFields): void {
  if (fields.hasTimestamps) at = writeTimestamps(bytes, at, (OPTION_NOP << 8) | OPTION_NOP, fields);
  if (fields.sackCount === 0) return;
  assert(fields.sackCount <= SACK_BLOCKS_MAX, 'no more SACK blocks than fit');
  setU16(bytes, at, (OPTION_NOP << 8) | OPTION_NOP);
  setU16(bytes, at + 2, (OPTION_SACK << 8) | (2 + 8 * fields.sackCount));
  for (let i = 0; i < 2 * fields.sackCount; i++) setU32(bytes, at + 4 + 4 * i, fields.sack[i] as number);
}

function writeTimestamps(bytes: Uint8Array, at: number, before: number, fields: SegmentFields): number {
  setU16(bytes, at, before);
  setU16(bytes, at + 2, (OPTION_TIMESTAMPS << 8) | 10);
  setU32(bytes, at + 4, fields.tsVal);
  setU32(bytes, at + 8, fields.tsEcr);
  return at + 12;
}
