/** Processor time of the processes of a lab's host, and of the whole machine, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { membersOf, pidNamespaceOf } from '../lab/processes.ts';
import { monotonicMs } from '../linux/clock.ts';

/** Seconds, user and system. */
export interface HostTime {
  readonly daemonS: number;
  /** Of the daemon's, those of its detector, which has the highest real-time priority; 0 where the kernel gives it none. */
  readonly detectorS: number;
  readonly othersS: number;
}

/** proc(5): hundredths of a second. */
const TICKS_PER_S = 100;
/** Fields of proc_pid_stat(5), counted from the state on. */
const USER = 11;
const SYSTEM = 12;
const CHILDREN_USER = 13;
const CHILDREN_SYSTEM = 14;
const REALTIME_PRIORITY = 37;

/** @param pid of the daemon; with --direct that of the server */
export function hostTime(pid: number): HostTime {
  const others = membersOf(pidNamespaceOf(pid)).filter((one) => one.pid !== pid);
  const whole = [USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM];
  return {
    daemonS: seconds(fieldsOf(`/proc/${pid}/stat`), whole),
    detectorS: seconds(detectorOf(pid), [USER, SYSTEM]),
    othersS: others.reduce((sum, one) => sum + seconds(fieldsOf(`/proc/${one.pid}/stat`), whole), 0),
  };
}

/** Of all processors together. */
export interface IdleTime {
  readonly idleMs: number;
  readonly passedMs: number;
}

export function idleTime(): IdleTime {
  const processors = cpus();
  const idleMs = processors.reduce((sum, { times }) => sum + times.idle, 0);
  return { idleMs, passedMs: monotonicMs() * processors.length };
}

/** Share of the machine that was in use between the two. */
export function busyBetween(before: IdleTime | undefined, after: IdleTime | undefined): number {
  if (before === undefined || after === undefined) return 0;
  const idle = (after.idleMs - before.idleMs) / (after.passedMs - before.passedMs);
  return Math.min(1, Math.max(0, 1 - idle));
}

function detectorOf(pid: number): readonly number[] {
  const priority = (thread: readonly number[]) => thread[REALTIME_PRIORITY] ?? 0;
  const threads = readdirSync(`/proc/${pid}/task`).map((tid) => fieldsOf(`/proc/${pid}/task/${tid}/stat`));
  const [first = []] = threads.sort((one, other) => priority(other) - priority(one));
  return priority(first) > 0 ? first : [];
}

/** None when it has just ended. */
function fieldsOf(file: string): readonly number[] {
  try {
    const stat = readFileSync(file, 'utf8');
    return stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
  } catch {
    return [];
  }
}

function seconds(fields: readonly number[], of: readonly number[]): number {
  return of.reduce((sum, index) => sum + (fields[index] ?? 0), 0) / TICKS_PER_S;
}
