/** Locks that the kernel takes back when their process ends, however it ends, and that need no room on the disk (flock(2)). */

import { LinuxError } from './errors.ts';
import { EAGAIN } from './io.ts';
import { errno, libc } from './libc.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Locks an open file or directory until the descriptor is closed. @returns false when somebody else has the lock. */
export function lockFile(fd: number): boolean {
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const error = errno();
  if (error === EAGAIN) return false;
  throw new LinuxError('flock()', error, 'the file must be on a local disk');
}
