import { strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as virtio from '../../src/wire/virtio.ts';
import { VIRTIO_V4 } from './captures.ts';
import { toHex } from './reference.ts';

test('VIRTIO 1.2 §5.1.6: fields are little endian and in their places', () => {
  const bytes = new Uint8Array(12);
  virtio.writeVirtio(bytes, 1, virtio.VIRTIO_NEEDS_CSUM, virtio.GSO_TCPV4 | virtio.GSO_ECN, 0x0102, 1448, 0x0022, 16);
  strictEqual(toHex(bytes), '0001810201a805220010' + '0000');
  strictEqual(virtio.virtioFlags(bytes, 1), virtio.VIRTIO_NEEDS_CSUM);
  strictEqual(virtio.virtioGsoType(bytes, 1), virtio.GSO_TCPV4 | virtio.GSO_ECN);
  strictEqual(virtio.virtioHdrLen(bytes, 1), 0x0102);
  strictEqual(virtio.virtioGsoSize(bytes, 1), 1448);
  strictEqual(virtio.virtioCsumStart(bytes, 1), 0x22);
  strictEqual(virtio.virtioCsumOffset(bytes, 1), 16);
});

test("a packet socket's header becomes a TUN's: csum_start counts from the IP header", () => {
  const bytes = new Uint8Array(40);
  bytes.set(VIRTIO_V4, 0);
  virtio.frameToTunVirtio(bytes, 0, 14);
  strictEqual(toHex(bytes.subarray(14, 24)), '01000000000014001000');
});

test('without NEEDS_CSUM and segmentation the header is copied as it is', () => {
  const bytes = new Uint8Array(40);
  virtio.writeVirtio(bytes, 0, virtio.VIRTIO_DATA_VALID, virtio.GSO_NONE, 54, 0, 34, 16);
  virtio.frameToTunVirtio(bytes, 0, 14);
  strictEqual(toHex(bytes.subarray(14, 24)), toHex(bytes.subarray(0, 10)));
});

test('the two translations are inverse, at overlapping places too', () => {
  const header = fc.uint8Array({ minLength: 10, maxLength: 10 });
  fc.assert(
    fc.property(header, fc.nat(20), fc.nat(20), fc.constantFrom(0, 1, 2, 3), (bytes, from, to, flags) => {
      bytes[0] = flags;
      const array = new Uint8Array(40);
      array.set(bytes, from);
      virtio.frameToTunVirtio(array, from, to);
      virtio.tunToFrameVirtio(array, to, from);
      strictEqual(toHex(array.subarray(from, from + 10)), toHex(bytes));
      virtio.tunToFrameVirtio(array, from, to);
      virtio.frameToTunVirtio(array, to, from);
      strictEqual(toHex(array.subarray(from, from + 10)), toHex(bytes));
    }),
  );
});
