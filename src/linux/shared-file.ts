/**
 * Memory that other processes share by a descriptor: a file without a name (memfd_create(2)), mapped here as an array, and futexes in it
 * (futex(2)), by which processes wait for each other. Or a file that they append to.
 */
import { check } from './errors.ts';
import { libc, memoryAt } from './libc.ts';

const MFD_CLOEXEC = 1;
const F_SETFL = 4;
const O_APPEND = 0x400;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const PROT_READ_WRITE = 0x3;
const MAP_SHARED = 0x1;
const FUTEX_WAKE = 1;
const EVERYONE = 0x7fff_ffff;
const SYS_FUTEX: Readonly<Record<string, number>> = { x64: 202, arm64: 98, riscv64: 98 };

/** @returns a descriptor; a child has it only where it is given to it. */
export function openSharedFile(name: string, bytes: number): number {
  const fd = check(libc.memfdCreate(name, MFD_CLOEXEC), `memfd_create(${name})`);
  check(libc.ftruncate(fd, bytes), `ftruncate(${name}, ${bytes})`);
  return fd;
}

/** The same; whoever inherits the descriptor appends by each write, all of it at once. */
export function openAppendFile(name: string, bytes: number): number {
  const fd = openSharedFile(name, bytes);
  check(libc.fcntl(fd, F_SETFL, O_APPEND), `fcntl(${name}, F_SETFL, O_APPEND)`);
  return fd;
}

/** Gives the memory of a part of the file back, which reads as zeros from then on. */
export function punchHole(fd: number, offset: number, bytes: number): void {
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  check(libc.fallocate(fd, mode, offset, bytes), `fallocate(${bytes} bytes at ${offset})`);
}

/** Stays mapped for as long as this process lives. */
export function mapShared(fd: number, offset: number, bytes: number): ArrayBuffer {
  const address = check(libc.mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, fd, offset), `mmap(${bytes} bytes)`);
  return memoryAt(address, bytes);
}

/** Wakes whoever waits for a word to change, in any process. @param address of the word */
export function wakeFutex(address: number): void {
  libc.syscall(SYS_FUTEX[process.arch] ?? 0, address, FUTEX_WAKE, EVERYONE, 0, 0, 0);
}
