import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ETHERTYPE_ARP,
  etherType,
  isMulticast,
  MAC_BROADCAST,
  macFromString,
  macToString,
  writeEthernet,
} from '../../src/wire/ethernet.ts';
import { fromHex, toHex } from './reference.ts';

test('a header is written where it is asked for', () => {
  const bytes = new Uint8Array(20);
  writeEthernet(bytes, 3, MAC_BROADCAST, 0, fromHex('ffff0200005e0001'), 2, ETHERTYPE_ARP);
  strictEqual(toHex(bytes), '000000ffffffffffff0200005e00010806000000');
  strictEqual(etherType(bytes, 3), ETHERTYPE_ARP);
});

test('a MAC address survives its text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
      deepStrictEqual(macFromString(macToString(mac)), Uint8Array.from(mac));
    }),
  );
});

test('MAC addresses are read with colons or hyphens, and nothing else', () => {
  strictEqual(macToString(macFromString('2-0-0-5E-0-1') ?? MAC_BROADCAST), '02:00:00:5e:00:01');
  for (const text of [
    '',
    '02:00:00:5e:00',
    '02:00:00:5e:00:01:02',
    '02:00-00:5e:00:01',
    '02:00:00:5g:00:01',
    '020:0:0:0:0:1',
  ]) {
    strictEqual(macFromString(text), undefined, text);
  }
});

test('group addresses are told from individual ones', () => {
  ok(isMulticast(MAC_BROADCAST));
  ok(isMulticast(fromHex('0001005e000001'), 1));
  ok(!isMulticast(fromHex('02005e000001')));
});
