/** Connections of which neither side says anything any more: those that the server's TCP has given up are forgotten, on both hosts. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelClient } from '../../sim/model-client.ts';
import type { App } from '../../sim/model-server.ts';
import { World } from '../../sim/world.ts';
import { RST } from '../../src/wire/tcp.ts';

const QUIET_MS = 66_000;

/** Answers three bytes, and closes at the fifth that it reads. */
const app: App = (tcp, most, nowMs) => {
  tcp.read(most, nowMs);
  if (tcp.received.length > 0 && tcp.written.length === 0) tcp.write([1, 2, 3], nowMs);
  if (tcp.received.length === 5) tcp.close(nowMs);
};

const newWorld = (limits = {}) => new World({ seed: 1, app, limits }).pair();

/** Has sent four bytes; the fifth waits for a fourth one of the answer. */
function quietClient(world: World): ModelClient {
  const client = world.addClient({
    sends: new Uint8Array(5),
    expects: Uint8Array.of(1, 2, 3, 4),
    stepBytes: 4,
    closesFirst: false,
  });
  // By then the address is announced for the last time, too.
  world.run(() => client.tcp.received.length === 3).runFor(3_000);
  return client;
}

/** Both servers say the fourth byte. */
function goOn(world: World): void {
  for (const { server, alive } of world.hosts) if (alive) server.only.write([4], world.nowMs);
}

const counts = (world: World) => world.hosts.map(({ south }) => south.connectionCount);

test("a connection that the server's TCP has given up is forgotten on both hosts, and nothing is said of it", () => {
  const world = newWorld();
  quietClient(world);
  world.primary.server.giveUp(world.primary.server.only);
  const heard = world.heard.length;
  world.runFor(QUIET_MS);
  deepEqual(counts(world), [0, 0]);
  equal(world.primary.south.counters.vanished, 1);
  equal(world.backup.server.only.state, 'reset', 'the server of the backup is told');
  equal(world.heard.length, heard);
});

test('a quiet connection that the server still knows stays, nobody hears of the question, and it goes on', () => {
  const world = newWorld();
  quietClient(world);
  const said = [world.heard.length, world.primary.log.position];
  world.runFor(3 * QUIET_MS);
  deepEqual([world.heard.length, world.primary.log.position], said);
  deepEqual(counts(world), [1, 1]);
  goOn(world);
  world.finish();
});

test('the same is true of a connection that was taken over', () => {
  const world = newWorld();
  quietClient(world);
  world.crash(world.primary);
  world.runFor(3_000);
  const { south, server } = world.backup;
  const heard = world.heard.length;
  world.runFor(2 * QUIET_MS);
  equal(world.heard.length, heard);
  goOn(world);
  world.finish();
  equal(south.counters.vanished, 0);

  quietClient(world);
  const [, gone] = server.connections;
  ok(gone);
  server.giveUp(gone);
  world.runFor(QUIET_MS);
  equal(south.counters.vanished, 1);
});

test('vanished clients make room for new ones', () => {
  const world = newWorld({ connections: 8 });
  for (let i = 0; i < 8; i++) quietClient(world);
  for (const tcp of world.primary.server.connections) world.primary.server.giveUp(tcp);
  world.runFor(QUIET_MS);
  world.clients.length = 0;
  quietClient(world);
  equal(world.primary.south.counters.synDropped, 0);
});

test('a client that comes back after the server has given it up is told by the server', () => {
  const world = newWorld();
  const client = quietClient(world);
  world.primary.server.giveUp(world.primary.server.only);
  client.tcp.write([5], world.nowMs);
  world.run(() => client.tcp.state === 'reset');
  ok(world.heard.some(({ frame }) => frame.kind === 'tcp' && (frame.tcp.flags & RST) !== 0));
});
