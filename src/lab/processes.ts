/**
 * What /proc tells the lab about processes: children, start times, and which ones belong to a host, nested namespaces
 * included. Everything here only looks.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessEntry {
  pid: number;
  parent: number;
  /** For example `pid:[4026532281]`; empty when it could not be read. */
  pidNamespace: string;
}

/** Ticks since boot at which the process started; undefined when there is none or it is dead. Tells a reused pid apart. */
export function startTime(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields === undefined || 'ZX'.includes(fields[0] ?? 'X') ? undefined : fields[19];
}

/** The fields of /proc/PID/stat from the third (state) on; the second may contain spaces and brackets. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

export function pidNamespaceOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}

export function listProcesses(): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const fields = statFields(pid);
    if (fields === undefined || fields[0] === 'Z') continue;
    found.push({ pid, parent: Number(fields[1]), pidNamespace: pidNamespaceOf(pid) });
  }
  return found;
}

/**
 * All processes of the PID namespace `namespace` and of those nested in it. A nested namespace is recognised by its
 * first process's parent, who is a member already.
 */
export function membersOf(namespace: string, processes: readonly ProcessEntry[] = listProcesses()): ProcessEntry[] {
  const members = new Map<number, ProcessEntry>();
  const namespaces = new Set([namespace]);
  for (let size = -1; size !== members.size; ) {
    size = members.size;
    for (const entry of processes) {
      if (members.has(entry.pid)) continue;
      if (!namespaces.has(entry.pidNamespace) && !members.has(entry.parent)) continue;
      members.set(entry.pid, entry);
      if (entry.pidNamespace !== '') namespaces.add(entry.pidNamespace);
    }
  }
  return [...members.values()];
}

export function childrenOf(pid: number): number[] {
  return listProcesses()
    .filter((entry) => entry.parent === pid)
    .map((entry) => entry.pid);
}

/** Does a socket of the network namespace of `pid` listen on this TCP port? */
export function listensOn(pid: number, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6'].some((table) => {
    let rows: string[];
    try {
      rows = readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1);
    } catch {
      return false;
    }
    const LISTEN = '0A';
    return rows.some((row) => {
      const [, local, , state] = row.trim().split(/\s+/);
      return state === LISTEN && local?.endsWith(suffix);
    });
  });
}
