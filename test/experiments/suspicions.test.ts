import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { suspicionRates, suspicionsOf, TIMEOUTS_MS } from '../../src/experiments/suspicions.ts';

/** One a millisecond for ten seconds, but for pauses: from which arrival on, and how long. */
function arrivals(...pauses: readonly (readonly [number, number])[]): number[] {
  let atMs = 0;
  return Array.from({ length: 10_000 }, (_, index) => {
    atMs += 1 + (pauses.find(([from]) => from === index)?.[1] ?? 0);
    return atMs;
  });
}

test('a pause is suspected once by each timeout that is shorter, and by none that is longer', () => {
  const trace = arrivals([4000, 11], [8000, 11]);
  deepEqual(
    [5, 8, 10, 15, 50].map((timeoutMs) => suspicionsOf(trace, timeoutMs)),
    [2, 2, 2, 0, 0],
  );
});

test('punctual arrivals are never suspected, and no arrivals neither', () => {
  equal(suspicionsOf(arrivals(), 3), 0);
  equal(suspicionsOf([], 3), 0);
});

test('rates are of the time that was observed, and the tail expects more than was seen', () => {
  const rates = suspicionRates(arrivals([2000, 4], [5000, 6], [7000, 9]));
  deepEqual(
    rates.map(({ timeoutMs }) => timeoutMs),
    [...TIMEOUTS_MS],
  );
  const at5 = rates.find(({ timeoutMs }) => timeoutMs === 5);
  equal(at5?.seen, 2);
  ok(Math.abs((at5?.perHour ?? 0) - 2 * 360) <= 2);
  const at10 = rates.find(({ timeoutMs }) => timeoutMs === 10);
  ok(at10?.perHour === 0 && at10.expectedPerHour > 0);
});
