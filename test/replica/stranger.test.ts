/** Whoever can reach the port of the link may connect to it: until it has proved itself it changes nothing, and costs little. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../../fuzz/stage.ts';
import { RECOVERY } from '../../sim/host.ts';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import { FRAME_HEADER, LINK_FRAME } from '../../src/log/entry.ts';
import { FrameView, setU64, writeFrameHeader } from '../../src/log/frame.ts';
import type { ReplicaEvent } from '../../src/replica/events.ts';
import { NO_PEER } from '../../src/replica/health.ts';
import { LinkSession } from '../../src/replica/link-session.ts';
import { Replica } from '../../src/replica/replica.ts';

const NONCE = new Uint8Array(16);
const self = { index: 0, life: 1 };
const prove = () => new Uint8Array(32).fill(1);

/** A frame of connection 1. */
function frame(type: number, length: number, position = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  writeFrameHeader(bytes, 0, length, type, 0, 1);
  for (let at = FRAME_HEADER; at + 8 <= length; at += 8) setU64(bytes, at, position);
  return bytes;
}

function connected(startAsPrimary: boolean): { replica: Replica; stage: Stage; events: ReplicaEvent[] } {
  const stage = new Stage({ family: 4, logged: false });
  const events: ReplicaEvent[] = [];
  const replica = new Replica(
    {
      self,
      witnessed: false,
      peerIndex: 1,
      startAsPrimary,
      service: 7,
      timeoutMs: 5,
      ackTimeoutMs: 50,
      catchUpTimeoutMs: 5_000,
      ...RECOVERY,
    },
    stage.south,
    stage.log,
    {
      event: (event) => events.push(event),
      flushLink: () => undefined,
      closeLink: () => undefined,
      listen: () => undefined,
      askWitness: () => undefined,
      logBegins: () => {},
      refusesJoiner: () => '',
      lagMs: () => 0,
    },
    prove,
    1000,
  );
  const peer = startAsPrimary ? NO_PEER : { ...NO_PEER, heard: true, role: 'primary' as const };
  replica.tick(2000, 0, { peer, lanUp: true });
  if (startAsPrimary) stage.converse();
  replica.linkUp(NONCE);
  events.length = 0;
  return { replica, stage, events };
}

/** Frames in one go, and again as long as they are taken; nobody reads the answers. */
function flood(replica: Replica, bytes: Uint8Array): boolean {
  const many = Uint8Array.from(Array.from({ length: 1_000 }, () => [...bytes]).flat());
  for (let i = 0; i < 30; i++) if (replica.fromLink(many, 0, many.length, 2000) < 0) return false;
  return true;
}

test('who greets wrongly and reads no answer is told once, takes up no room, and is not listened to', () => {
  const { replica, stage, events } = connected(true);
  equal(flood(replica, frame(LINK_FRAME.HELLO, FRAME_HEADER)), false);
  deepEqual(events, [{ event: 'refused', reason: 'malformed greeting' }]);
  ok(stage.log.queue.used < 200);
});

test('a peer that encrypts the link where this host does not is told of, once', () => {
  for (const isPrimary of [true, false]) {
    const { replica, events } = connected(isPrimary);
    equal(flood(replica, frame(LINK_FRAME.TLS, FRAME_HEADER + 300)), false);
    const reason = 'the other host encrypts the link and this one does not: give tls to both, or to neither';
    deepEqual(events, [{ event: 'refused', reason }]);
    equal(replica.refusal, isPrimary ? '' : reason);
  }
});

test('a joiner answers one challenge', () => {
  const { replica, stage } = connected(false);
  equal(flood(replica, frame(LINK_FRAME.CHALLENGE, FRAME_HEADER + 16)), false);
  ok(stage.log.queue.used < 200);
});

test('who has proved nothing has no connection diverge, and none get on', () => {
  for (const type of [LINK_FRAME.DIVERGED, LINK_FRAME.PROGRESS]) {
    const { replica, stage, events } = connected(true);
    const known = () =>
      [...stage.south.connections].map(({ diverged, inBackupNxt, outBackupNxt }) => [
        diverged,
        inBackupNxt,
        outBackupNxt,
      ]);
    const before = known();
    flood(replica, frame(type, FRAME_HEADER + (type === LINK_FRAME.PROGRESS ? 16 : 8), 50));
    replica.tick(2001, 0, { peer: NO_PEER, lanUp: true });
    deepEqual(known(), before);
    deepEqual(events, []);
  }
});

test('the reason of a refusal is shown without control characters', () => {
  const queue = new ByteQueue(new Uint8Array(100));
  new LinkSession(queue, prove, 7, self, NONCE).sendRefuse('\u001b[2Jno\n');
  const refuse = new FrameView();
  refuse.set(queue.bytes, 0, queue.used);
  equal(LinkSession.readRefuse(refuse), '?[2Jno?');
});
