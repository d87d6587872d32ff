import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { OutputSamples, SAMPLE_BYTES } from '../../src/south/output-samples.ts';

const data = Uint8Array.from({ length: 2000 }, (_, i) => i % 251);

test('the beginnings of the last pieces of output are there, and those before them are not', () => {
  const samples = new OutputSamples();
  deepEqual(samples.from(0), new Uint8Array(0));
  for (let piece = 0; piece < 6; piece++) samples.take(1 + 300 * piece, data, 300 * piece, 300);
  deepEqual(samples.from(1 + 300), new Uint8Array(0), 'forgotten');
  for (let piece = 2; piece < 6; piece++) {
    deepEqual(samples.from(1 + 300 * piece), data.slice(300 * piece, 300 * piece + SAMPLE_BYTES));
  }
  deepEqual(samples.from(1 + 1500 + 100), data.slice(1600, 1500 + SAMPLE_BYTES), 'from the middle on');
  deepEqual(samples.from(1 + 1500 + SAMPLE_BYTES), new Uint8Array(0), 'beyond what is kept');
});

test('a piece that is shorter than a sample is kept whole', () => {
  const samples = new OutputSamples();
  samples.take(1, data, 10, 5);
  deepEqual(samples.from(1), data.slice(10, 15));
  deepEqual(samples.from(6), new Uint8Array(0));
});
