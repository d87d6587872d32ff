/** DESIGN §3, last paragraph: a server process that dies by a signal is a crash, which no client hears of. */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { echo, files } from '../../sim/model-server.ts';
import { conversation, download } from '../../sim/scenarios.ts';
import { World } from '../../sim/world.ts';
import { FIN, RST } from '../../src/wire/tcp.ts';

/** Segments that end a connection, by host. */
function endings(world: World): number[] {
  return world.hosts.map(
    ({ index }) =>
      world.heard.filter(
        ({ host, frame }) => host === index && frame.kind === 'tcp' && (frame.tcp.flags & (FIN | RST)) !== 0,
      ).length,
  );
}

test("a primary's server that is killed is survived, whatever its kernel says for it", () => {
  for (let bytes = 100; bytes < 8_000; bytes += 700) {
    const world = new World({ seed: bytes, app: bytes % 200 === 0 ? echo : files }).pair();
    const client = bytes % 200 === 0 ? conversation(world, 20_000, 0) : download(world, 20_000);
    world.run(() => client.tcp.received.length >= bytes);
    world.primary.server.kill(world.nowMs);
    world.finish();
    equal(world.backup.replica.role, 'primary');
    equal(endings(world)[0], 0, 'the clients hear nothing of it');
    equal(world.backup.south.counters.divergences, 0);
    const said = world.primary.events.map(({ event }) => event);
    ok(said.includes('server-killed') && said.includes('handed-over'));
  }
});

test("a backup's server that is killed costs nothing but the protection", () => {
  for (const bytes of [500, 3_000, 6_000]) {
    const world = new World({ seed: bytes, app: echo }).pair();
    const client = conversation(world, 9_000, 500);
    world.run(() => client.tcp.received.length >= bytes);
    world.backup.server.kill(world.nowMs);
    world.finish().runFor(200);
    equal(world.primary.replica.role, 'primary');
    equal(world.primary.replica.protects, false);
    equal(world.backup.replica.role, 'stopping');
    for (const { south } of world.hosts) equal(south.counters.divergences, 0);
  }
});

test('a request that kills both servers is let through: the client is told, and not kept waiting', () => {
  for (const [first, second, apartMs] of [
    [0, 1, 0],
    [0, 1, 1],
    [1, 0, 0],
    [1, 0, 1],
    [1, 0, 20],
  ] as const) {
    const world = new World({ seed: 7 + apartMs, app: echo }).pair();
    const client = conversation(world, 9_000, 500);
    world.run(() => client.tcp.received.length >= 3_000);
    world.hosts[first].server.kill(world.nowMs);
    if (apartMs > 0) world.runFor(apartMs);
    world.hosts[second].server.kill(world.nowMs);
    world.run(() => client.tcp.state === 'reset' || client.tcp.peerFinished, 3_000);
  }
});

test('without a backup the death of the server is what it was', () => {
  const world = new World({ seed: 9, app: echo }).pair();
  const client = conversation(world, 9_000, 500);
  world.crash(world.backup);
  world.run(() => client.tcp.received.length >= 3_000 && !world.primary.replica.protects);
  world.primary.server.kill(world.nowMs);
  world.run(() => client.tcp.state === 'reset' || client.tcp.peerFinished, 3_000);
});

test('where it is too late to see how the server has ended, its last words are held until that is known', () => {
  for (const wasKilled of [true, false]) {
    const world = new World({ seed: 10, app: echo }).pair();
    const client = conversation(world, 9_000, 500);
    world.run(() => client.tcp.received.length >= 3_000);
    world.primary.server.kill(world.nowMs, { is: 'gone' });
    world.runFor(2);
    equal(endings(world)[0], 0);
    if (wasKilled) world.primary.south.serverKilled('SIGKILL');
    else world.primary.south.serverEnded(world.nowMs);
    if (wasKilled) world.finish();
    else world.run(() => client.tcp.state === 'reset' || client.tcp.peerFinished, 1_000);
    equal(world.backup.replica.role, wasKilled ? 'primary' : 'backup');
  }
});

test('a client that comes while the server is being killed is not refused, but served by the other one', () => {
  // Found by `npm run soak -- --seed 1096198953 --round 8`.
  for (const fate of ['dying', 'gone'] as const) {
    const world = new World({ seed: 11, app: echo }).pair();
    world.primary.server.kill(world.nowMs, fate === 'gone' ? { is: 'gone' } : { is: 'dying', signal: 'SIGKILL' });
    conversation(world, 500, 0);
    world.runFor(20);
    if (fate === 'gone') world.primary.south.serverKilled('SIGKILL');
    world.finish();
    equal(endings(world)[0], 0, 'the client hears nothing of it');
    equal(world.backup.replica.role, 'primary');
  }
});
