import { deepEqual, equal, match, notDeepEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BLOCK_MOST,
  BLOCK_OVERHEAD,
  blockLength,
  HEAD_BYTES,
  openBlock,
  readHead,
  SALT_BYTES,
  sealBlock,
  segmentName,
  segmentPositions,
  writeHead,
} from '../../src/retained/segment-file.ts';

const KEY = new Uint8Array(16).fill(1);
const SALT = new Uint8Array(SALT_BYTES).fill(2);
const HEAD = { serviceTag: 0xfedcba98, epoch: 0x1_0000_0001, position: 2 ** 53 - 1 };

function head(): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  writeHead(bytes, HEAD, KEY, SALT);
  return bytes;
}

test('a head is read as it was written, and gives the same key', () => {
  const bytes = new Uint8Array(HEAD_BYTES);
  const key = writeHead(bytes, HEAD, KEY, SALT);
  equal(Buffer.from(bytes.subarray(0, 8)).toString(), 'FTTCPLOG');
  const read = readHead(bytes, KEY, HEAD.serviceTag);
  ok(read.ok);
  deepEqual(read.head, HEAD);
  ok(read.key.equals(key));
});

test('no bit of a head can be changed', () => {
  for (let bit = 0; bit < 8 * HEAD_BYTES; bit++) {
    const bytes = head();
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    ok(!readHead(bytes, KEY, HEAD.serviceTag).ok, `bit ${bit}`);
  }
});

const STRANGE: readonly (readonly [string, Uint8Array, number, RegExp])[] = [
  ['another key', new Uint8Array(16), HEAD.serviceTag, /another key/],
  ['another service', KEY, 1, /another service/],
];
for (const [what, key, service, reason] of STRANGE) {
  test(`a head of ${what} is refused, with the reason`, () => {
    const read = readHead(head(), key, service);
    match(read.ok ? '' : read.reason, reason);
  });
}

test('another salt is another key', () => {
  const other = writeHead(new Uint8Array(HEAD_BYTES), HEAD, KEY, new Uint8Array(SALT_BYTES));
  notDeepEqual(other.export(), writeHead(new Uint8Array(HEAD_BYTES), HEAD, KEY, SALT).export());
});

test('a block gives its frames back, at its own position, under its own key, and no other way', () => {
  const key = writeHead(new Uint8Array(HEAD_BYTES), HEAD, KEY, SALT);
  const other = writeHead(new Uint8Array(HEAD_BYTES), HEAD, KEY, new Uint8Array(SALT_BYTES));
  const frames = fc.uint8Array({ maxLength: 300 });
  const number = fc.nat({ max: 0xffffffff });
  const position = fc.nat({ max: 2 ** 53 - 2 });
  const target = new Uint8Array(300);
  fc.assert(
    fc.property(frames, number, position, fc.nat(), (plain, n, at, bit) => {
      const block = new Uint8Array(BLOCK_OVERHEAD + plain.length);
      equal(sealBlock(key, n, at, plain, block), block.length);
      equal(blockLength(block, 0, block.length), block.length);
      equal(openBlock(key, at, block, target), plain.length);
      deepEqual(target.slice(0, plain.length), Uint8Array.from(plain));
      equal(openBlock(key, at + 1, block, target), -1);
      equal(openBlock(other, at, block, target), -1);
      const changed = (bit >> 3) % block.length;
      block[changed] = (block[changed] ?? 0) ^ (1 << (bit & 7));
      target.fill(0);
      equal(openBlock(key, at, block, target), -1);
      ok(target.every((byte) => byte === 0));
    }),
  );
});

test('a block has a length when it is there whole, and none that is too large', () => {
  const bytes = new Uint8Array(100);
  bytes[53] = 10;
  for (let available = 0; available < 42; available++) equal(blockLength(bytes, 50, available), 0);
  equal(blockLength(bytes, 50, 42), 42);
  new DataView(bytes.buffer).setUint32(50, BLOCK_MOST + 1);
  equal(blockLength(bytes, 50, 50), -1);
});

test('names sort as positions do, and other files are passed over', () => {
  const positions = [0, 1, 15, 16, 2 ** 32, 2 ** 53 - 1];
  const names = positions.map(segmentName);
  deepEqual([...names].reverse().sort(), names);
  deepEqual(segmentPositions(['notes.txt', ...names.reverse(), 'ffffffffffffffff.log', '0.log']), positions);
});
