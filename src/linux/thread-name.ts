/** Names of threads, as `top -H` and /proc show them. */
import { readdirSync, readFileSync } from 'node:fs';
import { libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const PR_SET_NAME = 15;
/** The kernel keeps 15 bytes and a zero. */
const NAME_BYTES = 16;

/** Names the calling thread. @param name ASCII, at most 15 characters. */
export function nameThread(name: string): void {
  const bytes = allocate(NAME_BYTES);
  for (let i = 0; i < Math.min(name.length, NAME_BYTES - 1); i++) bytes[i] = name.charCodeAt(i);
  libc.prctl(PR_SET_NAME, addressOf(bytes), 0, 0, 0);
}

/** The threads of a process that have this name. */
export function threadsNamed(pid: number, name: string): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map(Number)
      .filter((thread) => readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trimEnd() === name);
  } catch {
    return []; // the process has ended
  }
}
