/** A host whose server program has ended by itself stays for as long as its connections need its kernel, and no longer. */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../../sim/host.ts';
import { type App, files } from '../../sim/model-server.ts';
import { download } from '../../sim/scenarios.ts';
import { World } from '../../sim/world.ts';
import { Linger } from '../../src/south/linger.ts';

const TIMEOUT_MS = 30_000;

/** Follows the world in small steps until the host may leave. @returns how long that took. */
function lingers(world: World, host: Host, timeoutMs = TIMEOUT_MS): number {
  const begunAt = world.nowMs;
  const linger = new Linger(timeoutMs, begunAt);
  while (!linger.isOver(host.south.connections, world.nowMs)) {
    ok(world.nowMs - begunAt < 20 * timeoutMs, 'it ends');
    world.runFor(1);
  }
  return world.nowMs - begunAt;
}

test('without connections a host leaves at once', () => {
  const world = new World({ seed: 1, app: files }).pair();
  for (const host of world.hosts) equal(lingers(world, host), 0);
});

for (const index of [0, 1] as const) {
  test(`host ${index} stays until the client has all of the output and is done`, () => {
    const world = new World({ seed: 2, app: files }).pair();
    const client = download(world, 40_000);
    world.run(() => world.hosts[index].server.connections[0]?.shut ?? false);
    ok(client.tcp.received.length < 20_000, 'much is still to be sent');
    lingers(world, world.hosts[index]);
    world.finish();
    equal(client.tcp.state, 'closed');
  });
}

test('the backup stays although its copy of the server ends long before the primary’s', () => {
  const slow: App = (tcp, most, nowMs) => {
    if (nowMs > 3000) files(tcp, most, nowMs);
  };
  const world = new World({ seed: 3, servers: [{ app: slow }, { app: files }] }).pair();
  const client = download(world, 20_000);
  world.run(() => world.backup.server.connections[0]?.shut ?? false);
  ok(world.nowMs < 2000);
  lingers(world, world.backup);
  ok(world.nowMs > 3000, 'not before the primary has said it all');
  world.finish();
  equal(client.tcp.state, 'closed');
});

test('the client gets all of it from the backup, whose server has ended, when the primary loses its power', () => {
  for (let step = 5; step < 120; step += 3) {
    const world = new World({ seed: step, app: files, crashAtStep: step }).pair();
    const client = download(world, 20_000);
    world.run(() => world.backup.server.connections[0]?.shut === true || !world.primary.alive);
    lingers(world, world.backup);
    world.crash(world.primary);
    world.finish();
    equal(client.tcp.state, 'closed');
  }
});

test('nobody is waited for who has acknowledged nothing for the timeout', () => {
  const world = new World({ seed: 4, app: files }).pair();
  const client = download(world, 40_000);
  world.run(() => client.tcp.received.length > 5_000);
  world.lanDrops = () => true;
  for (const host of world.hosts) {
    const tookMs = lingers(world, host, 500);
    ok(tookMs >= 500 && tookMs < 510, `${tookMs} ms`);
  }
});

test('a client that has it all and keeps its own side open is waited for briefly', () => {
  const world = new World({ seed: 5, app: files }).pair();
  // Its fifth byte waits for as much of an answer as will never come.
  const client = world.addClient({ sends: Uint8Array.of(0, 0, 0, 2, 0), stepBytes: 4, closesFirst: false });
  world.run(() => client.tcp.peerFinished);
  for (const host of world.hosts) {
    const tookMs = lingers(world, host);
    ok(tookMs >= 1000 && tookMs < 1200, `${tookMs} ms`);
  }
});

test('a backup waits for no connection on which its server differs', () => {
  const short: App = (tcp, most, nowMs) => {
    tcp.read(most, nowMs);
    if (tcp.received.length < 4 || tcp.shut) return;
    tcp.write(new Uint8Array(10), nowMs);
    tcp.close(nowMs);
  };
  const world = new World({ seed: 6, app: files, servers: [{}, { app: short }] }).pair();
  download(world, 40_000);
  world.run(() => [...world.backup.south.connections][0]?.diverged ?? false);
  equal(lingers(world, world.backup), 0);
});
