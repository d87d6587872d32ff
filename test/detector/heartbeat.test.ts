import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HEARTBEAT_BYTES, Heartbeat, ROLES } from '../../src/detector/heartbeat.ts';
import { word32 } from '../wire/arbitraries.ts';
import { authenticator } from './authenticator.ts';

function sent(): { bytes: Uint8Array; heartbeat: Heartbeat } {
  const heartbeat = new Heartbeat();
  Object.assign(heartbeat, {
    sender: 1,
    role: 'primary',
    lanUp: true,
    stuck: false,
    hearsLan: true,
    witnessLost: true,
    service: 0xfeedf00d,
  });
  Object.assign(heartbeat, {
    boot: 0xffffffff,
    sequence: 0x80000000,
    epoch: 4,
    proposal: 5,
    life: 0xfffffffe,
    echo: 0x87654321,
  });
  const bytes = new Uint8Array(HEARTBEAT_BYTES);
  heartbeat.write(bytes, authenticator(1));
  return { bytes, heartbeat };
}

const isAuthentic = (bytes: Uint8Array, key = 1) =>
  Heartbeat.isAuthentic(bytes, authenticator(key), new Uint8Array(16));

test('a heartbeat is read as it was sent', () => {
  const { bytes, heartbeat } = sent();
  const got = new Heartbeat();
  equal(got.parse(bytes, bytes.length), '');
  equal(isAuthentic(bytes), true);
  deepEqual(got, heartbeat);
});

test('with another key or one bit changed it is not authentic; of another length it is none', () => {
  const { bytes } = sent();
  equal(isAuthentic(bytes, 2), false);
  for (let bit = 0; bit < 8 * HEARTBEAT_BYTES; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    equal(isAuthentic(changed), false);
  }
  const got = new Heartbeat();
  for (let length = 0; length < HEARTBEAT_BYTES; length++) equal(got.parse(bytes, length), 'length');
  equal(got.parse(new Uint8Array(HEARTBEAT_BYTES + 1), HEARTBEAT_BYTES + 1), 'length');
  equal(got.parse(new Uint8Array(HEARTBEAT_BYTES), HEARTBEAT_BYTES), 'version');
  deepEqual(got, new Heartbeat());
});

test('whatever a heartbeat says is read as it was sent', () => {
  const fields = fc.record({
    sender: fc.nat(255),
    role: fc.constantFrom(...ROLES),
    lanUp: fc.boolean(),
    stuck: fc.boolean(),
    hearsLan: fc.boolean(),
    witnessLost: fc.boolean(),
    service: word32,
    boot: word32,
    sequence: word32,
    epoch: word32,
    proposal: word32,
    life: word32,
    echo: word32,
  });
  fc.assert(
    fc.property(fields, (said) => {
      const heartbeat = Object.assign(new Heartbeat(), said);
      const bytes = new Uint8Array(HEARTBEAT_BYTES).fill(0xff);
      heartbeat.write(bytes, authenticator(1));
      const got = new Heartbeat();
      equal(got.parse(bytes, bytes.length), '');
      deepEqual(got, heartbeat);
    }),
  );
});
