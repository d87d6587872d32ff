import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { frameLength } from '../../src/lab/frame-length.ts';

const KEPT = 128;
const MACS = '00'.repeat(12);
const frame = (hex: string, length = KEPT) => {
  const bytes = new Uint8Array(length);
  bytes.set(Buffer.from(`${MACS}${hex.replaceAll(' ', '')}`, 'hex'));
  return bytes;
};

test('a frame of which the beginning was kept is as long as its IP header says', () => {
  equal(frameLength(frame('0800 4500 05dc')), 1514);
  equal(frameLength(frame('0800 4500 ffff')), 65_549);
  equal(frameLength(frame('86dd 60000000 05b4')), 1514);
});

test('a frame that is there whole has its own length, padding included', () => {
  equal(frameLength(frame('0800 4500 0028', 60)), 60);
  equal(frameLength(frame('0806 0001 0800', 42)), 42);
  equal(frameLength(frame('88b5 ffff ffff')), KEPT);
});
