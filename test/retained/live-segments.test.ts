import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { LiveSegments } from '../../src/retained/live-segments.ts';

test('a segment is needed until all its connections are over', () => {
  const segments = new LiveSegments();
  segments.begin(0);
  segments.has(1);
  segments.has(2);
  segments.begin(1000);
  segments.has(2);
  segments.has(3);
  segments.begin(2000);
  deepEqual(segments.over(1), []);
  deepEqual(segments.over(2), [0]);
  deepEqual(segments.over(3), [1000]);
});

test('the present segment is needed always', () => {
  const segments = new LiveSegments();
  segments.begin(0);
  segments.has(1);
  deepEqual(segments.over(1), []);
  segments.begin(500);
  segments.has(2);
  deepEqual(segments.over(2), []);
});
