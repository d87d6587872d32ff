/** Event descriptors: how one thread wakes another out of its `ppoll`. */
import { check } from './errors.ts';
import { read, write } from './io.ts';
import { libc } from './libc.ts';
import { allocate } from './memory.ts';

const EFD_NONBLOCK = 0x800;
const EFD_CLOEXEC = 0x80000;

const one = allocate(8);
one[0] = 1;
const count = allocate(8);

/** A descriptor of the whole process: its number may be sent to a worker. */
export function openEventFd(): number {
  return check(libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd()');
}

/** Wakes whoever waits. Signals that nobody has drained yet count as one. */
export function signalEventFd(fd: number): void {
  // EAGAIN says that the counter is full, so the waiter is awake already.
  write(fd, one, 0, 8);
}

/** True when it had been signalled. */
export function drainEventFd(fd: number): boolean {
  return read(fd, count, 0, 8) === 8;
}
