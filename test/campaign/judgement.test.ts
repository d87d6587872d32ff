import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  campaignResult,
  outcomeOf,
  outcomeText,
  problemsOf,
  type RoundOutcome,
  repeatCommand,
  summaryLine,
  tableText,
} from '../../campaign/judgement.ts';
import type { RoundPlan } from '../../campaign/plan.ts';
import type { LabResult } from '../../src/lab/result.ts';

const CONDITIONS = { seed: 7, backup: 'hot', load: { seconds: 4, bytes: 1000 } } as const;
const PLAN: RoundPlan = { ...CONDITIONS, server: 'redis', client: 'queues', round: 3, atMs: 1234 };
const connection = (stallMs: number) => ({
  client: 'c:1',
  service: 's:1',
  bytesIn: 1,
  bytesOut: 1,
  openedMs: 10,
  stallMs,
  resumedMs: null,
  survived: true,
});
const GOOD: LabResult = {
  ok: true,
  client: { exitCode: 0, stdout: '', stderr: '', durationMs: 2100 },
  faults: [{ atMs: 1234.1, action: 'power-off', host: 'a' }],
  failovers: [{ detectedAfterMs: 5, promotedAfterMs: 6, epoch: 3 }],
  connections: [connection(12), connection(100)],
  voices: { violations: 0, speakers: [] },
  falsePromotions: 0,
  divergences: 0,
};
const EARLY: LabResult = { ...GOOD, faults: [], failovers: [] };

test('a round demands one failover, and all that the lab looks at', () => {
  assert.deepEqual(problemsOf(PLAN, GOOD), []);
  assert.match(problemsOf(PLAN, { ...GOOD, ok: false, failovers: [] }).join(), /0 failovers instead of 1/);
  assert.match(problemsOf(PLAN, { ...GOOD, divergences: 1 }).join(), /answered differently/);
});

test('a client that ended well before a host took over is no failure, and has shown nothing', () => {
  assert.deepEqual(problemsOf(PLAN, EARLY), []);
  assert.deepEqual(problemsOf(PLAN, { ...GOOD, failovers: [] }), []);
  assert.equal(outcomeOf(PLAN, 'folder', [], EARLY).isTooEarly, true);
  assert.equal(outcomeOf(PLAN, 'folder', [], GOOD).isTooEarly, false);
});

test('a client that ended badly before the power-off was due is a failure', () => {
  const client = { ...GOOD.client, exitCode: 1, stdout: 'FAILED: byte 7 is wrong\n' };
  assert.match(problemsOf(PLAN, { ...EARLY, ok: false, client }).join(), /exited 1: FAILED: byte 7 is wrong/);
  assert.match(problemsOf(PLAN, { ...EARLY, falsePromotions: 1 }).join(), /1 promotions without a cause/);
});

test('the client took as long as it ran, but for the stall', () => {
  assert.equal(outcomeOf(PLAN, 'folder', [], GOOD).lengthMs, 2000);
});

const outcome = (change: Partial<RoundOutcome> = {}): RoundOutcome => ({
  ...outcomeOf(PLAN, 'out/campaign/x', [], GOOD, { recordedBytes: 1000, lagsMs: [5] }),
  ...change,
});
const FAILED = outcome({ problems: ['lost'] });

test('a round is a line, and one that failed says where the evidence is and how it is repeated', () => {
  assert.deepEqual(outcomeText(outcome()), ['redis, queues, round 3: power-off at 1234 ms, stall 100.0 ms, survived']);
  assert.match(outcomeText(outcome({ isTooEarly: true })).join(), /too early: the client ended after 2000 ms$/);
  const [first, ...others] = outcomeText(FAILED);
  assert.match(first ?? '', /FAILED$/);
  assert.deepEqual(others, ['  lost', '  evidence: out/campaign/x', `  again:    ${repeatCommand(PLAN)}`]);
  assert.equal(
    repeatCommand(PLAN),
    "npm run campaign -- redis --client 'queues' --backup hot --seconds 4 --bytes 1000B --seed 7 --round 3 --at 1234ms",
  );
});

test('the sum has a table of each server and each of its clients, of rounds that went well', () => {
  const other = outcome({ plan: { ...PLAN, client: 'locks' }, stallMs: 40 });
  const cold = outcome({ plan: { ...PLAN, server: 'nginx' }, look: { recordedBytes: 1, lagsMs: [] } });
  const result = campaignResult(CONDITIONS, [outcome({ isTooEarly: true }), outcome(), other, FAILED, cold], {}, false);
  const { redis, nginx } = result.servers;
  assert.deepEqual([result.rounds, result.failed, result.ok], [4, 1, false]);
  assert.deepEqual([redis?.rounds, redis?.failed, redis?.tooEarly, redis?.recordedBytes], [3, 1, 1, 2000]);
  assert.deepEqual(redis?.stall, { n: 2, medianMs: 70, p95Ms: 100, maxMs: 100 });
  assert.deepEqual(redis?.lag, { n: 2, medianMs: 5, p95Ms: 5, maxMs: 5 });
  assert.equal(redis?.clients.locks?.stall.maxMs, 40);
  assert.equal(nginx?.lag.n, 0);
  assert.deepEqual(
    result.failures.map(({ round, problems }) => [round, problems]),
    [[3, ['lost']]],
  );
  assert.match(tableText(result), /^ {2}nginx +1 +0 +100\.0 +100\.0 +100\.0 +- +- +- +1 B$/m);
  assert.equal(summaryLine(result), 'campaign: redis, nginx, hot backup, 4 rounds, seed 7, 1 failed');
});

test('a campaign that was interrupted, or found no server, is no success', () => {
  assert.equal(campaignResult(CONDITIONS, [outcome()], {}, false).ok, true);
  const interrupted = campaignResult(CONDITIONS, [outcome()], {}, true);
  assert.equal(interrupted.ok, false);
  assert.match(summaryLine(interrupted), /^campaign: interrupted, redis, hot backup, 1 round, /);
  assert.equal(campaignResult(CONDITIONS, [], { samba: 'needs root' }, false).ok, false);
});
