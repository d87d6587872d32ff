/**
 * Reading, writing and waiting on descriptors: the hot path. Nothing here throws on what the kernel says and nothing
 * allocates: a result is the number of bytes, or −errno.
 */
import { constants } from 'node:os';
import { assert } from '../errors.ts';
import { check } from './errors.ts';
import { errno, libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

export const {
  EACCES,
  EAGAIN,
  EBADF,
  ECONNABORTED,
  ECONNREFUSED,
  ECONNRESET,
  EHOSTUNREACH,
  EINPROGRESS,
  EINTR,
  EINVAL,
  EIO,
  EMSGSIZE,
  ENETDOWN,
  ENETUNREACH,
  ENOBUFS,
  ENODEV,
  ENOMEM,
  ENOTCONN,
  EPIPE,
  ETIMEDOUT,
} = constants.errno;
/** The descriptor's device is gone: what a TUN says once its namespace has ended. Node does not list it. */
export const EBADFD = 77;

export const MSG_PEEK = 0x2;
export const MSG_DONTWAIT = 0x40;
/** Without it, sending to a closed connection raises SIGPIPE; Node ignores that signal, other programs do not. */
export const MSG_NOSIGNAL = 0x4000;

export const POLLIN = 0x1;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;

/** What this thread has asked of the kernel here, since its start; bytes are those that were really moved. */
export interface IoCounts {
  readCalls: number;
  readBytes: number;
  writeCalls: number;
  writeBytes: number;
  recvCalls: number;
  recvBytes: number;
  sendCalls: number;
  sendBytes: number;
  pollCalls: number;
}

/** Calls and bytes by turns. Doubles in place: counting allocates nothing, however far it goes. */
const counts = new Float64Array(9);
const READ = 0;
const WRITE = 2;
const RECV = 4;
const SEND = 6;
const POLL = 8;

/** Each thread counts its own. */
export function ioCounts(): IoCounts {
  const at = (index: number) => counts[index] ?? 0;
  return {
    readCalls: at(READ),
    readBytes: at(READ + 1),
    writeCalls: at(WRITE),
    writeBytes: at(WRITE + 1),
    recvCalls: at(RECV),
    recvBytes: at(RECV + 1),
    sendCalls: at(SEND),
    sendBytes: at(SEND + 1),
    pollCalls: at(POLL),
  };
}

/** Counts a call and passes on what it gave: the bytes moved, or −errno. */
function counted(kind: number, result: number): number {
  counts[kind] = (counts[kind] ?? 0) + 1;
  if (result < 0) return -errno();
  counts[kind + 1] = (counts[kind + 1] ?? 0) + result;
  return result;
}

const IOV_BYTES = 16;
const gather = allocate(2 * IOV_BYTES);
// Addresses are below 2⁵³, so each 64-bit field is exact as two halves.
const gatherWords = new Uint32Array(gather.buffer);

/** Reads at most `length` bytes into `bytes` from `offset` on. Returns the number read, 0 at the end, or −errno. */
export function read(fd: number, bytes: Uint8Array, offset: number, length: number): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a read stays inside its buffer');
  return counted(READ, libc.read(fd, addressOf(bytes) + offset, length));
}

/** Reads from a place of the file, wherever others read. Returns as `read` does. */
export function readAt(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a read stays inside its buffer');
  return counted(READ, libc.pread(fd, addressOf(bytes) + offset, length, position));
}

/** Writes at most `length` bytes of `bytes` from `offset` on. Returns the number written, or −errno. */
export function write(fd: number, bytes: Uint8Array, offset: number, length: number): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a write stays inside its buffer');
  return counted(WRITE, libc.write(fd, addressOf(bytes) + offset, length));
}

/** One write of two pieces, for example a header and a payload that lie apart. Returns the bytes written, or −errno. */
export function writeTwo(
  fd: number,
  bytesA: Uint8Array,
  offsetA: number,
  lengthA: number,
  bytesB: Uint8Array,
  offsetB: number,
  lengthB: number,
): number {
  assert(offsetA >= 0 && lengthA >= 0 && offsetA + lengthA <= bytesA.length, 'a write stays inside its buffer');
  assert(offsetB >= 0 && lengthB >= 0 && offsetB + lengthB <= bytesB.length, 'a write stays inside its buffer');
  setGather(0, addressOf(bytesA) + offsetA, lengthA);
  setGather(4, addressOf(bytesB) + offsetB, lengthB);
  return counted(WRITE, libc.writev(fd, addressOf(gather), 2));
}

function setGather(word: number, address: number, length: number): void {
  gatherWords[word] = address;
  gatherWords[word + 1] = address / 0x1_0000_0000;
  gatherWords[word + 2] = length;
  gatherWords[word + 3] = 0;
}

export function recv(fd: number, bytes: Uint8Array, offset: number, length: number, flags: number): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a receive stays inside its buffer');
  return counted(RECV, libc.recv(fd, addressOf(bytes) + offset, length, flags));
}

/** Never raises SIGPIPE. */
export function send(fd: number, bytes: Uint8Array, offset: number, length: number, flags: number): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a send stays inside its buffer');
  return counted(SEND, libc.send(fd, addressOf(bytes) + offset, length, flags | MSG_NOSIGNAL));
}

/** Returns 0 or −errno; the descriptor is gone either way. */
export function close(fd: number): number {
  return libc.close(fd) < 0 ? -errno() : 0;
}

const POLLFD_BYTES = 8;

/** Waits for any of a bounded set of descriptors (`ppoll`). A slot is what `add` returned; slots are never given back. */
export class Poller {
  readonly #bytes: Uint8Array;
  readonly #fds: Int32Array;
  readonly #events: Int16Array;
  readonly #address: number;
  readonly #timeout = allocate(16);
  readonly #timeoutWords = new Int32Array(this.#timeout.buffer);
  readonly #timeoutAddress = addressOf(this.#timeout);
  readonly #capacity: number;
  #used = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#bytes = allocate(capacity * POLLFD_BYTES);
    this.#fds = new Int32Array(this.#bytes.buffer);
    this.#events = new Int16Array(this.#bytes.buffer);
    this.#address = addressOf(this.#bytes);
  }

  /** Watches a descriptor and returns its slot. */
  add(fd: number, events: number): number {
    assert(this.#used < this.#capacity, 'a poller holds no more descriptors than it was made for');
    const slot = this.#used++;
    this.setFd(slot, fd);
    this.setEvents(slot, events);
    return slot;
  }

  /** POLLERR and POLLHUP are always reported, whether asked for or not. */
  setEvents(slot: number, events: number): void {
    this.#events[slot * 4 + 2] = events;
  }

  /** −1 rests the slot. */
  setFd(slot: number, fd: number): void {
    this.#fds[slot * 2] = fd;
    this.#events[slot * 4 + 3] = 0;
  }

  /**
   * Returns the number of ready descriptors, 0 when time ran out or a signal came.
   * @param timeoutMs may be a fraction; 0 only looks, −1 waits for ever.
   */
  wait(timeoutMs: number): number {
    let timeoutAddress = 0;
    if (timeoutMs >= 0) {
      const seconds = Math.floor(timeoutMs / 1000);
      this.#timeoutWords[0] = seconds;
      this.#timeoutWords[2] = (timeoutMs - seconds * 1000) * 1e6;
      timeoutAddress = this.#timeoutAddress;
    }
    counts[POLL] = (counts[POLL] ?? 0) + 1;
    const result = libc.ppoll(this.#address, this.#used, timeoutAddress, 0);
    if (result >= 0) return result;
    // The kernel need not have written the answers of a wait that failed: an old one must not be taken for new.
    for (let slot = 0; slot < this.#used; slot++) this.#events[slot * 4 + 3] = 0;
    const error = errno();
    if (error !== EINTR) check(result, 'ppoll()');
    return 0;
  }

  /** The POLL* bits that the last wait found. */
  ready(slot: number): number {
    return this.#events[slot * 4 + 3] ?? 0;
  }
}
