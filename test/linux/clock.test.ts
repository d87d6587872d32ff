import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { monotonicMs, sleepUntil } from '../../src/linux/clock.ts';

test('a sleep ends at its time and not before, and one whose time has passed ends at once', () => {
  const startMs = monotonicMs();
  sleepUntil(startMs + 3.25);
  ok(monotonicMs() >= startMs + 3.24);
  sleepUntil(startMs - 1_000_000);
  sleepUntil(startMs);
});
