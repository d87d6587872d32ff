/** Seeds that are the same each time, and a few that are not; the command that runs them; that nothing but the seed decides. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { repeatCommand } from '../../sim/main.ts';
import { planOf } from '../../sim/plan.ts';
import { simulate } from '../../sim/run.ts';

const FIXED = 400;
const FRESH = 60;
const SEED_MAX = 2 ** 31 - 1;

/** Compiled, this file is in dist/test/sim. */
const SCRIPT = fileURLToPath(new URL('../../../scripts/sim.mjs', import.meta.url));

function passes(first: number, count: number): void {
  for (let seed = first; seed < first + count; seed++) {
    const plan = planOf(seed);
    const { problem, steps, error } = simulate(plan);
    if (problem === '') continue;
    throw new Error(`seed ${seed}, step ${steps}: ${problem}\nagain: ${repeatCommand(plan)}`, { cause: error });
  }
}

function command(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
    encoding: 'utf8',
    env: { ...process.env, FTTCP_SKIP_SETUP: '1' },
  });
  return { status, stdout, stderr };
}

test(`seeds 1 to ${FIXED}: no rule is broken, and every connection whose service lives comes to its end`, () => {
  passes(1, FIXED);
});

test('so it is with seeds that nobody has seen', (t) => {
  const first = Math.floor(Math.random() * (SEED_MAX - FRESH));
  t.diagnostic(`fresh seeds from ${first}`);
  passes(first, FRESH);
});

test('a seed decides everything', () => {
  for (const seed of [3, 47, 153]) deepEqual(simulate(planOf(seed)), simulate(planOf(seed)));
});

test('npm run sim sums up in its last line, and as one JSON object', () => {
  const text = command('--seed', '5', '--seeds', '3');
  equal(text.status, 0);
  match(text.stdout.trim().split('\n').at(-1) ?? '', /^sim: 3 seeds from 5, \d+ steps, .*, 0 failures$/);
  const json = command('--seed', '5', '--seeds', '3', '--json');
  const { ok, seeds, seed, failures } = JSON.parse(json.stdout);
  deepEqual({ ok, seeds, seed, failures }, { ok: true, seeds: 3, seed: 5, failures: [] });
});

test('--trace prints the packets of one seed by time, step, ends, flags and positions', () => {
  const { stdout, status } = command('--seed', '60', '--trace');
  equal(status, 0);
  match(stdout, /\n +\d+\.\d\d +\d+ {2}client 1 → service: SYN seq \d+ win/);
  match(stdout, /\n.* {2}client 1 → service: PSH,ACK seq 1\+\d+ ack 1 win/);
  match(stdout, /== power-off 0/);
});

test('what is not a number is wrong usage', () => {
  equal(command('--seeds', 'many').status, 2);
  equal(command('--sides').status, 2);
});
