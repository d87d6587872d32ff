import { deepEqual, equal } from 'node:assert/strict';
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

test('a detector that may learn takes no gap for silence that is like those of late, and forgets them', () => {
  const detector = new SilenceDetector(5, 25);
  detector.heard(0);
  detector.heard(4);
  equal(detector.timeoutMs(4), 12);
  detector.heard(104);
  equal(detector.timeoutMs(104), 25);
  for (let now = 104.5; now < 3000; now += 0.5) detector.heard(now);
  equal(detector.timeoutMs(3000), 5);
});

test('a peer whose kernel answers is given as much time as a detector that may learn has, and no more', () => {
  const detector = new SilenceDetector(5, 25);
  detector.heard(0);
  wakes(detector, 0.5, 2);
  equal(detector.wonders(2), false);
  wakes(detector, 2.5, 3);
  equal(detector.wonders(3), true);
  for (let now = 3; now <= 25; now += 0.5) {
    detector.answered(now);
    detector.woke(now);
    equal(detector.suspects(now), false);
  }
  wakes(detector, 25.5, 26);
  detector.answered(26);
  equal(detector.suspects(26), true);
});

test('its answers count for half a timeout, and not where the timeout is fixed', () => {
  const learning = new SilenceDetector(5, 25);
  const fixed = new SilenceDetector(5);
  for (const detector of [learning, fixed]) {
    detector.heard(0);
    wakes(detector, 0.5, 5);
  }
  equal(fixed.wonders(5), false);
  learning.answered(3);
  wakes(learning, 5.5, 5.5);
  equal(learning.suspects(5.5), false);
  wakes(learning, 6, 6);
  equal(learning.suspects(6), true);
});

test('a peer that has just started is given time: its program is still being compiled', () => {
  const detector = new SilenceDetector(5);
  detector.peerStarted(0);
  detector.heard(0);
  wakes(detector, 0, 20);
  equal(detector.suspects(20), false);
  wakes(detector, 20.5, 31);
  equal(detector.suspects(31), true);
  equal(detector.timeoutMs(1000), 5);
});

test('neither the time that a peer was down nor its first second says anything of the link', () => {
  const detector = new SilenceDetector(5);
  detector.heard(0);
  detector.heard(1);
  detector.peerStarted(60_000);
  detector.heard(60_000);
  detector.heard(60_020);
  equal(detector.gaps.longestMs, 1);
  detector.heard(61_500);
  detector.heard(61_502);
  deepEqual([detector.gaps.count, detector.gaps.longestMs], [3, 1480]);
});
