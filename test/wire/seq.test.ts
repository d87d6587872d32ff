import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { positionOf, seq, seqAdd, seqAt, seqBefore, seqDiff } from '../../src/wire/seq.ts';
import { word32 } from './arbitraries.ts';

const TWO_32 = 2 ** 32;
const position = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 50 }),
  fc.integer({ min: TWO_32 - 3, max: TWO_32 + 3 }),
  fc.integer({ min: 0, max: 3 }),
);

test('any integer becomes a sequence number modulo 2^32', () => {
  deepStrictEqual([seq(-1), seq(TWO_32), seq(TWO_32 + 7), seq(5)].map(Number), [0xffffffff, 0, 7, 5]);
});

test('RFC 9293 §3.4: arithmetic is modulo 2^32 and compares across the wrap', () => {
  ok(seqBefore(seq(0xfffffff0), seq(4)));
  ok(!seqBefore(seq(4), seq(0xfffffff0)));
  ok(!seqBefore(seq(4), seq(4)));
  strictEqual(seqDiff(seq(2), seq(0xfffffffe)), 4);
  strictEqual(seqDiff(seq(0), seq(0x80000000)), -(2 ** 31));
});

test('the difference undoes the sum, within half the space', () => {
  fc.assert(
    fc.property(word32, fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), (a, n) => {
      strictEqual(seqDiff(seqAdd(seq(a), n), seq(a)), n);
      strictEqual(seqBefore(seq(a), seqAdd(seq(a), n)), n > 0);
    }),
  );
});

test('the difference changes its sign with the sides, but for half the space, which has no other sign', () => {
  fc.assert(
    fc.property(word32, word32, (a, b) => {
      const difference = seqDiff(seq(a), seq(b));
      const other = seqDiff(seq(b), seq(a));
      strictEqual(other, difference === -(2 ** 31) ? difference : 0 - difference);
      strictEqual(seqBefore(seq(a), seq(b)), difference < 0);
    }),
  );
});

test('a position and its sequence number are inverse, however often the numbers wrapped', () => {
  fc.assert(
    fc.property(word32, position, fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 }), (isn, p, away) => {
      strictEqual(positionOf(seq(isn), seqAt(seq(isn), p), p + away), p);
    }),
  );
});

test('a sequence number before the stream has a negative position', () => {
  strictEqual(positionOf(seq(10), seq(9), 0), -1);
  strictEqual(positionOf(seq(0), seq(0xffffffff), 0), -1);
});

test('the sequence number at a position is what exact arithmetic says', () => {
  fc.assert(
    fc.property(word32, position, (isn, p) => {
      strictEqual(BigInt(seqAt(seq(isn), p)), (BigInt(isn) + BigInt(p)) % BigInt(TWO_32));
    }),
  );
});
