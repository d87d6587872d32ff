import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SilenceDetector } from '../../src/detector/silence.ts';

/** Wakes every half millisecond from `fromMs` to `toMs`. */
function wakes(detector: SilenceDetector, fromMs: number, toMs: number): void {
  for (let now = fromMs; now <= toMs; now += 0.5) detector.woke(now);
}

test('a peer that was never heard is not suspected', () => {
  const detector = new SilenceDetector(5);
  wakes(detector, 0, 1000);
  equal(detector.suspects(1000), false);
});

test('silence beyond the timeout is a suspicion, and a heartbeat ends it', () => {
  const detector = new SilenceDetector(5);
  detector.heard(100);
  wakes(detector, 100.5, 105);
  equal(detector.suspects(105), false);
  wakes(detector, 105.5, 106);
  equal(detector.suspects(106), true);
  detector.heard(106);
  equal(detector.suspects(106), false);
});

test('a detector that overslept doubts itself: the time is not held against the peer', () => {
  const detector = new SilenceDetector(5);
  detector.heard(100);
  detector.woke(180);
  equal(detector.suspects(180), false);
  wakes(detector, 180.5, 183);
  equal(detector.suspects(183), false);
  wakes(detector, 183.5, 186);
  equal(detector.suspects(186), true);
});

test('a heartbeat that waited while the detector slept counts from when it was read', () => {
  const detector = new SilenceDetector(5);
  detector.heard(100);
  detector.heard(180);
  detector.woke(180);
  equal(detector.silenceMs(180), 0);
});

test('the detector tells what a shorter timeout would have suspected falsely', () => {
  const detector = new SilenceDetector(50);
  let now = 0;
  for (let i = 0; i < 1000; i++) {
    now += i % 100 === 99 ? 8 : 0.5;
    detector.heard(now);
  }
  equal(detector.longestGapMs, 8);
  ok(Math.abs(detector.falseSuspicionRate(5) - 0.01) < 0.002);
  equal(detector.falseSuspicionRate(10), 0);
  ok(detector.gapQuantileMs(0.5) < 1);
});

test('a detector that may learn takes no gap for silence that is like those of late, and forgets them', () => {
  const detector = new SilenceDetector(5, 25);
  detector.heard(0);
  detector.heard(4);
  equal(detector.timeoutMs, 12);
  detector.heard(104);
  equal(detector.timeoutMs, 25);
  for (let now = 104.5; now < 3000; now += 0.5) detector.heard(now);
  equal(detector.timeoutMs, 5);
});
