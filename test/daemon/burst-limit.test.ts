import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { BurstLimit } from '../../src/daemon/burst-limit.ts';

test('of a burst the first ones are told, and at the end of its second the last one', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const told: number[] = [];
  const limit = new BurstLimit<number>((event) => told.push(event));
  for (let i = 1; i <= 500; i++) limit.take(i);
  deepEqual(told, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  context.mock.timers.tick(1000);
  deepEqual(told.slice(10), [500]);
  limit.take(501);
  deepEqual(told.slice(11), [501]);
  context.mock.timers.tick(5000);
  deepEqual(told.length, 12);
});

test('what was kept back is told at the end', () => {
  const told: number[] = [];
  const limit = new BurstLimit<number>((event) => told.push(event));
  for (let i = 1; i <= 12; i++) limit.take(i);
  limit.end();
  deepEqual(told.slice(10), [12]);
});
