import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { isIPv4 as nodeIsIpv4, isIPv6 as nodeIsIpv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  endpointToString,
  ipEquals,
  ipFromString,
  ipIs,
  ipToString,
  isIpv4,
  loadIp,
  storeIp,
} from '../../src/wire/ip-address.ts';
import { toHex } from './reference.ts';

const shown = (text: string) => ipToString(ipFromString(text) ?? new Uint8Array(16));

test('RFC 5952 §6: an IPv6 address stands in brackets before a port', () => {
  strictEqual(endpointToString('192.0.2.1', 80), '192.0.2.1:80');
  strictEqual(endpointToString('2001:db8::1', 80), '[2001:db8::1]:80');
});

test('an IPv4 address is mapped', () => {
  const ip = ipFromString('192.0.2.7') ?? new Uint8Array(16);
  strictEqual(toHex(ip), '00000000000000000000ffffc0000207');
  ok(isIpv4(ip));
  strictEqual(ipToString(ip), '192.0.2.7');
  strictEqual(shown('::ffff:192.0.2.7'), '192.0.2.7');
});

test('RFC 5952 §4: the canonical text', () => {
  strictEqual(shown('2001:0DB8::0001'), '2001:db8::1');
  strictEqual(shown('2001:db8:0:0:0:0:2:1'), '2001:db8::2:1');
  strictEqual(shown('2001:db8:0:1:1:1:1:1'), '2001:db8:0:1:1:1:1:1');
  strictEqual(shown('2001:0:0:1:0:0:0:1'), '2001:0:0:1::1');
  strictEqual(shown('2001:db8:0:0:1:0:0:1'), '2001:db8::1:0:0:1');
  strictEqual(shown('0:0:0:0:0:0:0:0'), '::');
  strictEqual(shown('fe80::'), 'fe80::');
  strictEqual(shown('::1'), '::1');
});

test('RFC 4291 §2.2: what is no address is refused', () => {
  const wrong = ['', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', '12345::', 'g::'];
  const wrongV4 = [
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.',
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    ' 1.2.3.4',
  ];
  for (const text of [...wrong, ...wrongV4, 'fe80::1%eth0', '10.0.0.0/8'])
    strictEqual(ipFromString(text), undefined, text);
});

test('what Node reads as an address is read, and nothing else', () => {
  const text = fc.string({ unit: fc.constantFrom(...':::::.0123456789abF'), maxLength: 24 });
  fc.assert(
    fc.property(text, (candidate) => {
      strictEqual(ipFromString(candidate) !== undefined, nodeIsIpv4(candidate) || nodeIsIpv6(candidate), candidate);
    }),
    { numRuns: 3000 },
  );
});

test('an address survives its text', () => {
  const sparse = fc.array(fc.constantFrom(0, 0, 1, 255), { minLength: 16, maxLength: 16 });
  const any = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.oneof(sparse, any), (octets) => {
      const ip = Uint8Array.from(octets);
      deepStrictEqual(ipFromString(ipToString(ip)), ip);
      ok(nodeIsIpv6(ipToString(ip)) || nodeIsIpv4(ipToString(ip)));
    }),
  );
});

test('addresses go into packets and come back', () => {
  for (const text of ['192.0.2.7', '2001:db8::7']) {
    const ip = ipFromString(text) ?? new Uint8Array(16);
    const family = isIpv4(ip) ? 4 : 6;
    const packet = new Uint8Array(20);
    storeIp(packet, 2, ip, family);
    ok(ipIs(ip, packet, 2, family));
    packet[2] = (packet[2] ?? 0) ^ 1;
    ok(!ipIs(ip, packet, 2, family));
    packet[2] = (packet[2] ?? 0) ^ 1;
    const back = new Uint8Array(17).fill(9);
    loadIp(back, 1, packet, 2, family);
    ok(ipEquals(back, 1, ip, 0));
  }
});

test('an IPv6 address is no IPv4 address in a packet, though its end looks alike', () => {
  const ip = ipFromString('2001:db8::c000:207') ?? new Uint8Array(16);
  ok(!ipIs(ip, Uint8Array.of(192, 0, 2, 7), 0, 4));
});
