/** A backup's server may be slower than the primary's. It is told nothing that its client has said in answer before it has asked. */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../../sim/model-server.ts';
import type { ModelTcp } from '../../sim/model-tcp.ts';
import { World } from '../../sim/world.ts';

const REQUEST_BYTES = 100;
const ANSWER = new Uint8Array(REQUEST_BYTES).fill(7);

/** Takes its time to answer. A client that closes meanwhile is not answered any more, as many servers do. */
function thoughtful(delayMs: number): App {
  const dueAtMs = new WeakMap<ModelTcp, number>();
  const answered = new WeakSet<ModelTcp>();
  return (tcp, most, nowMs) => {
    tcp.read(most, nowMs);
    if (tcp.peerFinished) {
      tcp.close(nowMs);
    } else if (tcp.received.length >= REQUEST_BYTES && !answered.has(tcp)) {
      const due = dueAtMs.get(tcp) ?? nowMs + delayMs;
      dueAtMs.set(tcp, due);
      if (nowMs < due) return;
      answered.add(tcp);
      tcp.write(ANSWER, nowMs);
    }
  };
}

/** Sends a request, and when it is answered one byte more, and closes. */
function ask(world: World) {
  const sends = new Uint8Array(REQUEST_BYTES + 1);
  return world.addClient({ sends, expects: ANSWER, stepBytes: REQUEST_BYTES, closesFirst: true });
}

test('a client that closes once it is answered does not close before a slower server has answered', () => {
  const servers = [{ app: thoughtful(1) }, { app: thoughtful(40) }] as const;
  const world = new World({ seed: 21, servers }).pair();
  const client = ask(world);
  world.finish().runFor(100);
  equal(client.tcp.state, 'closed');
  equal(world.backup.south.counters.divergences, 0);
  equal(world.backup.server.connections[0]?.isOver, true);
});

test('nor before it has answered after a promotion, when the client closes in between', () => {
  for (let step = 10; step < 60; step += 2) {
    const servers = [{ app: thoughtful(1) }, { app: thoughtful(40) }] as const;
    const world = new World({ seed: step, servers, crashAtStep: step }).pair();
    const client = ask(world);
    world.finish();
    equal(client.tcp.state, 'closed');
    equal(client.tcp.received.length, ANSWER.length);
    equal(world.backup.south.counters.divergences, 0);
  }
});

test('a client that closes without waiting is not held back', () => {
  const servers = [{ app: thoughtful(1) }, { app: thoughtful(40) }] as const;
  const world = new World({ seed: 22, servers }).pair();
  const client = world.addClient({
    sends: new Uint8Array(REQUEST_BYTES),
    expects: new Uint8Array(0),
    closesFirst: true,
  });
  world.finish();
  equal(client.tcp.state, 'closed');
  equal(world.backup.south.counters.divergences, 0);
});
