/** How far a replay is behind, and was at most. */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Arrivals } from '../../src/north/arrivals.ts';
import { RecentMost } from '../../src/north/recent-most.ts';

test('what is left of a recording is as old as its first byte', () => {
  const arrivals = new Arrivals();
  arrivals.add(100, 1000);
  arrivals.add(300, 1010);
  arrivals.add(300, 1020);
  equal(arrivals.ageOf(0, 1030), 30, 'nothing is replayed');
  equal(arrivals.ageOf(99, 1030), 30);
  equal(arrivals.ageOf(100, 1030), 20);
  equal(arrivals.ageOf(299, 1030), 20);
  equal(arrivals.ageOf(300, 1030), 0, 'all of it is');
});

test('what comes within a millisecond counts as having come at once', () => {
  const arrivals = new Arrivals();
  arrivals.add(1, 5);
  for (let i = 1; i < 9; i++) arrivals.add(1 + i, 5 + i / 10);
  equal(arrivals.ageOf(8, 15), 10);
});

test('the largest value is kept for a minute, and for two at most', () => {
  const most = new RecentMost();
  most.add(7, 0);
  most.add(3, 59_000);
  equal(most.at(59_999), 7);
  equal(most.at(60_001), 7);
  most.add(2, 61_000);
  equal(most.at(120_002), 2);
  equal(new RecentMost().at(1e9), 0);
});

test('a largest value of long ago is forgotten, although nothing came since', () => {
  const most = new RecentMost();
  most.add(7, 0);
  equal(most.at(200_000), 0);
});
