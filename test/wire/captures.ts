/** Packets of a real connection, captured on Linux 6.18 with PACKET_VNET_HDR: virtio header, then the IP packet. */
import { fromHex } from './reference.ts';

/** SYN; the virtio header says NEEDS_CSUM, so that the checksum field holds the pseudo-header's sum. */
export const SYN_V4: Uint8Array = fromHex(`
  4500003c72eb40004006c9ce7f0000017f000001
  9438ec8700983e6c00000000a002ffd7fe300000 0204ffd7 0402080a1c58747100000000 0103030a`);

export const SYN_ACK_V4: Uint8Array = fromHex(`
  4500003c0000400040063cba7f0000017f000001
  ec87943812369d3d00983e6da012ffcbfe300000 0204ffd7 0402080a2e6dfb041c587471 0103030a`);

/** PSH, ACK and "hello, wire". */
export const DATA_V4: Uint8Array = fromHex(`
  4500003f72ed40004006c9c97f0000017f000001
  9438ec8700983e6d12369d3e80180040fe330000 0101080a1c5874712e6dfb04 68656c6c6f2c2077697265`);

/** One byte of urgent data. */
export const URGENT_V4: Uint8Array = fromHex(`
  45000035a11c400040069ba47f0000017f000001
  ec87943812369d3e00983e7880380040fe290001 0101080a2e6dfb041c587471 78`);

export const SYN_V6: Uint8Array = fromHex(`
  600d86bc002806400000000000000000000000000000000100000000000000000000000000000001
  e48cb9ed5863bcaa00000000a002ffc400300000 0204ffc4 0402080af1ec674500000000 0103030a`);

export const DATA_V6: Uint8Array = fromHex(`
  600d86bc002b06400000000000000000000000000000000100000000000000000000000000000001
  e48cb9ed5863bcabaaac8e278018004000330000 0101080af1ec6745b7299e06 68656c6c6f2c2077697265`);

/** The virtio header of the IPv4 packets (from the Ethernet header on) and of the IPv6 ones. */
export const VIRTIO_V4: Uint8Array = fromHex('01000000000022001000');
export const VIRTIO_V6: Uint8Array = fromHex('01000000000036001000');
