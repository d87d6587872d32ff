import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { isStream, SLICE_BYTES, streamSlice } from '../../../src/experiments/programs/stream.ts';

test('the stream is the same at each position, whatever the slices', () => {
  const from = 999_990; // across the period
  const whole = Buffer.from(streamSlice(from, 1000));
  equal(isStream(from, whole), true);
  equal(isStream(from + 10, whole.subarray(10)), true);
  const long = Buffer.concat([streamSlice(0, SLICE_BYTES), streamSlice(SLICE_BYTES, SLICE_BYTES)]);
  equal(isStream(0, long), true);
});

test('a wrong, a lost and a repeated byte are seen', () => {
  const right = Buffer.from(streamSlice(5000, 1000));
  const wrong = Buffer.from(right);
  wrong[500] = (wrong[500] ?? 0) ^ 1;
  equal(isStream(5000, wrong), false);
  equal(isStream(5000, Buffer.concat([right.subarray(0, 500), right.subarray(501)])), false);
  equal(isStream(5000, Buffer.concat([right.subarray(0, 501), right.subarray(500)])), false);
  equal(isStream(5001, right), false);
});
