/** Ethernet II frames: the 14 bytes before the packet, and MAC addresses as text. */
import { copyBytes, getU16, setU16 } from './bytes.ts';

export const ETHERNET_HEADER = 14;
export const MAC_BYTES = 6;

// https://www.iana.org/assignments/ieee-802-numbers
export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;

export const MAC_BROADCAST: Uint8Array = new Uint8Array(MAC_BYTES).fill(0xff);

export function etherType(bytes: Uint8Array, offset: number): number {
  return getU16(bytes, offset + 12);
}

/** Writes the header of a frame; `source` or `destination` may lie in `bytes`, but not in the header being written. */
export function writeEthernet(
  bytes: Uint8Array,
  offset: number,
  destination: Uint8Array,
  destinationOffset: number,
  source: Uint8Array,
  sourceOffset: number,
  type: number,
): void {
  copyBytes(bytes, offset, destination, destinationOffset, MAC_BYTES);
  copyBytes(bytes, offset + MAC_BYTES, source, sourceOffset, MAC_BYTES);
  setU16(bytes, offset + 12, type);
}

/** Whether the MAC address at `offset` is a group address, broadcast included: the I/G bit of IEEE 802 §8.2. */
export function isMulticast(bytes: Uint8Array, offset = 0): boolean {
  return ((bytes[offset] as number) & 1) !== 0;
}

export function macToString(bytes: Uint8Array, offset = 0): string {
  return Array.from(bytes.subarray(offset, offset + MAC_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Six octets of one or two hexadecimal digits, with colons or hyphens; anything else is `undefined`. */
export function macFromString(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{1,2}(?:([:-])[0-9a-f]{1,2})(?:\1[0-9a-f]{1,2}){4}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (octet) => Number.parseInt(octet, 16));
}
