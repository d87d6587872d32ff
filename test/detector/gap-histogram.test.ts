import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { GapHistogram } from '../../src/detector/gap-histogram.ts';

/** An hour of heartbeats every half millisecond, of which some are late. */
function hour(late: readonly number[] = []): GapHistogram {
  const gaps = new GapHistogram();
  for (const gapMs of late) gaps.add(gapMs);
  while (gaps.observedMs < 3_600_000) gaps.add(0.55);
  return gaps;
}

test('the histogram tells what a timeout would have suspected falsely', () => {
  const gaps = new GapHistogram();
  for (let i = 0; i < 1000; i++) gaps.add(i % 100 === 99 ? 8 : 0.5);
  equal(gaps.longestMs, 8);
  equal(gaps.longerThan(5), 10);
  equal(gaps.longerThan(10), 0);
  ok(gaps.quantileMs(0.5) < 1);
  equal(gaps.quantileMs(0.005), 8.1);
  ok(Math.abs(gaps.suspicionsPerHour(5) - (10 / gaps.observedMs) * 3_600_000) < 1);
});

test('heartbeats that are always punctual advise a short timeout', () => {
  ok(hour().advisedTimeoutMs(0.5) <= 5);
});

test('a timeout of fewer than four intervals is not advised', () => {
  equal(hour().advisedTimeoutMs(2.5), 10);
});

test('a timeout that would have suspected is not advised, and the tail asks for more than the longest gap', () => {
  const gaps = hour(Array.from({ length: 40 }, (_, i) => 2 + i / 10));
  equal(gaps.longestMs, 5.9);
  equal(gaps.longerThan(8), 0);
  ok(gaps.suspicionsPerHour(8) > 0.01, 'a heavy tail may well pass the longest gap seen');
  const advised = gaps.advisedTimeoutMs(0.5);
  ok(advised > 8 && advised <= 50, `advised ${advised}`);
});

test('a longer timeout never suspects more', () => {
  const gaps = hour([3, 3, 4, 7, 12, 40, 250]);
  let last = Number.POSITIVE_INFINITY;
  for (const timeoutMs of [2, 3, 5, 8, 10, 15, 20, 25, 50]) {
    const perHour = gaps.suspicionsPerHour(timeoutMs);
    ok(perHour <= last);
    last = perHour;
  }
});

test('long pauses leave no candidate', () => {
  equal(hour([100, 150, 300]).advisedTimeoutMs(0.5), Number.POSITIVE_INFINITY);
});

test('before there were heartbeats enough, nothing is advised', () => {
  const gaps = new GapHistogram();
  equal(gaps.quantileMs(0.01), 0);
  ok(Number.isNaN(gaps.advisedTimeoutMs(0.5)));
  for (let i = 0; i < 1000; i++) gaps.add(0.5);
  ok(Number.isNaN(gaps.advisedTimeoutMs(0.5)));
});
