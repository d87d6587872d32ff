/** One thread made to stand still while the others of its process go on: what no signal can do. See ptrace(2). */
import { check } from './errors.ts';
import { libc } from './libc.ts';

const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;

/** The thread stands still until the calling thread ends. @throws LinuxError */
export function stopThread(thread: number): void {
  check(libc.ptrace(PTRACE_SEIZE, thread, 0, 0), 'ptrace(PTRACE_SEIZE)');
  check(libc.ptrace(PTRACE_INTERRUPT, thread, 0, 0), 'ptrace(PTRACE_INTERRUPT)');
}
