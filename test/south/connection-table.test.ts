import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ip } from '../../sim/packets.ts';
import { ConnectionTable, type Tuple } from '../../src/south/connection-table.ts';
import { hashTuple } from '../../src/south/tuple-hash.ts';

const HASH_KEY = Uint32Array.of(0x03020100, 0x07060504);
const addresses = ['10.0.0.1', '10.0.0.2', '2001:db8::1', '2001:db8:1::1'].map(ip);
const tuple: fc.Arbitrary<Tuple> = fc.record({
  clientIp: fc.constantFrom(...addresses),
  clientPort: fc.integer({ min: 1, max: 3 }),
  servicePort: fc.integer({ min: 1, max: 2 }),
});
const keyOf = ({ clientIp, clientPort, servicePort }: Tuple) => `${clientIp.join('.')} ${clientPort} ${servicePort}`;

test('the table holds what a map would, whatever is set and deleted', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ entry: tuple, deletes: fc.boolean() }), { maxLength: 80 }), (steps) => {
      const table = new ConnectionTable<Tuple>(4, HASH_KEY);
      const model = new Map<string, Tuple>();
      for (const { entry, deletes } of steps) {
        const known = model.get(keyOf(entry));
        equal(table.findTuple(entry), known);
        if (!deletes) {
          table.set(entry);
          model.set(keyOf(entry), entry);
        } else if (known !== undefined) {
          table.delete(known);
          model.delete(keyOf(entry));
        }
        equal(table.size, model.size);
        equal([...table].length, model.size);
      }
    }),
  );
});

test('a packet finds the connection by the address as it carries it, 4 or 16 bytes long', () => {
  const table = new ConnectionTable<Tuple>(64, HASH_KEY);
  for (const clientIp of addresses) table.set({ clientIp, clientPort: 7, servicePort: 80 });
  const packet = new Uint8Array(40);
  packet.set(addresses[0]?.subarray(12) ?? [], 20);
  equal(table.find(packet, 20, 4, 7, 80)?.clientIp, addresses[0]);
  packet.set(addresses[2] ?? [], 20);
  equal(table.find(packet, 20, 16, 7, 80)?.clientIp, addresses[2]);
  equal(table.find(packet, 20, 16, 7, 81), undefined);
});

test('deleting one that was replaced leaves its successor', () => {
  const table = new ConnectionTable<Tuple>(64, HASH_KEY);
  const [clientIp = new Uint8Array(16)] = addresses;
  const [before, after] = [1, 2].map(() => ({ clientIp, clientPort: 7, servicePort: 80 })) as [Tuple, Tuple];
  table.set(before);
  table.set(after);
  table.delete(before);
  equal(table.findTuple(before), after);
  equal(table.size, 1);
});

test('the hash is HalfSipHash-1-3', () => {
  // The vectors of Linux, lib/tests/siphash_kunit.c, for 32-bit words: 8 and 20 bytes.
  const bytes = Uint8Array.from({ length: 20 }, (_, index) => index);
  equal(hashTuple(HASH_KEY, bytes, 0, 4, 0x07060504), 1467586993);
  equal(hashTuple(HASH_KEY, bytes, 0, 16, 0x13121110), -1860454907);
});

test('addresses that were found to share a bucket under one key do not under another', () => {
  const address = ip('2001:db8::1');
  const bucketOf = (key: Uint32Array, host: number) => {
    new DataView(address.buffer, address.byteOffset).setUint32(8, host);
    return hashTuple(key, address, 0, 16, 0x10000050) & 1023;
  };
  const colliding: number[] = [];
  for (let host = 0; colliding.length < 100; host++) if (bucketOf(HASH_KEY, host) === 7) colliding.push(host);
  const buckets = new Set(colliding.map((host) => bucketOf(Uint32Array.of(1, 2), host)));
  ok(buckets.size > 80, `100 addresses in ${buckets.size} buckets`);
});
