import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interfaceDescription, mark, packet, sectionHeader } from '../../src/lab/pcapng.ts';

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
  assert.equal(block.getUint8(28), 9);
});

test('a mark is an empty packet with a comment', () => {
  const bytes = mark(0, 1, 0, 'cut-lan a');
  assert.equal(view(bytes).getUint32(20, true), 0);
  assert.equal(view(bytes).getUint16(28, true), 1);
  assert.equal(view(bytes).getUint16(30, true), 9);
  assert.equal(new TextDecoder().decode(bytes.subarray(32, 41)), 'cut-lan a');
});
