/** Many datagrams in one system call (`recvmmsg`), in memory laid out once. */
import { assert } from '../errors.ts';
import { MSG_DONTWAIT } from './io.ts';
import { errno, libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

// struct mmsghdr on a 64-bit Linux: the address of the vector at 16, its length at 24, the length received at 56.
const MMSGHDR_BYTES = 64;
const IOV_AT = 16;
const IOV_COUNT_AT = 24;
const RECEIVED_WORD = 56 / 4;
const IOVEC_BYTES = 16;

export class DatagramBatch {
  readonly capacity: number;
  readonly #headers: Uint8Array;
  readonly #headerWords: Uint32Array;
  readonly #vectors: Uint8Array;
  readonly #datagrams: readonly Uint8Array[];

  /** @param datagramBytes longer datagrams are cut to this. */
  constructor(capacity: number, datagramBytes: number) {
    this.capacity = capacity;
    this.#headers = allocate(capacity * MMSGHDR_BYTES);
    this.#headerWords = new Uint32Array(this.#headers.buffer);
    this.#vectors = allocate(capacity * IOVEC_BYTES);
    this.#datagrams = Array.from({ length: capacity }, () => allocate(datagramBytes));
    const headers = new DataView(this.#headers.buffer);
    const vectors = new DataView(this.#vectors.buffer);
    this.#datagrams.forEach((datagram, index) => {
      const vectorAt = index * IOVEC_BYTES;
      vectors.setBigUint64(vectorAt, BigInt(addressOf(datagram)), true);
      vectors.setBigUint64(vectorAt + 8, BigInt(datagramBytes), true);
      headers.setBigUint64(index * MMSGHDR_BYTES + IOV_AT, BigInt(addressOf(this.#vectors) + vectorAt), true);
      headers.setBigUint64(index * MMSGHDR_BYTES + IOV_COUNT_AT, 1n, true);
    });
  }

  /** Takes what is there without waiting. Returns the number of datagrams, or −errno. Fewer than `capacity`: no more are there. */
  receive(fd: number): number {
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
}
