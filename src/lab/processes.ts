/** Which processes belong to a host of the lab, nested namespaces included. Everything here only looks. */
import { readdirSync, readlinkSync } from 'node:fs';
import { statFields } from '../linux/process.ts';

export interface ProcessEntry {
  pid: number;
  parent: number;
  /** For example `pid:[4026532281]`; empty when it could not be read. */
  pidNamespace: string;
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
    const [state = 'Z', parent] = statFields(pid);
    if (state === 'Z') continue;
    found.push({ pid, parent: Number(parent), pidNamespace: pidNamespaceOf(pid) });
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
