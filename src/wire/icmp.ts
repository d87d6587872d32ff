/**
 * ICMP for both families (RFC 792, RFC 4443): echo requests and their replies, errors with the TCP header that they
 * quote, which must be translated like any other, and the errors that nudge a client.
 */
import { assert } from '../errors.ts';
import { copyBytes, getU8, getU16, getU32, setU16, setU32 } from './bytes.ts';
import { checksum, foldSum, pseudoHeaderSum, sumBytes, updateChecksum16, updateChecksum32 } from './checksum.ts';
import { IPV4_HEADER, IPV6_HEADER, type IpPacket, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP } from './ip.ts';
import { isIpv4 } from './ip-address.ts';
import { HOP_LIMIT, writeIpv4, writeIpv6 } from './segment-writer.ts';
import { type Seq, seq } from './seq.ts';
import { TCP_ACK, TCP_DESTINATION_PORT, TCP_SEQ } from './tcp.ts';

export const ICMP_HEADER = 8;

// Types and codes. RFC 792
export const ICMP_ECHO_REPLY = 0;
export const ICMP_UNREACHABLE = 3;
export const ICMP_HOST_UNREACHABLE = 1;
export const ICMP_PORT_UNREACHABLE = 3;
export const ICMP_FRAGMENTATION_NEEDED = 4; // RFC 1191 §4
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

// Types and codes. RFC 4443 §3, §4
export const ICMPV6_UNREACHABLE = 1;
export const ICMPV6_NO_ROUTE = 0;
export const ICMPV6_PORT_UNREACHABLE = 4; // RFC 4443 §3.1
export const ICMPV6_PACKET_TOO_BIG = 2;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;

/** All of an error, IP header included. RFC 1812 §4.3.2.3 */
const ERROR_BYTES_MAX = 576;
/** RFC 4443 §2.4(c): the minimum MTU of IPv6. */
const ERROR_BYTES_MAX_V6 = 1280;

/** Ports and sequence number: all of a TCP header that an error is bound to quote. RFC 792, "Internet Header + 64 bits" */
const QUOTED_TCP_MIN = 8;
const NO_SEQ = seq(0);

/** A reusable view of the ICMP message in an IP packet. Its setters keep the message's checksum right. */
export class IcmpView {
  bytes: Uint8Array = new Uint8Array(0);
  family: 4 | 6 = 4;
  /** Of the ICMP header in `bytes`. */
  offset = 0;
  /** Header and body. */
  length = 0;
  type = 0;
  code = 0;
  /** Of the addresses in the IP header that is quoted, of `family`; −1 if no TCP segment is quoted. */
  quotedSourceOffset = -1;
  quotedDestinationOffset = -1;
  /** Of the TCP header that is quoted: at least its ports and sequence number. −1 if there is none. */
  quotedTcpOffset = -1;
  /** How much of the TCP segment is quoted. */
  quotedTcpLength = 0;

  private ipOffset = 0;

  /** Looks at a packet for which `parseIp` returned ''. False if no whole ICMP message is in it. */
  set(packet: IpPacket): boolean {
    this.quotedSourceOffset = -1;
    this.quotedDestinationOffset = -1;
    this.quotedTcpOffset = -1;
    this.quotedTcpLength = 0;
    const protocol = packet.family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    if (packet.protocol !== protocol || packet.isFragment || packet.transportLength < ICMP_HEADER) return false;
    this.bytes = packet.bytes;
    this.family = packet.family;
    this.ipOffset = packet.ipOffset;
    this.offset = packet.transportOffset;
    this.length = packet.transportLength;
    this.type = getU8(this.bytes, this.offset);
    this.code = getU8(this.bytes, this.offset + 1);
    if (this.isError) this.findQuotedTcp(this.offset + ICMP_HEADER, this.offset + this.length);
    return true;
  }

  get isEchoRequest(): boolean {
    return this.type === (this.family === 4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST);
  }

  /** Whether the message quotes a packet. RFC 1122 §3.2.2, RFC 4443 §2.1 */
  get isError(): boolean {
    if (this.family === 6) return this.type < ICMPV6_ECHO_REQUEST;
    return (
      this.type === ICMP_UNREACHABLE ||
      this.type === ICMP_SOURCE_QUENCH ||
      this.type === ICMP_REDIRECT ||
      this.type === ICMP_TIME_EXCEEDED ||
      this.type === ICMP_PARAMETER_PROBLEM
    );
  }

  /** The second word of the header: identifier and sequence number of an echo, MTU of "fragmentation needed". */
  get rest(): number {
    return getU32(this.bytes, this.offset + 4);
  }

  /** RFC 792; for ICMPv6 with a pseudo-header, RFC 4443 §2.3. */
  checksumOk(): boolean {
    const { bytes, ipOffset, length } = this;
    const initial = this.family === 4 ? 0 : pseudoHeaderSum(bytes, ipOffset, 6, PROTOCOL_ICMPV6, length);
    return foldSum(sumBytes(bytes, this.offset, length, initial)) === 0xffff;
  }

  /** Of the quoted segment, as are all that follow; only where `quotedTcpOffset` is not −1. */
  get quotedSourcePort(): number {
    return getU16(this.bytes, this.quotedTcpOffset);
  }

  get quotedDestinationPort(): number {
    return getU16(this.bytes, this.quotedTcpOffset + TCP_DESTINATION_PORT);
  }

  get quotedSeq(): Seq {
    return seq(getU32(this.bytes, this.quotedTcpOffset + TCP_SEQ));
  }

  /** Whether so much was quoted that the ACK is in it. */
  get hasQuotedAck(): boolean {
    return this.quotedTcpLength >= TCP_ACK + 4;
  }

  get quotedAck(): Seq {
    return this.hasQuotedAck ? seq(getU32(this.bytes, this.quotedTcpOffset + TCP_ACK)) : NO_SEQ;
  }

  setQuotedSeq(value: Seq): void {
    assert(this.quotedTcpOffset >= 0, 'a quoted SEQ is set only where one is quoted');
    this.replaceWord(this.quotedTcpOffset + TCP_SEQ, value);
  }

  setQuotedAck(value: Seq): void {
    assert(this.hasQuotedAck, 'a quoted ACK is set only where one is quoted');
    this.replaceWord(this.quotedTcpOffset + TCP_ACK, value);
  }

  /**
   * The quoted packet ends where the error does, not where its own header says. Every IP header is a multiple of four
   * bytes long, so the quoted fields lie even, as the incremental checksum needs it.
   */
  private findQuotedTcp(quoted: number, end: number): void {
    const { bytes, family } = this;
    const headerMin = family === 4 ? IPV4_HEADER : IPV6_HEADER;
    if (quoted + headerMin > end || getU8(bytes, quoted) >>> 4 !== family) return;
    const header = family === 4 ? (getU8(bytes, quoted) & 0xf) * 4 : IPV6_HEADER;
    const protocol = getU8(bytes, quoted + (family === 4 ? 9 : 6));
    const isLaterFragment = family === 4 && (getU16(bytes, quoted + 6) & 0x1fff) !== 0;
    if (header < headerMin || protocol !== PROTOCOL_TCP || isLaterFragment) return;
    if (quoted + header + QUOTED_TCP_MIN > end) return;
    this.quotedSourceOffset = quoted + (family === 4 ? 12 : 8);
    this.quotedDestinationOffset = quoted + (family === 4 ? 16 : 24);
    this.quotedTcpOffset = quoted + header;
    this.quotedTcpLength = end - this.quotedTcpOffset;
  }

  private replaceWord(at: number, value: number): void {
    const check = getU16(this.bytes, this.offset + 2);
    setU16(this.bytes, this.offset + 2, updateChecksum32(check, getU32(this.bytes, at), value));
    setU32(this.bytes, at, value);
  }
}

/** Turns the echo request in `packet` into its reply where it lies, payload and options kept. RFC 1122 §3.2.2.6 */
export function echoRequestToReply(packet: IpPacket): void {
  const { bytes, family, ipOffset, transportOffset } = packet;
  const addressBytes = family === 4 ? 4 : 16;
  for (let i = 0; i < addressBytes; i++) {
    const source = getU8(bytes, packet.sourceOffset + i);
    bytes[packet.sourceOffset + i] = getU8(bytes, packet.destinationOffset + i);
    bytes[packet.destinationOffset + i] = source;
  }
  const asked = getU16(bytes, transportOffset);
  const answered = (family === 4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY) << 8;
  setU16(bytes, transportOffset, answered);
  setU16(bytes, transportOffset + 2, updateChecksum16(getU16(bytes, transportOffset + 2), asked, answered));
  setHopLimit(bytes, ipOffset, family);
  packet.hopLimit = HOP_LIMIT;
}

function setHopLimit(bytes: Uint8Array, ipOffset: number, family: 4 | 6): void {
  if (family === 6) {
    bytes[ipOffset + 7] = HOP_LIMIT;
    return;
  }
  const before = getU16(bytes, ipOffset + 8);
  bytes[ipOffset + 8] = HOP_LIMIT;
  const after = getU16(bytes, ipOffset + 8);
  setU16(bytes, ipOffset + 10, updateChecksum16(getU16(bytes, ipOffset + 10), before, after));
}

/** What an error quotes, and between whom it goes. */
export interface IcmpQuote {
  /** 16 bytes each (`ip-address.ts`). */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** Where the quoted packet lies, from its IP header on, and how much of it there is to quote. */
  readonly quoted: Uint8Array;
  readonly quotedOffset: number;
  readonly quotedLength: number;
}

/**
 * Writes an error, from its IP header on, and returns its length; `rest` is the second word of the ICMP header. What is
 * quoted is cut to the length that the standards allow. RFC 792, RFC 4443 §3
 */
export function writeIcmpError(
  bytes: Uint8Array,
  offset: number,
  type: number,
  code: number,
  rest: number,
  quote: IcmpQuote,
): number {
  const isV4 = isIpv4(quote.from);
  const ipHeader = isV4 ? IPV4_HEADER : IPV6_HEADER;
  const room = (isV4 ? ERROR_BYTES_MAX : ERROR_BYTES_MAX_V6) - ipHeader - ICMP_HEADER;
  const quotedLength = Math.min(quote.quotedLength, room);
  const length = ICMP_HEADER + quotedLength;
  const icmp = offset + ipHeader;
  if (isV4) writeIpv4(bytes, offset, PROTOCOL_ICMP, quote.from, quote.to, length);
  else writeIpv6(bytes, offset, PROTOCOL_ICMPV6, quote.from, quote.to, length);
  bytes[icmp] = type;
  bytes[icmp + 1] = code;
  setU16(bytes, icmp + 2, 0);
  setU32(bytes, icmp + 4, rest);
  copyBytes(bytes, icmp + ICMP_HEADER, quote.quoted, quote.quotedOffset, quotedLength);
  const initial = isV4 ? 0 : pseudoHeaderSum(bytes, offset, 6, PROTOCOL_ICMPV6, length);
  setU16(bytes, icmp + 2, checksum(bytes, icmp, length, initial));
  return ipHeader + length;
}

/** "Fragmentation needed" (RFC 1191 §4) or "Packet Too Big" (RFC 4443 §3.2) with the next hop's MTU in bytes. */
export function writeIcmpFragmentationNeeded(bytes: Uint8Array, offset: number, mtu: number, quote: IcmpQuote): number {
  return isIpv4(quote.from)
    ? writeIcmpError(bytes, offset, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, mtu & 0xffff, quote)
    : writeIcmpError(bytes, offset, ICMPV6_PACKET_TOO_BIG, 0, mtu, quote);
}

/** "Host unreachable" or "no route to destination": after it a sender undoes its back-off (RFC 6069 §4). */
export function writeIcmpHostUnreachable(bytes: Uint8Array, offset: number, quote: IcmpQuote): number {
  return isIpv4(quote.from)
    ? writeIcmpError(bytes, offset, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0, quote)
    : writeIcmpError(bytes, offset, ICMPV6_UNREACHABLE, ICMPV6_NO_ROUTE, 0, quote);
}

/** "Port unreachable": whoever sent the datagram gets an error at once instead of waiting for an answer. */
export function writeIcmpPortUnreachable(bytes: Uint8Array, offset: number, quote: IcmpQuote): number {
  return isIpv4(quote.from)
    ? writeIcmpError(bytes, offset, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0, quote)
    : writeIcmpError(bytes, offset, ICMPV6_UNREACHABLE, ICMPV6_PORT_UNREACHABLE, 0, quote);
}
