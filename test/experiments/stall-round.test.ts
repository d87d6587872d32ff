import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { roundOf, type StallRound, stallsOf } from '../../src/experiments/stall-round.ts';
import type { LabResult } from '../../src/lab/result.ts';

const lab = (more: Partial<LabResult> = {}): LabResult => ({
  ok: true,
  client: { exitCode: 0, stdout: '', stderr: '', durationMs: 1000 },
  faults: [{ atMs: 450, action: 'power-off', host: 'a' }],
  failovers: [{ detectedAfterMs: 6, promotedAfterMs: 9, epoch: 4 }],
  connections: [
    {
      client: '10.77.0.1:40000',
      service: '10.77.0.100:7000',
      bytesIn: 1,
      bytesOut: 1,
      openedMs: 100,
      stallMs: 13,
      resumedMs: null,
      survived: true,
    },
  ],
  voices: { violations: 0, speakers: [] },
  falsePromotions: 0,
  divergences: 0,
  ...more,
});

test('a round is its stall and how the failover went', () => {
  deepEqual(roundOf(lab(), 2), {
    stallMs: 13,
    detectedAfterMs: 6,
    promotedAfterMs: 9,
    ok: true,
    falsePromotions: 2,
  });
});

test('a round without a takeover, a connection or success has failed', () => {
  equal(roundOf(lab({ failovers: [] }), 0).ok, false);
  equal(roundOf(lab({ connections: [] }), 0).ok, false);
  equal(roundOf(lab({ ok: false }), 0).ok, false);
});

test('rounds are summed up, failed ones among them', () => {
  const round = (stallMs: number, more: Partial<StallRound> = {}): StallRound => ({
    stallMs,
    detectedAfterMs: stallMs - 5,
    promotedAfterMs: stallMs - 2,
    ok: true,
    falsePromotions: 0,
    ...more,
  });
  const failed = { ok: false, detectedAfterMs: undefined, promotedAfterMs: undefined };
  const rounds = [round(10), round(12), round(11, { falsePromotions: 2 }), round(9), round(5000, failed)];
  deepEqual(stallsOf(rounds), {
    n: 5,
    p50Ms: 11,
    p95Ms: 5000,
    maxMs: 5000,
    detectedP50Ms: 5.5,
    promotedP50Ms: 8.5,
    falsePromotions: 2,
    failed: 1,
  });
  equal(stallsOf([round(1, failed)]).promotedP50Ms, null);
});
