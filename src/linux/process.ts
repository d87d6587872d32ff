/** What /proc tells about processes. */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** States of sockets in /proc/PID/net. */
const TCP_LISTEN = '0A';
const UDP_UNCONNECTED = '07';

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** `SIGKILL` for 9; null for what is no signal. */
export function signalName(number: number): string | null {
  return SIGNAL_NAMES.get(number) ?? null;
}

/** The TCP ports on which anything in the network namespace of a process listens, ascending; empty when it has ended. */
export function listeningPorts(pid: number): number[] {
  return [...new Set([...portsIn(pid, 'tcp', TCP_LISTEN), ...portsIn(pid, 'tcp6', TCP_LISTEN)])].sort((a, b) => a - b);
}

/** Whether there is a UDP socket in the network namespace of a process that takes datagrams of anybody. */
export function waitsForDatagrams(pid: number): boolean {
  return ['udp', 'udp6'].some((table) => portsIn(pid, table, UDP_UNCONNECTED).length > 0);
}

function portsIn(pid: number, table: string, wanted: string): number[] {
  const lines = readOrEmpty(`/proc/${pid}/net/${table}`).split('\n').slice(1);
  return lines.flatMap((line) => {
    // sl local_address rem_address st …
    const [, local, , state] = line.trim().split(/\s+/);
    const port = local?.split(':')[1];
    return state === wanted && port !== undefined ? [Number.parseInt(port, 16)] : [];
  });
}

/** The processes that a process has started and that have not been reaped, whichever of its threads started them. */
export function childrenOf(pid: number): number[] {
  // /proc/PID/task/TID/children would say it at once, but not every kernel is built with it.
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  const parent = statFields(pid)[1];
  return parent === undefined ? undefined : Number(parent);
}

/** The state letter of proc_pid_stat(5), `Z` for a zombie; undefined when there is no such process. */
export function processState(pid: number, procRoot = '/proc'): string | undefined {
  return statFields(pid, procRoot)[0];
}

// proc_pid_stat(5), counted from the state; the flags are those of the kernel's include/linux/sched.h.
const FLAGS = 6;
const EXIT_CODE = 49;
const PF_EXITING = 0x4;
const PF_SIGNALED = 0x400;

/**
 * The signal that a process dies of, while it does and until it is reaped; 0 when it lives, ends by itself, or is gone. Its sockets
 * are closed before anybody is told of its end, but not before it can be seen here.
 */
export function deathSignal(pid: number | string, procRoot = '/proc'): number {
  const fields = statFields(pid, procRoot);
  const flags = Number(fields[FLAGS] ?? 0);
  if ((flags & PF_EXITING) === 0 || (flags & PF_SIGNALED) === 0) return 0;
  return Number(fields[EXIT_CODE] ?? 0) & 0x7f;
}

/** Ticks since boot at which the process started; undefined when there is none or it is dead. Tells a reused pid apart. */
export function startTime(pid: number): string | undefined {
  const fields = statFields(pid);
  return 'ZX'.includes(fields[0] ?? 'X') ? undefined : fields[19];
}

/**
 * The fields of `stat` that follow the name: state, parent, … None when there is no such process. The name, in brackets, may itself
 * hold anything, brackets too.
 */
export function statFields(pid: number | string, procRoot = '/proc'): string[] {
  const stat = readOrEmpty(`${procRoot}/${pid}/stat`);
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** A clock tick of proc(5); 100 a second on every architecture that Node runs on. */
const TICK_MS = 10;

/** Processor time of the calling thread. */
export function threadCpuMs(): { cpuUserMs: number; cpuSystemMs: number } {
  const fields = statFields('thread-self');
  return { cpuUserMs: Number(fields[11] ?? 0) * TICK_MS, cpuSystemMs: Number(fields[12] ?? 0) * TICK_MS };
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
