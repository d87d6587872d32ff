import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { resumptionOf } from '../../bench/nudge.ts';

test('a connection that was lost counts as failed, and in no percentile', () => {
  deepEqual(resumptionOf([3, undefined, 1, 2]), { n: 4, p50Ms: 2, p95Ms: 3, failed: 1 });
  deepEqual(resumptionOf([undefined]), { n: 1, p50Ms: null, p95Ms: null, failed: 1 });
});
