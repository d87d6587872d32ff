// Experiments as the command makes them: what Figures 4 and 5 of the paper say of events and bytes, and not of times.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { PaperResults } from '../../src/experiments/experiments.ts';
import { until } from '../../src/lab/clock.ts';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT } from './failover.ts';

const skip = needs('tun');

/** Compiled, this file is in dist/test/lab. */
const BIN = new URL('../../../bin/fttcp.mjs', import.meta.url).pathname;
const PNG = '89504e470d0a1a0a';

/** With the folder for what it writes, for the time of `use`. */
async function experiment(
  names: readonly string[],
  use: (child: ReturnType<typeof start>, out: string) => Promise<void>,
): Promise<void> {
  const out = mkdtempSync(path.join(tmpdir(), 'experiment-test-'));
  try {
    await use(start([...names, '--quick', '--json', '--out', out, '--detect-timeout', CALM_TIMEOUT]), out);
  } finally {
    rmSync(out, { recursive: true });
  }
}

function start(words: readonly string[]) {
  const child = spawn(process.execPath, [BIN, 'experiment', ...words], {
    env: { ...process.env, FTTCP_SKIP_SETUP: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, code, stdout: text(child.stdout), stderr: text(child.stderr) };
}

test('without snooping the client goes on by itself, with it at the recovery by what was heard', { skip }, async () => {
  await experiment(['figure5', 'figure4'], async ({ code, stdout, stderr }, out) => {
    assert.equal(await code, 0, await stderr);
    const { figure4, figure5 } = JSON.parse(await stdout) as Pick<PaperResults, 'figure4' | 'figure5'>;
    for (const result of [figure4, figure5]) {
      const { crashAtMs, detectedAtMs, promotedAtMs, recoveredAtMs, resumedAtMs } = result;
      const order = [crashAtMs, detectedAtMs, promotedAtMs, recoveredAtMs, resumedAtMs];
      assert.deepEqual(
        order,
        [...order].sort((one, other) => one - other),
      );
      assert.equal(result.machine.node, process.version);
    }
    assert.deepEqual([figure4.ackAdvances, figure4.ackBeforeResumption], [false, true]);
    assert.ok(figure4.retransmissions > 1);
    assert.deepEqual([figure5.ackAdvances, figure5.ackBeforeResumption], [true, true]);

    assert.deepEqual(
      readdirSync(out).sort(),
      ['figure4', 'figure5'].flatMap((name) => ['json', 'png', 'svg'].map((kind) => `${name}.${kind}`)),
    );
    assert.deepEqual(JSON.parse(readFileSync(path.join(out, 'figure4.json'), 'utf8')), figure4);
    assert.match(readFileSync(path.join(out, 'figure4.svg'), 'utf8'), /^<svg [\s\S]*crash[\s\S]*recovered/);
    assert.equal(readFileSync(path.join(out, 'figure4.png')).subarray(0, 8).toString('hex'), PNG);
  });
});

test('an interrupted experiment leaves nothing', { skip }, async () => {
  await experiment(['gap'], async ({ child, code, stdout, stderr }) => {
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`fttcp-lab-${child.pid}-`));
    // Its own folder, and that of the lab which it has begun.
    assert.ok(await until(() => left().length > 1, { timeoutMs: 30_000 }));
    child.kill('SIGINT');
    assert.equal(await code, 1);
    assert.match(await stderr, /fttcp: .*interrupted/);
    assert.equal(await stdout, '');
    assert.deepEqual(left(), []);
  });
});
