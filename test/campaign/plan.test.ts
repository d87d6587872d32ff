import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conditions, faultText, Moments, planText, type RoundPlan } from '../../campaign/plan.ts';
import { parseFault } from '../../src/lab/faults.ts';

const CONDITIONS: Conditions = { seed: 7, backup: 'hot', load: { seconds: 4, bytes: 1 } };
const ROUNDS = Array.from({ length: 200 }, (_, index) => index + 1);

const moments = (client = 'four viewers', conditions = CONDITIONS) => new Moments(conditions, 'live-http', client);
const all = (of: Moments) => ROUNDS.map((round) => of.of(round));

test('the same seed has the power go off at the same moments, another one or another client at others', () => {
  assert.deepEqual(all(moments()), all(moments()));
  assert.notDeepEqual(all(moments()), all(moments('five viewers')));
  assert.notDeepEqual(all(moments()), all(moments('four viewers', { ...CONDITIONS, seed: 8 })));
});

test('moments lie within the work, from its beginning to nearly its end', () => {
  const drawn = all(moments());
  assert.ok(Math.min(...drawn) >= 100 && Math.min(...drawn) < 400);
  assert.ok(Math.max(...drawn) < 3800 && Math.max(...drawn) > 3500);
});

test('a client that took less than was thought has its moments nearer, at the same shares of its work', () => {
  const learnt = moments();
  learnt.learn(1000);
  const [early, late] = [all(learnt), all(moments())];
  assert.ok(early.every((atMs, index) => atMs >= 100 && atMs < 950 && atMs <= (late[index] ?? 0)));
  const order = (of: readonly number[]) => [...ROUNDS].sort((one, other) => (of[one - 1] ?? 0) - (of[other - 1] ?? 0));
  assert.equal(order(early)[0], order(late)[0]);
});

test('a further attempt at a round is nearer, however long the client took', () => {
  const drawn = all(moments());
  const again = ROUNDS.map((round) => moments().of(round, 2));
  assert.ok(again.every((atMs, index) => atMs >= 100 && atMs <= (drawn[index] ?? 0)));
  assert.notDeepEqual(again, drawn);
});

test('even a client that is over at once is hit before it ends', () => {
  const short = moments();
  short.learn(20);
  assert.ok(all(short).every((atMs) => atMs < 20));
});

test('a plan is a fault of the lab, and a sentence', () => {
  const plan: RoundPlan = { ...CONDITIONS, server: 'redis', client: 'queues', round: 3, atMs: 1234 };
  const { atMs, action, host } = parseFault(faultText(plan), ['a', 'b'], true);
  assert.deepEqual({ atMs, action, host }, { atMs: 1234, action: 'power-off', host: 'primary' });
  assert.equal(planText(plan), 'redis, queues, round 3: power-off at 1234 ms');
});
