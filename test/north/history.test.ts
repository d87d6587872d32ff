/** What a server has learnt before its first backup joins. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import type { LogWriter } from '../../src/log/log-writer.ts';
import { History } from '../../src/north/history.ts';

/** All that a history appends to a log. */
function appended(history: History): number[] {
  const bytes: number[] = [];
  const log = {
    hasRoom: () => true,
    north: (piece: Uint8Array, offset: number, length: number) =>
      bytes.push(...piece.subarray(offset, offset + length)),
  };
  history.appendTo(log as unknown as LogWriter);
  return bytes;
}

test('it is told again, as often as somebody joins, although its memory was used again', () => {
  const history = new History(10);
  const ring = Uint8Array.of(1, 2, 3, 4);
  history.add(ring, 1, 2);
  ring.fill(9);
  history.add(ring, 0, 1);
  deepEqual(appended(history), [2, 3, 9]);
  deepEqual(appended(history), [2, 3, 9]);
  equal(history.incomplete, '');
});

test('beyond its bound nothing of it is told', () => {
  const history = new History(3);
  history.add(Uint8Array.of(1, 2, 3), 0, 3);
  equal(history.incomplete, '');
  history.add(Uint8Array.of(4), 0, 1);
  match(history.incomplete, /logBytes/);
  deepEqual(appended(history), []);
});

test('a server that has had connections keeps none', () => {
  const history = new History(10);
  history.add(Uint8Array.of(1), 0, 1);
  history.end();
  history.add(Uint8Array.of(2), 0, 1);
  deepEqual(appended(history), []);
  match(history.incomplete, /connections/);
});

test('what was cut from its end is not told', () => {
  const history = new History(10);
  history.add(Uint8Array.of(1, 2, 3), 0, 3);
  history.add(Uint8Array.of(4, 5), 0, 2);
  history.cut(3);
  history.add(Uint8Array.of(6), 0, 1);
  deepEqual(appended(history), [1, 2, 6]);
  history.cut(4);
  deepEqual(appended(history), []);
});
