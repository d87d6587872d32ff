import type { Authenticator } from '../../src/detector/heartbeat.ts';

/** Keyed, and different for any changed bit: enough to see that it is asked for. */
export const authenticator =
  (key: number): Authenticator =>
  (bytes, length, into, at) => {
    let state = key;
    for (let i = 0; i < length; i++) state = Math.imul(state ^ (bytes[i] ?? 0), 0x01000193) >>> 0;
    for (let i = 0; i < 16; i++) {
      state = Math.imul(state ^ i, 0x9e3779b1) >>> 0;
      into[at + i] = state >>> 24;
    }
  };
