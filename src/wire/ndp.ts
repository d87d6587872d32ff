/**
 * Neighbour discovery for IPv6 (RFC 4861), as far as an address that answers for itself needs it: a view of solicitations and
 * advertisements, and the advertisements that the daemon says for the service address. Addresses given to or compared by these
 * functions have 16 bytes (`ip-address.ts`).
 */
import { copyBytes, equalBytes, getU8, setU16, setU32 } from './bytes.ts';
import { checksum, foldSum, pseudoHeaderSum, sumBytes } from './checksum.ts';
import { ETHERNET_HEADER, ETHERTYPE_IPV6, MAC_BYTES, writeEthernet } from './ethernet.ts';
import { IPV6_HEADER, type IpPacket, PROTOCOL_ICMPV6 } from './ip.ts';
import { IP_BYTES, ipEquals } from './ip-address.ts';
import { writeIpv6 } from './segment-writer.ts';

// Types. RFC 4861 §4.3, §4.4
export const NEIGHBOUR_SOLICITATION = 135;
export const NEIGHBOUR_ADVERTISEMENT = 136;

/** RFC 4291 §2.7.1: ff02::1, which every node on the link hears. */
export const ALL_NODES: Uint8Array = new Uint8Array(IP_BYTES);
ALL_NODES.set([0xff, 0x02]);
ALL_NODES[15] = 1;

/** RFC 4861 §7.1: it has not been forwarded by any router, so it comes from this link. */
const HOP_LIMIT_ON_LINK = 255;

const TARGET = 8;
const OPTIONS = 24;
const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;
/** Type, length in units of 8 bytes, MAC. RFC 4861 §4.6.1, RFC 2464 §6 */
const LINK_LAYER_OPTION = 8;

// Flags of an advertisement. RFC 4861 §4.4
const SOLICITED = 0x40;
const OVERRIDE = 0x20;

/** RFC 4291 §2.7.1: ff02::1:ff and the address's last three bytes. */
const SOLICITED_NODE_PREFIX = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff);

/** The group that hears solicitations for `ip`. */
export function solicitedNode(ip: Uint8Array): Uint8Array {
  const group = new Uint8Array(IP_BYTES);
  group.set(SOLICITED_NODE_PREFIX);
  group.set(ip.subarray(13), 13);
  return group;
}

/** Where frames for a group go: 33:33 and its last four bytes. RFC 2464 §7 */
export function groupMac(group: Uint8Array): Uint8Array {
  return Uint8Array.of(0x33, 0x33, ...group.subarray(12));
}

/** A reusable view of one solicitation or advertisement. */
export class NdpView {
  bytes: Uint8Array = new Uint8Array(0);
  isSolicitation = false;
  sourceOffset = 0;
  targetOffset = 0;
  /** Of the MAC of a solicitation's source or an advertisement's target, in `bytes`; −1 where it is not said. */
  macOffset = -1;
  /** A solicitation by who has no address yet and asks whether it may have this one. RFC 4862 §5.4 */
  isProbe = false;

  /** Looks at a packet for which `parseIp` returned ''. False for whatever RFC 4861 §7.1 wants discarded, or is neither of both. */
  set(packet: IpPacket): boolean {
    const { bytes, transportOffset: at, transportLength: length } = packet;
    if (packet.family !== 6 || packet.protocol !== PROTOCOL_ICMPV6 || packet.isFragment || length < OPTIONS)
      return false;
    const type = getU8(bytes, at);
    if (type !== NEIGHBOUR_SOLICITATION && type !== NEIGHBOUR_ADVERTISEMENT) return false;
    if (packet.hopLimit !== HOP_LIMIT_ON_LINK || packet.fragmentHeaderOffset >= 0 || getU8(bytes, at + 1) !== 0)
      return false;
    const pseudo = pseudoHeaderSum(bytes, packet.ipOffset, 6, PROTOCOL_ICMPV6, length);
    if (foldSum(sumBytes(bytes, at, length, pseudo)) !== 0xffff) return false;
    this.bytes = bytes;
    this.isSolicitation = type === NEIGHBOUR_SOLICITATION;
    this.sourceOffset = packet.sourceOffset;
    this.targetOffset = at + TARGET;
    this.isProbe = this.isSolicitation && isUnspecified(bytes, packet.sourceOffset);
    if (isGroup(bytes, this.targetOffset) || !this.readOptions(at + OPTIONS, at + length)) return false;
    if (this.isSolicitation)
      return !this.isProbe || (this.macOffset < 0 && isSolicitedNode(bytes, packet.destinationOffset));
    return !isGroup(bytes, packet.destinationOffset) || (getU8(bytes, at + 4) & SOLICITED) === 0;
  }

  targetIs(ip: Uint8Array): boolean {
    return ipEquals(this.bytes, this.targetOffset, ip, 0);
  }

  sourceIs(ip: Uint8Array): boolean {
    return ipEquals(this.bytes, this.sourceOffset, ip, 0);
  }

  private readOptions(at: number, end: number): boolean {
    const wanted = this.isSolicitation ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER;
    this.macOffset = -1;
    while (at < end) {
      const length = at + 1 < end ? getU8(this.bytes, at + 1) * 8 : 0;
      if (length === 0 || at + length > end) return false; // RFC 4861 §4.6
      if (getU8(this.bytes, at) === wanted && length === LINK_LAYER_OPTION) this.macOffset = at + 2;
      at += length;
    }
    return true;
  }
}

export interface NeighbourAdvertisement {
  /** The advertised address, which is the sender's own, and where it is. */
  readonly ip: Uint8Array;
  readonly mac: Uint8Array;
  readonly to: Uint8Array;
  readonly toMac: Uint8Array;
  /** It answers a solicitation. */
  readonly solicited: boolean;
}

/** Writes a frame that says whose `ip` is, whatever was known of it before; returns its length. RFC 4861 §4.4 */
export function writeNeighbourAdvertisement(
  bytes: Uint8Array,
  offset: number,
  { ip, mac, to, toMac, solicited }: NeighbourAdvertisement,
): number {
  const header = offset + ETHERNET_HEADER;
  const icmp = header + IPV6_HEADER;
  const length = OPTIONS + LINK_LAYER_OPTION;
  writeEthernet(bytes, offset, toMac, 0, mac, 0, ETHERTYPE_IPV6);
  writeIpv6(bytes, header, PROTOCOL_ICMPV6, ip, to, length);
  bytes[header + 7] = HOP_LIMIT_ON_LINK;
  setU32(bytes, icmp, NEIGHBOUR_ADVERTISEMENT << 24);
  setU32(bytes, icmp + 4, (OVERRIDE | (solicited ? SOLICITED : 0)) << 24);
  copyBytes(bytes, icmp + TARGET, ip, 0, IP_BYTES);
  bytes[icmp + OPTIONS] = TARGET_LINK_LAYER;
  bytes[icmp + OPTIONS + 1] = LINK_LAYER_OPTION / 8;
  copyBytes(bytes, icmp + OPTIONS + 2, mac, 0, MAC_BYTES);
  const pseudo = pseudoHeaderSum(bytes, header, 6, PROTOCOL_ICMPV6, length);
  setU16(bytes, icmp + 2, checksum(bytes, icmp, length, pseudo));
  return ETHERNET_HEADER + IPV6_HEADER + length;
}

function isUnspecified(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < IP_BYTES; i++) if (bytes[offset + i] !== 0) return false;
  return true;
}

function isGroup(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === 0xff;
}

function isSolicitedNode(bytes: Uint8Array, offset: number): boolean {
  return equalBytes(bytes, offset, SOLICITED_NODE_PREFIX, 0, SOLICITED_NODE_PREFIX.length);
}
