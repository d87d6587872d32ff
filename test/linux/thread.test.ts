import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { monotonicMs, realtimeMs } from '../../src/linux/clock.ts';
import { childrenOf, processState, threadCpuMs } from '../../src/linux/process.ts';
import { setNormal, setRealtime } from '../../src/linux/scheduling.ts';
import { needs } from '../needs.ts';

test('the monotonic clock reads the same in every thread', async () => {
  const clock = new URL('../../src/linux/clock.js', import.meta.url).href;
  const code = `import('${clock}').then((clock) => require('node:worker_threads').parentPort.postMessage(clock.monotonicMs()))`;
  const before = monotonicMs();
  const there = await new Promise<number>((resolve) => new Worker(code, { eval: true }).once('message', resolve));
  const after = monotonicMs();
  assert.ok(before <= there && there <= after, `${before} ${there} ${after}`);
  const upMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  assert.ok(Math.abs(upMs - after) < 60_000 || after < upMs);
  assert.ok(Math.abs(realtimeMs() - Date.now()) < 1000);
});

test('real-time priority is given to the calling thread and taken back', { skip: needs('realtime') }, () => {
  assert.deepEqual(setRealtime(10), { ok: true });
  // proc_pid_stat(5): field 41 is the policy, SCHED_FIFO is 1; SCHED_RESET_ON_FORK does not show there.
  assert.equal(schedulingPolicy(), 1);
  assert.deepEqual(setNormal(), { ok: true });
  assert.equal(schedulingPolicy(), 0);
});

test('an impossible priority is refused with a reason', () => {
  const result = setRealtime(1000);
  assert.ok(!result.ok && /EINVAL|EPERM/.test(result.reason));
});

test('/proc tells the state and children of a process', () => {
  assert.equal(processState(process.pid), 'R');
  assert.equal(processState(2 ** 22 + 1), undefined);
  assert.ok(childrenOf(process.ppid).includes(process.pid));
});

test('the processor time of a thread grows while it works', () => {
  const spentMs = ({ cpuUserMs, cpuSystemMs }: ReturnType<typeof threadCpuMs>) => cpuUserMs + cpuSystemMs;
  const beforeMs = spentMs(threadCpuMs());
  const deadlineMs = monotonicMs() + 10_000;
  while (spentMs(threadCpuMs()) < beforeMs + 30) assert.ok(monotonicMs() < deadlineMs);
});

function schedulingPolicy(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[41 - 3]);
}
