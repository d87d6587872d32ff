/**
 * A reusable view of one IP packet, of either family: `parseIp` checks the lengths once, and what it says is then safe
 * to read. Extension headers of IPv6 are walked over; a fragment is recognised, and what it carries is left alone.
 * `Segment` extends it for TCP.
 */
import { getU8, getU16, getU32, setU16, setU32 } from './bytes.ts';
import { foldSum, ipv4HeaderChecksum, sumBytes } from './checksum.ts';
import { loadIp } from './ip-address.ts';

export const IPV4_HEADER = 20;
export const IPV6_HEADER = 40;

// https://www.iana.org/assignments/protocol-numbers
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ICMPV6 = 58;

// Extension headers. RFC 8200 §4
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const FRAGMENT_HEADER = 8;

// What `IpPacket.ecn` says. RFC 3168 §5
export const ECN_NOT_CAPABLE = 0;
export const ECN_CE = 3;

/** RFC 2675 §2: the option that gives the length of a packet whose payload is longer than 65,535 bytes. */
const JUMBO_OPTION = 0xc2;
const JUMBO_OPTION_DATA = 4;
/** RFC 8200 §4.2: padding of two bytes and more. */
const PADN_OPTION = 1;

export class IpPacket {
  bytes: Uint8Array = new Uint8Array(0);
  ipOffset = 0;
  /** The length that the header states; what follows it in `bytes` (Ethernet padding, say) is no part of the packet. */
  ipLength = 0;
  family: 4 | 6 = 4;
  /** Of the payload; for a fragment, of the packet that it is a part of. */
  protocol = 0;
  hopLimit = 0;
  /** Of the addresses in `bytes`: 4 bytes each for IPv4, 16 for IPv6. */
  sourceOffset = 0;
  destinationOffset = 0;
  transportOffset = 0;
  transportLength = 0;

  /** Whether the payload is only a part of the packet. An atomic IPv6 fragment (RFC 6946) is whole, hence none. */
  isFragment = false;
  /** In bytes, from the begin of the whole payload. */
  fragmentOffset = 0;
  moreFragments = false;
  fragmentId = 0;
  /** Offset of the IPv6 fragment header, −1 if there is none. */
  fragmentHeaderOffset = -1;
  /** Of the byte that says that the IPv6 fragment header follows; −1 if there is none. */
  fragmentNextHeaderOffset = -1;

  /** Offset of the jumbo payload length, −1 for all packets but jumbograms. */
  protected jumboOffset = -1;

  /** Looks at `length` bytes from `offset` on. Returns '' or what is wrong with them; it never throws. */
  parseIp(bytes: Uint8Array, offset: number, length: number): string {
    this.bytes = bytes;
    this.ipOffset = offset;
    this.isFragment = false;
    this.fragmentOffset = 0;
    this.moreFragments = false;
    this.fragmentHeaderOffset = -1;
    this.fragmentNextHeaderOffset = -1;
    this.jumboOffset = -1;
    if (length < IPV4_HEADER || offset + length > bytes.length) return 'short';
    const version = getU8(bytes, offset) >>> 4;
    if (version === 4) return this.parseIpv4(length);
    return version === 6 ? this.parseIpv6(length) : 'version';
  }

  /** Whether the IPv4 header's checksum is right (RFC 1122 §3.2.1.2: a wrong one is to be discarded); IPv6 has none. */
  headerChecksumOk(): boolean {
    if (this.family === 6) return true;
    return foldSum(sumBytes(this.bytes, this.ipOffset, (getU8(this.bytes, this.ipOffset) & 0xf) * 4)) === 0xffff;
  }

  /** Explicit congestion notification: the last two bits of what was the type of service. RFC 3168 §5 */
  get ecn(): number {
    const byte = getU8(this.bytes, this.ipOffset + 1);
    return (this.family === 4 ? byte : byte >>> 4) & 3;
  }

  /** Copies the source address into the 16 bytes of `into` at `at`. */
  copySource(into: Uint8Array, at = 0): void {
    loadIp(into, at, this.bytes, this.sourceOffset, this.family);
  }

  /** Copies the destination address into the 16 bytes of `into` at `at`. */
  copyDestination(into: Uint8Array, at = 0): void {
    loadIp(into, at, this.bytes, this.destinationOffset, this.family);
  }

  /** Cuts the payload's end off: sets the lengths, and the header's checksum for IPv4. */
  protected setTransportLength(length: number): void {
    const { bytes, ipOffset } = this;
    this.ipLength -= this.transportLength - length;
    this.transportLength = length;
    if (this.family === 4) {
      setU16(bytes, ipOffset + 2, this.ipLength);
      ipv4HeaderChecksum(bytes, ipOffset);
    } else this.setIpv6PayloadLength(this.ipLength - IPV6_HEADER);
  }

  // RFC 791 §3.1
  private parseIpv4(length: number): string {
    const { bytes, ipOffset } = this;
    const headerLength = (getU8(bytes, ipOffset) & 0xf) * 4;
    const totalLength = getU16(bytes, ipOffset + 2);
    if (headerLength < IPV4_HEADER || headerLength > totalLength) return 'header-length';
    if (totalLength > length) return 'short';
    const fragment = getU16(bytes, ipOffset + 6);
    this.family = 4;
    this.ipLength = totalLength;
    this.hopLimit = getU8(bytes, ipOffset + 8);
    this.protocol = getU8(bytes, ipOffset + 9);
    this.sourceOffset = ipOffset + 12;
    this.destinationOffset = ipOffset + 16;
    this.transportOffset = ipOffset + headerLength;
    this.transportLength = totalLength - headerLength;
    this.fragmentId = getU16(bytes, ipOffset + 4);
    this.fragmentOffset = (fragment & 0x1fff) * 8;
    this.moreFragments = (fragment & 0x2000) !== 0;
    this.isFragment = this.moreFragments || this.fragmentOffset > 0;
    return '';
  }

  // RFC 8200 §3
  private parseIpv6(length: number): string {
    const { bytes, ipOffset } = this;
    if (length < IPV6_HEADER) return 'short';
    const payloadLength = getU16(bytes, ipOffset + 4);
    const nextHeader = getU8(bytes, ipOffset + 6);
    this.family = 6;
    this.ipLength = IPV6_HEADER + payloadLength;
    this.hopLimit = getU8(bytes, ipOffset + 7);
    this.sourceOffset = ipOffset + 8;
    this.destinationOffset = ipOffset + 24;
    this.fragmentId = 0;
    if (payloadLength === 0 && nextHeader === HOP_BY_HOP) {
      const wrong = this.readJumboLength(length);
      if (wrong !== '') return wrong;
    }
    return this.ipLength > length ? 'short' : this.walkExtensions(nextHeader);
  }

  /** RFC 2675 §3. Linux writes the option first, and so large segments (BIG TCP) have it there. */
  private readJumboLength(length: number): string {
    const { bytes, ipOffset } = this;
    const option = ipOffset + IPV6_HEADER + 2;
    if (length < IPV6_HEADER + 8) return 'short';
    if (getU8(bytes, option) !== JUMBO_OPTION || getU8(bytes, option + 1) !== JUMBO_OPTION_DATA) return 'jumbo';
    const jumboLength = getU32(bytes, option + 2);
    if (jumboLength <= 0xffff) return 'jumbo';
    this.jumboOffset = option + 2;
    this.ipLength = IPV6_HEADER + jumboLength;
    return '';
  }

  private walkExtensions(nextHeader: number): string {
    const { bytes } = this;
    const end = this.ipOffset + this.ipLength;
    let at = this.ipOffset + IPV6_HEADER;
    let saidAt = this.ipOffset + 6;
    while (isExtension(nextHeader) && !this.isFragment) {
      if (at + 8 > end) return 'extension-header';
      if (nextHeader === FRAGMENT) {
        this.readFragmentHeader(at);
        this.fragmentNextHeaderOffset = saidAt;
        saidAt = at;
        nextHeader = getU8(bytes, at);
        at += FRAGMENT_HEADER;
        continue;
      }
      // RFC 8200 §4.4: with segments left the destination is not yet the one that checksums cover, nor ours to answer.
      if (nextHeader === ROUTING && getU8(bytes, at + 3) !== 0) return 'routing-header';
      nextHeader = getU8(bytes, at);
      saidAt = at;
      at += 8 + getU8(bytes, at + 1) * 8;
      if (at > end) return 'extension-header';
    }
    this.protocol = nextHeader;
    this.transportOffset = at;
    this.transportLength = end - at;
    return '';
  }

  // RFC 8200 §4.5
  private readFragmentHeader(at: number): void {
    const field = getU16(this.bytes, at + 2);
    this.fragmentHeaderOffset = at;
    this.fragmentOffset = field & 0xfff8;
    this.moreFragments = (field & 1) !== 0;
    this.fragmentId = getU32(this.bytes, at + 4);
    this.isFragment = this.moreFragments || this.fragmentOffset > 0;
  }

  private setIpv6PayloadLength(length: number): void {
    const { bytes, ipOffset, jumboOffset } = this;
    const stillJumbo = length > 0xffff;
    setU16(bytes, ipOffset + 4, stillJumbo ? 0 : length);
    if (jumboOffset < 0) return;
    setU32(bytes, jumboOffset, stillJumbo ? length : 0);
    if (stillJumbo) return;
    bytes[jumboOffset - 2] = PADN_OPTION; // RFC 2675 §3: a jumbo payload option must not come with a payload length
    this.jumboOffset = -1;
  }
}

function isExtension(nextHeader: number): boolean {
  return (
    nextHeader === HOP_BY_HOP || nextHeader === ROUTING || nextHeader === DESTINATION_OPTIONS || nextHeader === FRAGMENT
  );
}

/**
 * Marks the IP packet of `length` bytes at `offset` as having met congestion, if its sender understands that. Anything else, as ARP, stays.
 * RFC 3168 §5
 */
export function markCongestion(bytes: Uint8Array, offset: number, length: number): void {
  const version = length < IPV4_HEADER ? 0 : getU8(bytes, offset) >>> 4;
  if (version !== 4 && version !== 6) return;
  const mark = version === 4 ? ECN_CE : ECN_CE << 4;
  const byte = getU8(bytes, offset + 1);
  if ((byte & mark) === ECN_NOT_CAPABLE) return;
  bytes[offset + 1] = byte | mark;
  if (version === 4) ipv4HeaderChecksum(bytes, offset);
}
