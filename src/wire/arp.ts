/**
 * ARP for IPv4 over Ethernet (RFC 826): a view of what arrives, and the three packets that the daemon says for the
 * service address. Addresses given to or compared by these functions have 16 bytes (`ip-address.ts`).
 */
import { copyBytes, equalBytes, getU8, getU16, setU16 } from './bytes.ts';
import { ETHERNET_HEADER, ETHERTYPE_ARP, ETHERTYPE_IPV4, MAC_BROADCAST, MAC_BYTES, writeEthernet } from './ethernet.ts';
import { ipIs, storeIp } from './ip-address.ts';

export const ARP_BYTES = 28;
export const ARP_FRAME_BYTES: number = ETHERNET_HEADER + ARP_BYTES;

// Operations. RFC 826
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const HARDWARE_ETHERNET = 1;
const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_MAC = 18;
const TARGET_IP = 24;
const MAC_UNKNOWN = new Uint8Array(MAC_BYTES);

/** A reusable view of one ARP packet. */
export class ArpView {
  bytes: Uint8Array = new Uint8Array(ARP_BYTES);
  operation = 0;
  senderMacOffset = 0;
  senderIpOffset = 0;
  targetMacOffset = 0;
  targetIpOffset = 0;

  /** Looks at the packet behind the Ethernet header; false if it is not whole, or not ARP for IPv4 over Ethernet. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length < ARP_BYTES || offset + ARP_BYTES > bytes.length) return false;
    if (getU16(bytes, offset) !== HARDWARE_ETHERNET || getU16(bytes, offset + 2) !== ETHERTYPE_IPV4) return false;
    if (getU8(bytes, offset + 4) !== MAC_BYTES || getU8(bytes, offset + 5) !== 4) return false;
    this.bytes = bytes;
    this.operation = getU16(bytes, offset + 6);
    this.senderMacOffset = offset + SENDER_MAC;
    this.senderIpOffset = offset + SENDER_IP;
    this.targetMacOffset = offset + TARGET_MAC;
    this.targetIpOffset = offset + TARGET_IP;
    return true;
  }

  senderMacEquals(mac: Uint8Array): boolean {
    return equalBytes(this.bytes, this.senderMacOffset, mac, 0, MAC_BYTES);
  }

  senderIpEquals(ip: Uint8Array): boolean {
    return ipIs(ip, this.bytes, this.senderIpOffset, 4);
  }

  targetIpEquals(ip: Uint8Array): boolean {
    return ipIs(ip, this.bytes, this.targetIpOffset, 4);
  }
}

export interface ArpFields {
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderIp: Uint8Array;
  readonly targetMac: Uint8Array;
  readonly targetIp: Uint8Array;
}

/** Writes the ARP packet alone; returns its length. */
export function writeArp(bytes: Uint8Array, offset: number, fields: ArpFields): number {
  writeFixed(bytes, offset, fields.operation);
  copyBytes(bytes, offset + SENDER_MAC, fields.senderMac, 0, MAC_BYTES);
  storeIp(bytes, offset + SENDER_IP, fields.senderIp, 4);
  copyBytes(bytes, offset + TARGET_MAC, fields.targetMac, 0, MAC_BYTES);
  storeIp(bytes, offset + TARGET_IP, fields.targetIp, 4);
  return ARP_BYTES;
}

/** Writes a broadcast frame that announces `ip` at `mac`, in the request form of RFC 5227 §2.3; returns its length. */
export function writeGratuitousArp(bytes: Uint8Array, offset: number, mac: Uint8Array, ip: Uint8Array): number {
  writeEthernet(bytes, offset, MAC_BROADCAST, 0, mac, 0, ETHERTYPE_ARP);
  const operation = ARP_REQUEST;
  const announcement = { operation, senderMac: mac, senderIp: ip, targetMac: MAC_UNKNOWN, targetIp: ip };
  return ETHERNET_HEADER + writeArp(bytes, offset + ETHERNET_HEADER, announcement);
}

/**
 * Writes a frame that answers `request` for its target address with `mac`; returns its length. It may be written over
 * the request's own frame. RFC 826, "Packet Reception"
 */
export function writeArpReply(bytes: Uint8Array, offset: number, mac: Uint8Array, request: ArpView): number {
  const arp = offset + ETHERNET_HEADER;
  writeEthernet(bytes, offset, request.bytes, request.senderMacOffset, mac, 0, ETHERTYPE_ARP);
  writeFixed(bytes, arp, ARP_REPLY);
  for (let i = 0; i < 4; i++) {
    const asked = getU8(request.bytes, request.targetIpOffset + i);
    bytes[arp + TARGET_IP + i] = getU8(request.bytes, request.senderIpOffset + i);
    bytes[arp + SENDER_IP + i] = asked;
  }
  copyBytes(bytes, arp + TARGET_MAC, request.bytes, request.senderMacOffset, MAC_BYTES);
  copyBytes(bytes, arp + SENDER_MAC, mac, 0, MAC_BYTES);
  return ARP_FRAME_BYTES;
}

function writeFixed(bytes: Uint8Array, offset: number, operation: number): void {
  setU16(bytes, offset, HARDWARE_ETHERNET);
  setU16(bytes, offset + 2, ETHERTYPE_IPV4);
  bytes[offset + 4] = MAC_BYTES;
  bytes[offset + 5] = 4;
  setU16(bytes, offset + 6, operation);
}
