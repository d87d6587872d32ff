/** Another program in this process's place. */
import { check } from './errors.ts';
import { libc } from './libc.ts';

const F_SETFD = 2;

/**
 * Replaces the calling process: pid, parent, terminal, directory and environment stay, and of the descriptors the standard
 * ones. Returns only by throwing.
 */
export function execute(program: string, args: readonly string[]): never {
  // Node marks every descriptor close-on-exec, those that it was started with too.
  for (const fd of [0, 1, 2]) libc.fcntl(fd, F_SETFD, 0);
  check(libc.execvp(program, [program, ...args, null]), `execvp(${program})`);
  throw new Error('execvp() came back');
}
