/** Pipes for the output of programs. Node's own `pipe` for a child is a socket, and a program cannot open `/dev/stdout` on a socket. */
import { check } from './errors.ts';
import { libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const O_CLOEXEC = 0x80000;

/** Both ends are closed by exec unless they are passed on by number. */
export function openPipe(): { readFd: number; writeFd: number } {
  const ends = allocate(8);
  check(libc.pipe2(addressOf(ends), O_CLOEXEC), 'pipe2()');
  const view = new DataView(ends.buffer);
  return { readFd: view.getInt32(0, true), writeFd: view.getInt32(4, true) };
}
