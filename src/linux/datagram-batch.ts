/** Many datagrams, or frames of a packet socket, in one system call (`recvmmsg`), in memory laid out once. */
import { assert } from '../errors.ts';
import { check } from './errors.ts';
import { MSG_DONTWAIT } from './io.ts';
import { errno, libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

// struct mmsghdr on a 64-bit Linux: addresses of the vector and of the control message, and how long they are.
const MMSGHDR_BYTES = 64;
const IOV_AT = 16;
const IOV_COUNT_AT = 24;
const CONTROL_AT = 32;
const CONTROL_LENGTH_WORD = 40 / 4;
const RECEIVED_WORD = 56 / 4;
const IOVEC_BYTES = 16;

// A control message with a struct timespec.
const CONTROL_BYTES = 32;
const SECONDS_WORD = 16 / 4;
const NANOSECONDS_WORD = 24 / 4;

const SOL_SOCKET = 1;
const SO_TIMESTAMPNS = 35;

/** From now on the kernel stamps what arrives at this socket with the time, for a batch that is made for stamps. */
export function stampArrivals(fd: number): void {
  const on = allocate(4);
  on[0] = 1;
  check(libc.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, addressOf(on), 4), 'setsockopt(SO_TIMESTAMPNS)');
}

export class DatagramBatch {
  readonly capacity: number;
  readonly #headers: Uint8Array;
  readonly #headerWords: Uint32Array;
  readonly #vectors: Uint8Array;
  readonly #datagrams: readonly Uint8Array[];
  readonly #stamps: Uint8Array | undefined;
  readonly #stampWords: Uint32Array;

  /**
   * @param datagramBytes longer datagrams are cut to this.
   * @param stamped takes the kernel's stamps along.
   */
  constructor(capacity: number, datagramBytes: number, stamped = false) {
    this.capacity = capacity;
    this.#headers = allocate(capacity * MMSGHDR_BYTES);
    this.#headerWords = new Uint32Array(this.#headers.buffer);
    this.#vectors = allocate(capacity * IOVEC_BYTES);
    this.#datagrams = Array.from({ length: capacity }, () => allocate(datagramBytes));
    this.#stamps = stamped ? allocate(capacity * CONTROL_BYTES) : undefined;
    this.#stampWords = new Uint32Array(this.#stamps?.buffer ?? new ArrayBuffer(0));
    const headers = new DataView(this.#headers.buffer);
    const vectors = new DataView(this.#vectors.buffer);
    this.#datagrams.forEach((datagram, index) => {
      const header = index * MMSGHDR_BYTES;
      const vectorAt = index * IOVEC_BYTES;
      vectors.setBigUint64(vectorAt, BigInt(addressOf(datagram)), true);
      vectors.setBigUint64(vectorAt + 8, BigInt(datagramBytes), true);
      headers.setBigUint64(header + IOV_AT, BigInt(addressOf(this.#vectors) + vectorAt), true);
      headers.setBigUint64(header + IOV_COUNT_AT, 1n, true);
      if (this.#stamps === undefined) return;
      headers.setBigUint64(header + CONTROL_AT, BigInt(addressOf(this.#stamps) + index * CONTROL_BYTES), true);
    });
  }

  /**
   * Takes what is there without waiting. Returns the number of datagrams, or −errno. Fewer than `capacity`: no more are there.
   */
  receive(fd: number): number {
    if (this.#stamps !== undefined) this.#makeRoomForStamps();
    const result = libc.recvmmsg(fd, addressOf(this.#headers), this.capacity, MSG_DONTWAIT, 0);
    return result < 0 ? -errno() : result;
  }

  /** The memory of one datagram of the last batch; the next batch overwrites it. */
  datagram(index: number): Uint8Array {
    const datagram = this.#datagrams[index];
    assert(datagram !== undefined, 'a batch has no more datagrams than it was made for');
    return datagram;
  }

  length(index: number): number {
    return this.#headerWords[(index * MMSGHDR_BYTES) / 4 + RECEIVED_WORD] ?? 0;
  }

  /** When it arrived: whole seconds since 1970. They fit until 2106. */
  seconds(index: number): number {
    return this.#stampWords[(index * CONTROL_BYTES) / 4 + SECONDS_WORD] ?? 0;
  }

  /** Of that second. */
  nanoseconds(index: number): number {
    return this.#stampWords[(index * CONTROL_BYTES) / 4 + NANOSECONDS_WORD] ?? 0;
  }

  /** The kernel writes there how much it has used. */
  #makeRoomForStamps(): void {
    for (let header = 0; header < this.#headerWords.length; header += MMSGHDR_BYTES / 4) {
      this.#headerWords[header + CONTROL_LENGTH_WORD] = CONTROL_BYTES;
    }
  }
}
