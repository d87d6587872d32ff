/**
 * The lab's temporary directory. Its name carries the pid and the start time of the lab that made it, so that the next
 * lab can remove what one killed by SIGKILL left behind, and never what a living one uses.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startTime } from '../linux/process.ts';

const PREFIX = 'fttcp-lab-';

export function makeScratchDirectory(): string {
  removeStaleScratchDirectories();
  return mkdtempSync(path.join(tmpdir(), `${PREFIX}${process.pid}-${startTime(process.pid) ?? '0'}-`));
}

export function removeStaleScratchDirectories(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid, started] = /^fttcp-lab-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || startTime(Number(pid)) === started) continue;
    try {
      rmSync(path.join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's, or another lab removes it at this moment.
    }
  }
}
