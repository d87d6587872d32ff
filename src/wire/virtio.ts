/**
 * The virtio-net header (VIRTIO 1.2 §5.1.6, little endian, without `num_buffers`) that TUN devices and packet sockets
 * put before a packet. It says how much of the checksum is still to be done and how a large segment is to be cut. On a
 * packet socket the offsets in it count from the Ethernet header, on a TUN from the IP header; everything else is alike.
 */
import { getU8, getU16le, setU16le } from './bytes.ts';
import { ETHERNET_HEADER } from './ethernet.ts';
import type { Segment } from './segment.ts';
import { TCP_CHECKSUM } from './tcp.ts';

export const VIRTIO_HEADER = 10;

// Flags. VIRTIO 1.2 §5.1.6
/** The checksum field holds the pseudo-header's sum only; the rest is to be summed from `csum_start` on. */
export const VIRTIO_NEEDS_CSUM = 1;
/** The checksum was verified, or need not be. */
export const VIRTIO_DATA_VALID = 2;

// Kinds of segmentation. VIRTIO 1.2 §5.1.6
export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
/** Or'ed to the kind: the first segment alone carries CWR. */
export const GSO_ECN = 0x80;

export function virtioFlags(bytes: Uint8Array, offset: number): number {
  return getU8(bytes, offset);
}

export function virtioGsoType(bytes: Uint8Array, offset: number): number {
  return getU8(bytes, offset + 1);
}

export function virtioHdrLen(bytes: Uint8Array, offset: number): number {
  return getU16le(bytes, offset + 2);
}

export function virtioGsoSize(bytes: Uint8Array, offset: number): number {
  return getU16le(bytes, offset + 4);
}

export function virtioCsumStart(bytes: Uint8Array, offset: number): number {
  return getU16le(bytes, offset + 6);
}

export function virtioCsumOffset(bytes: Uint8Array, offset: number): number {
  return getU16le(bytes, offset + 8);
}

export function writeVirtio(
  bytes: Uint8Array,
  offset: number,
  flags: number,
  gsoType: number,
  hdrLen: number,
  gsoSize: number,
  csumStart: number,
  csumOffset: number,
): void {
  bytes[offset] = flags;
  bytes[offset + 1] = gsoType;
  setU16le(bytes, offset + 2, hdrLen);
  setU16le(bytes, offset + 4, gsoSize);
  setU16le(bytes, offset + 6, csumStart);
  setU16le(bytes, offset + 8, csumOffset);
}

/**
 * Makes the checksum of a frame's TCP segment partial, whatever it was before, so that the segment may be changed. Linux heeds no
 * DATA_VALID in what it is given: without this it would sum the segment itself, and drop one that was changed.
 * @param offset of the virtio header, which is followed by what its offsets count from.
 */
export function requirePartialChecksum(bytes: Uint8Array, offset: number, segment: Segment): void {
  segment.fillPartialChecksum();
  if ((virtioFlags(bytes, offset) & VIRTIO_NEEDS_CSUM) !== 0) return;
  bytes[offset] = VIRTIO_NEEDS_CSUM;
  setU16le(bytes, offset + 6, segment.transportOffset - offset - VIRTIO_HEADER);
  setU16le(bytes, offset + 8, TCP_CHECKSUM);
}

/** Copies a packet socket's header at `from` to `to` in the same array as a TUN wants it. The two may overlap. */
export function frameToTunVirtio(bytes: Uint8Array, from: number, to: number): void {
  copyShifted(bytes, from, to, -ETHERNET_HEADER);
}

/** The inverse of `frameToTunVirtio`. */
export function tunToFrameVirtio(bytes: Uint8Array, from: number, to: number): void {
  copyShifted(bytes, from, to, ETHERNET_HEADER);
}

function copyShifted(bytes: Uint8Array, from: number, to: number, shift: number): void {
  const flags = virtioFlags(bytes, from);
  const gsoType = virtioGsoType(bytes, from);
  const hdrLen = virtioHdrLen(bytes, from) + (gsoType === GSO_NONE ? 0 : shift);
  const gsoSize = virtioGsoSize(bytes, from);
  const csumStart = virtioCsumStart(bytes, from) + ((flags & VIRTIO_NEEDS_CSUM) === 0 ? 0 : shift);
  const csumOffset = virtioCsumOffset(bytes, from);
  writeVirtio(bytes, to, flags, gsoType, hdrLen, gsoSize, csumStart, csumOffset);
}
