import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interfaceDescription, mark, packetBytes, sectionHeader, writePacket } from '../../src/lab/pcapng.ts';

/** A packet in the middle of other bytes. */
function packet(
  interfaceIndex: number,
  seconds: number,
  nanoseconds: number,
  frame: Uint8Array,
  originalLength: number,
) {
  const target = new Uint8Array(200).fill(0xaa);
  const { length } = frame;
  const end = writePacket(
    target,
    view(target),
    40,
    interfaceIndex,
    seconds,
    nanoseconds,
    frame,
    length,
    originalLength,
  );
  assert.equal(end, 40 + packetBytes(length));
  assert.ok(
    target.subarray(0, 40).every((byte) => byte === 0xaa) && target.subarray(end).every((byte) => byte === 0xaa),
  );
  return target.slice(40, end);
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test('every block says its length at both ends, a multiple of four', () => {
  const blocks = [
    sectionHeader(),
    interfaceDescription('lan0', 128),
    packet(0, 1, 2, Uint8Array.of(1, 2, 3, 4, 5), 1514),
    mark(0, 1, 2, 'power-off a'),
  ];
  for (const block of blocks) {
    assert.equal(block.length % 4, 0);
    assert.equal(view(block).getUint32(4, true), block.length);
    assert.equal(view(block).getUint32(block.length - 4, true), block.length);
  }
});

test('a packet carries its time in nanoseconds and its original length', () => {
  const block = view(packet(1, 1_700_000_000, 123_456_789, Uint8Array.of(9, 8, 7), 1514));
  assert.equal(block.getUint32(8, true), 1);
  const time = (BigInt(block.getUint32(12, true)) << 32n) | BigInt(block.getUint32(16, true));
  assert.equal(time, 1_700_000_000_123_456_789n);
  assert.equal(block.getUint32(20, true), 3);
  assert.equal(block.getUint32(24, true), 1514);
  assert.deepEqual([...new Uint8Array(block.buffer, 28, 4)], [9, 8, 7, 0]);
});

test('the two words of a time are right at every carry', () => {
  for (const seconds of [0, 1, 4, 1_700_000_000, 1_700_000_001, 2 ** 31, 4_000_000_000]) {
    for (const nanoseconds of [0, 1, 294_967_295, 294_967_296, 500_000_000, 999_999_999]) {
      const block = view(packet(0, seconds, nanoseconds, new Uint8Array(1), 1));
      const time = (BigInt(block.getUint32(12, true)) << 32n) | BigInt(block.getUint32(16, true));
      assert.equal(time, BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));
    }
  }
});

test('a mark is an empty packet with a comment', () => {
  const bytes = mark(0, 1, 0, 'cut-lan a');
  assert.equal(view(bytes).getUint32(20, true), 0);
  assert.equal(view(bytes).getUint16(28, true), 1);
  assert.equal(view(bytes).getUint16(30, true), 9);
  assert.equal(new TextDecoder().decode(bytes.subarray(32, 41)), 'cut-lan a');
});
