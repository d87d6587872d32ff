import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { until } from '../../src/lab/clock.ts';
import { deathSignal, processState } from '../../src/linux/process.ts';

/** A child that nobody reaps, so that its end stays to be seen. */
async function unreaped(command: string, work: (pid: number) => Promise<void>): Promise<void> {
  const parent = spawn('sh', ['-c', `${command} & echo $!; exec sleep 60`], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    for await (const line of createInterface({ input: parent.stdout })) {
      // A shell might still reap it, until it has become what does not.
      assert.ok(await until(() => commandOf(parent.pid) === 'sleep', { timeoutMs: 5000, everyMs: 1 }));
      await work(Number(line));
      return;
    }
  } finally {
    parent.kill('SIGKILL');
  }
}

const commandOf = (pid = 0) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
const ended = (pid: number) => until(() => processState(pid) === 'Z', { timeoutMs: 5000, everyMs: 1 });

test('a process that dies by a signal shows which, one that ends by itself or lives shows none', async () => {
  for (const [name, number] of [
    ['SIGKILL', 9],
    ['SIGSEGV', 11],
    ['SIGTERM', 15],
  ] as const) {
    await unreaped('sleep 60', async (pid) => {
      assert.equal(deathSignal(pid), 0);
      process.kill(pid, name);
      assert.ok(await ended(pid));
      assert.equal(deathSignal(pid), number, name);
    });
  }
  await unreaped('sh -c "sleep 0.3; exit 137"', async (pid) => {
    assert.ok(await ended(pid));
    assert.equal(deathSignal(pid), 0);
  });
  assert.equal(deathSignal(process.pid), 0);
  assert.equal(deathSignal(2 ** 22 + 1), 0, 'there is no such process');
});
