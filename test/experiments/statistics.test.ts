import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { median, medianDifference, medianRatio, percentile, round } from '../../src/experiments/statistics.ts';

test('a median is the middle value, or the mean of the two in the middle', () => {
  equal(median([3]), 3);
  equal(median([9, 1, 5]), 5);
  equal(median([4, 1, 2, 100]), 3);
  throws(() => median([]));
});

test('a percentile is the nearest rank', () => {
  const fifteen = Array.from({ length: 15 }, (_, index) => 15 - index);
  equal(percentile(fifteen, 50), 8);
  equal(percentile(fifteen, 95), 15);
  equal(percentile(fifteen, 93), 14);
  equal(percentile(fifteen, 100), 15);
  equal(percentile([7], 1), 7);
  throws(() => percentile([], 50));
  throws(() => percentile([1], 0));
});

test('at least so many values are no greater than a percentile, and it is one of them', () => {
  const values = fc.array(fc.integer(), { minLength: 1 });
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 100 }), (all, percent) => {
      const found = percentile(all, percent);
      const within = all.filter((value) => value <= found).length;
      const below = all.filter((value) => value < found).length;
      return all.includes(found) && within * 100 >= all.length * percent && below * 100 < all.length * percent;
    }),
  );
});

test('values are not put in order where they lie', () => {
  const values = [3, 1, 2];
  median(values);
  percentile(values, 50);
  deepEqual(values, [3, 1, 2]);
});

test('ratios and differences are those of the pairs, not of the medians', () => {
  const pairs = [
    { direct: 100, fttcp: 50 },
    { direct: 10, fttcp: 9 },
    { direct: 1000, fttcp: 600 },
  ];
  equal(medianRatio(pairs), 0.6);
  equal(medianDifference(pairs), -50);
});

test('numbers are rounded to so many digits', () => {
  equal(round(1.23456, 2), 1.23);
  equal(round(1234.5678, 0), 1235);
});
