import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brief, freeRows, plain, ticks, wrapped } from '../../src/lab/svg.ts';

test('ticks are round numbers within a range', () => {
  assert.deepEqual(ticks(1, 4, 6), [1, 1.5, 2, 2.5, 3, 3.5, 4]);
  assert.deepEqual(ticks(2, 11, 3), [5, 10]);
});

test('a label takes the first row in which it touches none before it', () => {
  const spans = [
    { from: 0, to: 10 },
    { from: 5, to: 15 },
    { from: 8, to: 9 },
    { from: 11, to: 12 },
  ];
  assert.deepEqual(freeRows(spans), [0, 1, 2, 0]);
});

test('texts are broken at spaces, and a long word is left whole', () => {
  assert.deepEqual(wrapped('one two three', 60), ['one two', 'three']);
  assert.deepEqual(wrapped('a-word-longer-than-that two', 60), ['a-word-longer-than-that', 'two']);
  assert.deepEqual(wrapped('never\nn = 60', 200), ['never', 'n = 60']);
  assert.deepEqual(wrapped('', 60), ['']);
});

test('numbers are written with the digits that they are worth', () => {
  assert.deepEqual([0, -0, 0.012345, 12.345, 1234.5, -7.001].map(brief), ['0', '0', '0.0123', '12.3', '1235', '−7']);
  assert.equal(plain(0.1 + 0.2), '0.3');
});
