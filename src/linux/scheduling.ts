/**
 * Real-time priority of the calling thread. Pages are not locked: V8 gives memory back with MADV_DONTNEED, which fails on locked
 * pages, and every thread's heap would be locked with it.
 */
import { nameOfErrno } from './errors.ts';
import { errno, libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
/** Children start with normal priority: a server forked by accident must not inherit it. */
const SCHED_RESET_ON_FORK = 0x40000000;

const parameter = allocate(4);
const parameterWords = new Int32Array(parameter.buffer);

export type RealtimeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** @param priority 1 (lowest) to 99. The kernel's own threads that matter for packets run at 50. */
export function setRealtime(priority: number): RealtimeResult {
  return setScheduler(SCHED_FIFO | SCHED_RESET_ON_FORK, priority);
}

export function setNormal(): RealtimeResult {
  return setScheduler(SCHED_OTHER, 0);
}

function setScheduler(policy: number, priority: number): RealtimeResult {
  parameterWords[0] = priority;
  if (libc.schedSetscheduler(0, policy, addressOf(parameter)) === 0) return { ok: true };
  const name = nameOfErrno(errno());
  const advice =
    name === 'EPERM'
      ? 'needs CAP_SYS_NICE or `ulimit -r`, and a cgroup with real-time time (cpu.rt_runtime_us) where the kernel groups it'
      : 'the kernel refused';
  return { ok: false, reason: `sched_setscheduler(): ${name} — ${advice}` };
}
