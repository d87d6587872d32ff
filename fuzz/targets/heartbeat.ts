/** Datagrams to the ports of the heartbeats: anyone may send them, and only those of the peer's present run count. */
import { equal, ok } from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { type Authenticator, HEARTBEAT_BYTES, Heartbeat } from '../../src/detector/heartbeat.ts';
import { HeartbeatInbox } from '../../src/detector/heartbeat-inbox.ts';
import { setU32 } from '../../src/wire/bytes.ts';
import type { Target } from '../target.ts';

const SERVICE = 7;
const BOOT = 5;
const AUTHENTICATED = HEARTBEAT_BYTES - 16;

const authenticate: Authenticator = (bytes, length, into, at) => {
  into.set(createHmac('sha256', 'key').update(bytes.subarray(0, length)).digest().subarray(0, 16), at);
};

export const heartbeat: Target = {
  name: 'heartbeat',
  weight: 2,
  bytesMax: 200,
  subject() {
    const inbox = new HeartbeatInbox({ service: SERVICE, selfIndex: 0, boot: BOOT, authenticate });
    const fields = new Heartbeat();
    const counted = { boot: 0, sequence: 0 };
    /** As much as a batch of datagrams has of each: what is longer is cut to it. */
    const datagram = new Uint8Array(HEARTBEAT_BYTES + 1);
    return {
      corpus: [written({ echo: BOOT, sequence: 1 }), written({ echo: 0, boot: 9 }), written({ role: 'backup' })],
      prepare(input, random) {
        if (input.length !== HEARTBEAT_BYTES) return;
        if (random.chance(0.5)) setU32(input, 16, random.integer(0, 20));
        if (random.chance(0.3)) setU32(input, 12, random.integer(0, 200));
        if (random.chance(0.7)) setU32(input, 32, BOOT);
        if (random.chance(0.7)) authenticate(input, AUTHENTICATED, input, AUTHENTICATED);
      },
      take(input) {
        const length = Math.min(input.length, datagram.length);
        datagram.set(input.subarray(0, length));
        if (!inbox.take(datagram, length)) return;
        equal(length, HEARTBEAT_BYTES);
        const { last } = inbox;
        ok(Heartbeat.isAuthentic(input, authenticate, new Uint8Array(16)) && last.echo === BOOT && last.sender !== 0);
        ok(last.boot !== counted.boot || last.sequence !== counted.sequence, 'none counts twice');
        Object.assign(counted, { boot: last.boot, sequence: last.sequence });
        equal(fields.parse(input, input.length), '');
        const copy = new Uint8Array(HEARTBEAT_BYTES);
        last.write(copy, authenticate);
        equal(fields.parse(copy, copy.length), '', 'what counted can be said again');
      },
      check: () => undefined,
    };
  },
};

function written(changes: Partial<Heartbeat>): Uint8Array {
  const bytes = new Uint8Array(HEARTBEAT_BYTES);
  const about = { sender: 1, role: 'primary', service: SERVICE, boot: 8, sequence: 2, epoch: 3, life: 4, echo: BOOT };
  Object.assign(new Heartbeat(), about, changes).write(bytes, authenticate);
  return bytes;
}
