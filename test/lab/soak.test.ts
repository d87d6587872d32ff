import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SoakResult } from '../../soak/judgement.ts';
import type { RoundPlan } from '../../soak/plan.ts';
import { runRound } from '../../soak/round.ts';
import { until } from '../../src/lab/clock.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/soak.mjs', import.meta.url));
/** Other programs must not be taken for a crash. */
const TIMEOUT = '250ms';

/** Starts `npm run soak` without npm. */
function soak(...words: string[]) {
  const environment = { ...process.env, FTTCP_SKIP_SETUP: '1' };
  const child = spawn(process.execPath, [SCRIPT, '--detect-timeout', TIMEOUT, ...words], { env: environment });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    said.stdout += text;
  });
  child.stderr.on('data', (text) => {
    said.stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, said, ended };
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'soak-test-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('two rounds of a seed are survived, and leave one object and no folder', () =>
  withFolder(async (out) => {
    const { said, ended } = soak('--rounds', '2', '--seed', '40', '--json', '--out', out);
    assert.equal(await ended, 0, said.stderr);
    const result = JSON.parse(said.stdout) as SoakResult;
    assert.deepEqual([result.ok, result.seed, result.rounds, result.failed], [true, 40, 2, 0]);
    assert.match(said.stderr.trimEnd().split('\n').at(-1) ?? '', /^soak: 2 rounds, seed 40, 0 failed, /);
    assert.equal(said.stderr.match(/^round \d+: .* \| .* \| .* failovers?$/gm)?.length, 2);
    assert.deepEqual(readdirSync(out), []);
  }));

test('a round that does not go as it must leaves captures, logs, plan and seed in a folder', () =>
  withFolder(async (out) => {
    const plan: RoundPlan = {
      seed: 7,
      round: 3,
      server: 'echo',
      ipv6: false,
      backup: 'hot',
      traffic: ['pingpong', 'lines'],
      durationMs: 300,
      bytesPerMs: 100,
      faults: [],
      // Which it has no reason for.
      expected: { survived: true, failovers: { least: 1, most: 1 } },
      plainTakeover: false,
    };
    const { signal } = new AbortController();
    const outcome = await runRound(plan, { out, detectTimeout: TIMEOUT, environment: process.env, signal });
    assert.deepEqual(outcome.problems, ['0 failovers instead of 1']);
    assert.equal(outcome.folder, path.join(out, '7-3'));
    assert.ok(outcome.bytes > 1000);
    const evidence = ['account.txt', 'plan.json', 'result.json', 'client.pcapng', 'lan.pcapng', 'a.log', 'witness.log'];
    for (const file of evidence) assert.ok(existsSync(path.join(outcome.folder, file)), file);
    assert.deepEqual(JSON.parse(readFileSync(path.join(outcome.folder, 'plan.json'), 'utf8')), plan);
    assert.match(readFileSync(path.join(outcome.folder, 'account.txt'), 'utf8'), /backup level/);
  }));

test('an interruption sums up what was done, and leaves nothing', () =>
  withFolder(async (out) => {
    const { child, said, ended } = soak('--seed', '41', '--out', out);
    assert.ok(await until(() => said.stdout.includes('round 1:'), { timeoutMs: 20_000 }));
    child.kill('SIGINT');
    assert.equal(await ended, 1);
    assert.match(said.stdout.trimEnd().split('\n').at(-1) ?? '', /^soak: interrupted, \d+ rounds?, seed 41, 0 failed/);
    assert.deepEqual(readdirSync(out), []);
  }));

test('wrong options are wrong usage', async () => {
  for (const words of [['--rounds', '0'], ['--seed', 'x'], ['--nonsense'], ['--detect-timeout', 'soon']]) {
    const { said, ended } = soak(...words);
    assert.equal(await ended, 2, words.join(' '));
    assert.match(said.stderr, /^fttcp: /);
    assert.equal(said.stdout, '');
  }
});
