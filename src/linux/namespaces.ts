/** Network namespaces of the calling thread. Its other threads stay where they are. */

import { check } from './errors.ts';
import { close } from './io.ts';
import { libc } from './libc.ts';

const CLONE_NEWNET = 0x40000000;
const O_CLOEXEC = 0x80000;

/**
 * Moves the calling thread into a network namespace; what it opens and starts from now on belongs there.
 * @param path for example `/proc/PID/ns/net` or `/run/netns/NAME`.
 */
export function enterNetworkNamespace(path: string): void {
  const fd = openNamespace(path);
  try {
    check(libc.setns(fd, CLONE_NEWNET), `setns(${path})`);
  } finally {
    close(fd);
  }
}

/** Does something short there, and comes back. */
export function inNetworkNamespace(path: string, work: () => void): void {
  const own = openNamespace('/proc/thread-self/ns/net');
  try {
    enterNetworkNamespace(path);
    work();
  } finally {
    check(libc.setns(own, CLONE_NEWNET), 'setns(the own network namespace)');
    close(own);
  }
}

function openNamespace(path: string): number {
  return check(libc.open(path, O_CLOEXEC), `open(${path})`, 'no such namespace, or its process has ended');
}

/** Moves the calling thread into a network namespace of its own, empty and gone with its last process. */
export function newNetworkNamespace(): void {
  check(libc.unshare(CLONE_NEWNET), 'unshare(CLONE_NEWNET)');
}
