import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ip } from '../../sim/packets.ts';
import { ConnectionTable, type Tuple } from '../../src/south/connection-table.ts';

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
      const table = new ConnectionTable<Tuple>(4);
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
  const table = new ConnectionTable<Tuple>(64);
  for (const clientIp of addresses) table.set({ clientIp, clientPort: 7, servicePort: 80 });
  const packet = new Uint8Array(40);
  packet.set(addresses[0]?.subarray(12) ?? [], 20);
  equal(table.find(packet, 20, 4, 7, 80)?.clientIp, addresses[0]);
  packet.set(addresses[2] ?? [], 20);
  equal(table.find(packet, 20, 16, 7, 80)?.clientIp, addresses[2]);
  equal(table.find(packet, 20, 16, 7, 81), undefined);
});

test('deleting one that was replaced leaves its successor', () => {
  const table = new ConnectionTable<Tuple>(64);
  const [clientIp = new Uint8Array(16)] = addresses;
  const [before, after] = [1, 2].map(() => ({ clientIp, clientPort: 7, servicePort: 80 })) as [Tuple, Tuple];
  table.set(before);
  table.set(after);
  table.delete(before);
  equal(table.findTuple(before), after);
  equal(table.size, 1);
});
