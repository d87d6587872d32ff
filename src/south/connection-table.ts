// Connections by client address and ports. Looked up once per packet: no key objects, no allocation.

export interface Tuple {
  readonly clientIp: Uint8Array;
  readonly clientPort: number;
  readonly servicePort: number;
}

export class ConnectionTable<T extends Tuple> {
  readonly #buckets: T[][];
  readonly #mask: number;
  #size = 0;

  constructor(capacity: number) {
    let buckets = 64;
    while (buckets < capacity) buckets *= 2;
    this.#buckets = Array.from({ length: buckets }, () => []);
    this.#mask = buckets - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** @param offset of the client's address in `bytes`; an IPv4 address is the last 4 of the 16 bytes of the key. */
  find(bytes: Uint8Array, offset: number, length: 4 | 16, clientPort: number, servicePort: number): T | undefined {
    const bucket = this.#buckets[this.#hash(bytes, offset + length - 4, clientPort, servicePort)] ?? [];
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
      this.#size++;
    } else {
      bucket[bucket.indexOf(old)] = entry;
    }
  }

  delete(entry: T): void {
    const bucket = this.#bucketOf(entry);
    const at = bucket.indexOf(entry);
    if (at < 0) return;
    bucket.splice(at, 1);
    this.#size--;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const bucket of this.#buckets) yield* bucket;
  }

  #bucketOf(entry: Tuple): T[] {
    return this.#buckets[this.#hash(entry.clientIp, 12, entry.clientPort, entry.servicePort)] ?? [];
  }

  #hash(bytes: Uint8Array, last4: number, clientPort: number, servicePort: number): number {
    let hash = Math.imul(clientPort, 0x9e3779b1) ^ Math.imul(servicePort, 0x85ebca6b);
    for (let i = 0; i < 4; i++) hash = Math.imul(hash ^ (bytes[last4 + i] ?? 0), 0x01000193);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}

function sameTail(key: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  const start = 16 - length;
  for (let i = 0; i < length; i++) {
    if (key[start + i] !== bytes[offset + i]) return false;
  }
  return true;
}
