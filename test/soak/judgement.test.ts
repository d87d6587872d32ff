import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demandsOf, type RoundOutcome, soakResult, stallsOf, summaryLine, tallyOf } from '../../soak/judgement.ts';
import type { RoundPlan } from '../../soak/plan.ts';
import { problemsOf } from '../../src/lab/demands.ts';
import type { LabResult } from '../../src/lab/result.ts';

const PLAN: RoundPlan = {
  seed: 5,
  round: 2,
  server: 'echo',
  ipv6: false,
  backup: 'hot',
  traffic: ['lines', 'stream'],
  durationMs: 2000,
  bytesPerMs: 100,
  faults: [{ atMs: 700, action: 'power-off', host: 'a' }],
  expected: { survived: true, failovers: { least: 1, most: 1 } },
  plainTakeover: true,
};
const connection = (openedMs: number, stallMs: number, survived = true, port = 1) => ({
  client: `c:${port}`,
  service: 's:1',
  bytesIn: 1,
  bytesOut: 1,
  openedMs,
  stallMs,
  resumedMs: null,
  survived,
});
const GOOD: LabResult = {
  ok: true,
  client: { exitCode: 0, stdout: '{"bytes":123,"restlessPorts":[1]}\n', stderr: '', durationMs: 2100 },
  faults: [{ atMs: 700.1, action: 'power-off', host: 'a' }],
  failovers: [{ detectedAfterMs: 5, promotedAfterMs: 6, epoch: 3 }],
  connections: [connection(100, 12), connection(90, 14), connection(800, 1010), connection(100, 999, true, 2)],
  voices: { violations: 0, speakers: [] },
  falsePromotions: 0,
  divergences: 0,
};

const problems = (change: Partial<LabResult>) => problemsOf(demandsOf(PLAN), { ...GOOD, ...change }).join('; ');

test('a round that goes as planned has no problem', () => {
  assert.equal(problems({}), '');
});

test('each thing that is not as it must be is named', () => {
  const failed = { ...GOOD.client, exitCode: 1, stderr: 'client 1 (stream): byte 7 is wrong\n' };
  assert.match(problems({ client: failed }), /exited 1: client 1 \(stream\): byte 7 is wrong$/);
  assert.match(problems({ connections: [connection(1, 1, false), connection(1, 1)] }), /1 of 2 connections did not/);
  assert.match(problems({ connections: [connection(1, 1)] }), /1 connections were seen of at least 2/);
  assert.match(problems({ faults: [] }), /0 faults were done of 1: 700ms:power-off:a/);
  assert.match(problems({ failovers: [] }), /0 failovers instead of 1/);
  assert.match(problems({ falsePromotions: 1 }), /1 promotions without a cause/);
  assert.match(problems({ voices: { violations: 3, speakers: [] } }), /two voices: 3 frames/);
  assert.match(problems({ divergences: 2 }), /the two servers answered differently on 2 connections/);
  assert.match(problems({ ok: false }), /the lab found fault/);
});

test('stalls are those of connections that were open when the first fault came, and whose clients never rest', () => {
  assert.deepEqual(stallsOf(GOOD), [12, 14]);
  assert.deepEqual(stallsOf({ ...GOOD, faults: [] }), []);
});

test('what the clients have checked is read from their last words', () => {
  assert.deepEqual(tallyOf(GOOD), { bytes: 123, restlessPorts: [1] });
  assert.equal(tallyOf({ ...GOOD, client: { ...GOOD.client, stdout: '' } }).bytes, 0);
});

const outcome = (change: Partial<RoundOutcome>): RoundOutcome => ({
  plan: PLAN,
  problems: [],
  folder: 'out/soak/5-2',
  failovers: 1,
  bytes: 123,
  stallsMs: [1],
  durationMs: 4000,
  ...change,
});

test('the sum names the seed, what failed, and the stalls of plain takeovers alone', () => {
  const outcomes = [
    ...Array.from({ length: 19 }, (_, i) => outcome({ stallsMs: [i + 1, 0.5] })),
    outcome({ stallsMs: [40] }),
    outcome({ stallsMs: [900], plan: { ...PLAN, plainTakeover: false } }),
    outcome({ stallsMs: [5000], problems: ['lost'] }),
    outcome({ stallsMs: [] }),
  ];
  const result = soakResult(5, outcomes, false);
  assert.deepEqual(result.stall, { n: 20, p50Ms: 10, p95Ms: 19, maxMs: 40 });
  assert.deepEqual(result.failures, [
    { round: 2, problems: ['lost'], folder: 'out/soak/5-2', command: 'npm run soak -- --seed 5 --round 2' },
  ]);
  assert.equal(result.ok, false);
  assert.equal(
    summaryLine(result),
    'soak: 23 rounds, seed 5, 1 failed, 23 failovers, stall p50 10.0 p95 19.0 max 40.0 ms in 20 plain takeovers',
  );
});

test('an interruption still sums up, and is no success', () => {
  const result = soakResult(5, [outcome({ plan: { ...PLAN, plainTakeover: false } })], true);
  assert.equal(result.ok, false);
  assert.equal(summaryLine(result), 'soak: interrupted, 1 round, seed 5, 0 failed, 1 failovers, no plain takeover');
  assert.equal(soakResult(5, [], false).stall.maxMs, 0);
});
