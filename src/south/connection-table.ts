// Connections by client address and ports. Looked up once per packet: no key objects, no allocation.
import { isIpv4 } from '../wire/ip-address.ts';
import { hashTuple } from './tuple-hash.ts';

export interface Tuple {
  readonly clientIp: Uint8Array;
  readonly clientPort: number;
  readonly servicePort: number;
}

export class ConnectionTable<T extends Tuple> {
  readonly #buckets: T[][];
  /** The same ones in the order in which they came: to walk through empty buckets takes milliseconds, also at a takeover. */
  readonly #entries = new Set<T>();
  readonly #mask: number;
  readonly #hashKey: Uint32Array;

  /** @param hashKey 2 random words: clients choose their addresses, and are not to choose the bucket. */
  constructor(capacity: number, hashKey: Uint32Array) {
    let buckets = 64;
    while (buckets < capacity) buckets *= 2;
    this.#buckets = Array.from({ length: buckets }, () => []);
    this.#mask = buckets - 1;
    this.#hashKey = hashKey;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @param offset of the client's address in `bytes`; an IPv4 address is the last 4 of the 16 bytes of the key. */
  find(bytes: Uint8Array, offset: number, length: 4 | 16, clientPort: number, servicePort: number): T | undefined {
    const bucket = this.#buckets[this.#hash(bytes, offset, length, clientPort, servicePort)] ?? [];
    for (let i = 0; i < bucket.length; i++) {
      const entry = bucket[i];
      if (entry === undefined || entry.clientPort !== clientPort || entry.servicePort !== servicePort) continue;
      if (sameTail(entry.clientIp, bytes, offset, length)) return entry;
    }
    return undefined;
  }

  findTuple(tuple: Tuple): T | undefined {
    return this.find(tuple.clientIp, 0, 16, tuple.clientPort, tuple.servicePort);
  }

  /** Adds `entry`, in place of one with the same tuple. */
  set(entry: T): void {
    const bucket = this.#bucketOf(entry);
    const old = this.findTuple(entry);
    if (old === undefined) {
      bucket.push(entry);
    } else {
      bucket[bucket.indexOf(old)] = entry;
      this.#entries.delete(old);
    }
    this.#entries.add(entry);
  }

  delete(entry: T): void {
    const bucket = this.#bucketOf(entry);
    const at = bucket.indexOf(entry);
    if (at < 0) return;
    bucket.splice(at, 1);
    this.#entries.delete(entry);
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#entries.values();
  }

  #bucketOf(entry: Tuple): T[] {
    return this.#buckets[this.#hash(entry.clientIp, 0, 16, entry.clientPort, entry.servicePort)] ?? [];
  }

  #hash(bytes: Uint8Array, offset: number, length: 4 | 16, clientPort: number, servicePort: number): number {
    const key = this.#hashKey;
    const ports = (clientPort << 16) | servicePort;
    if (length === 16 && isIpv4(bytes, offset)) return hashTuple(key, bytes, offset + 12, 4, ports) & this.#mask;
    return hashTuple(key, bytes, offset, length, ports) & this.#mask;
  }
}

function sameTail(key: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  const start = 16 - length;
  for (let i = 0; i < length; i++) {
    if (key[start + i] !== bytes[offset + i]) return false;
  }
  return true;
}
