import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { type Authenticator, HEARTBEAT_BYTES, Heartbeat } from '../../src/detector/heartbeat.ts';

/** Keyed, and different for any changed bit: enough to see that the codec asks for it. */
const authenticator =
  (key: number): Authenticator =>
  (bytes, length, into, at) => {
    let state = key;
    for (let i = 0; i < length; i++) state = Math.imul(state ^ (bytes[i] ?? 0), 0x01000193) >>> 0;
    for (let i = 0; i < 16; i++) {
      state = Math.imul(state ^ i, 0x9e3779b1) >>> 0;
      into[at + i] = state >>> 24;
    }
  };

function sent(): { bytes: Uint8Array; heartbeat: Heartbeat } {
  const heartbeat = new Heartbeat();
  Object.assign(heartbeat, { sender: 1, role: 'primary', lanUp: true, stuck: false, service: 0xfeedf00d });
  Object.assign(heartbeat, { boot: 0xffffffff, sequence: 0x80000000, epoch: 4, proposal: 5, life: 0xfffffffe });
  const bytes = new Uint8Array(HEARTBEAT_BYTES);
  heartbeat.write(bytes, authenticator(1));
  return { bytes, heartbeat };
}

const read = (into: Heartbeat, bytes: Uint8Array, key = 1) =>
  into.read(bytes, bytes.length, authenticator(key), new Uint8Array(16));

test('a heartbeat is read as it was sent', () => {
  const { bytes, heartbeat } = sent();
  const got = new Heartbeat();
  equal(read(got, bytes), '');
  deepEqual(got, heartbeat);
});

test('with another key, one bit changed or a byte missing it is refused, and the last one stands', () => {
  const { bytes } = sent();
  const got = new Heartbeat();
  equal(read(got, bytes, 2), 'authenticator');
  for (let bit = 0; bit < 8 * HEARTBEAT_BYTES; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    notEqual(read(got, changed), '');
  }
  for (let length = 0; length < HEARTBEAT_BYTES; length++) equal(read(got, bytes.slice(0, length)), 'length');
  deepEqual(got, new Heartbeat());
});
