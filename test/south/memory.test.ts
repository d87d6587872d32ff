/** Rule 6: what is kept of all connections is bounded, nothing that was acknowledged is dropped, and everything resumes. */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { echo, files, sink } from '../../sim/model-server.ts';
import { conversation, download, upload } from '../../sim/scenarios.ts';
import { SERVICE_PORT, World } from '../../sim/world.ts';
import { OWN_BYTES } from '../../src/south/budget.ts';

const CLIENTS = 6;
const LENGTH = 300_000;
const TOTAL = 512 << 10;
const LIMITS = { connectionBytes: 512 << 10, totalBytes: TOTAL };
/** A window in which all of it fits. */
const WIDE = { bufferBytes: 512 << 10, windowScale: 7 };

function unfed(world: World): number {
  return [...world.primary.south.connections].reduce((sum, { inEnd, inBackupNxt }) => sum + inEnd - inBackupNxt, 0);
}

test('a backup whose server reads nothing holds back all clients together, and each goes on when it reads', () => {
  const servers = [WIDE, { bufferBytes: 8_000, windowScale: 7 }] as const;
  const world = new World({ seed: 1, app: sink, servers, limits: LIMITS }).pair();
  world.backup.server.reads = false;
  for (let i = 0; i < CLIENTS; i++) upload(world, LENGTH, WIDE);
  let most = 0;
  for (let i = 0; i < 40; i++) most = Math.max(most, unfed(world.runFor(100)));
  ok(most > TOTAL / 2 && most <= TOTAL + CLIENTS * OWN_BYTES, `${most} bytes`);
  ok(world.clients.every(({ tcp }) => tcp.sndUna > 40_000 && tcp.sndUna < LENGTH));
  equal(world.primary.events.filter(({ event }) => event === 'removing').length, 0);
  world.backup.server.reads = true;
  world.finish();
  equal(world.backup.south.counters.divergences, 0);
});

test('and each goes on when the backup is gone, or takes over with all that it was given', () => {
  for (const victim of [0, 1] as const) {
    const servers = [WIDE, { bufferBytes: 8_000, windowScale: 7 }] as const;
    const world = new World({ seed: 2, app: sink, servers, limits: LIMITS }).pair();
    world.backup.server.reads = false;
    for (let i = 0; i < CLIENTS; i++) upload(world, LENGTH, WIDE);
    world.runFor(2_000);
    world.crash(world.hosts[victim]);
    world.backup.server.reads = true;
    world.finish();
  }
});

test('a backup keeps no more output of clients that acknowledge nothing than it may, and can do without', () => {
  const far = { ...WIDE, flightSegments: 150 };
  const world = new World({ seed: 3, app: files, servers: [far, far], limits: { ...LIMITS, totalBytes: 256 << 10 } });
  world.pair();
  for (let i = 0; i < CLIENTS; i++) download(world, LENGTH, false, WIDE);
  world.run(() => world.clients.every(({ tcp }) => tcp.received.length > 0));
  world.lanDrops = (frame) => frame.kind === 'tcp' && frame.tcp.destinationPort === SERVICE_PORT;
  world.runFor(1_000);
  const { keptBytes } = world.backup.south;
  ok(keptBytes > 0 && keptBytes <= 256 << 10, `${keptBytes} bytes`);
  world.crash(world.primary);
  world.runFor(20);
  world.lanDrops = () => false;
  world.finish();
});

test('a backup whose server is behind by more entries than are kept comes as far, and can take over', () => {
  const small = { ...WIDE, mss: 536 };
  const limits = { connectionBytes: 256 << 10, totalBytes: 128 << 10 };
  const world = new World({ seed: 5, app: files, servers: [WIDE, WIDE], limits }).pair();
  world.backup.server.reads = false;
  for (let i = 0; i < CLIENTS; i++) download(world, LENGTH, false, small);
  world.run(() => world.clients.every(({ tcp }) => tcp.received.length > 200_000));
  world.backup.server.reads = true;
  world.run(() => world.clients.every(({ tcp }) => tcp.received.length > 280_000));
  world.crash(world.primary);
  world.finish();
  equal(world.backup.south.counters.divergences, 0);
});

test("a backup whose server says nothing holds the primary's back, and it goes on when that has come along", () => {
  const kept = 96 << 10;
  const world = new World({ seed: 6, app: files, servers: [WIDE, WIDE], limits: { ...LIMITS, connectionBytes: kept } });
  world.pair();
  world.backup.server.reads = false;
  const client = download(world, 2_000_000, false, WIDE);
  world.runFor(3_000);
  const { length } = client.tcp.received;
  ok(length > 4 * kept && length < 9 * kept, `${length} bytes`);
  equal(world.primary.events.filter(({ event }) => event === 'removing').length, 0);
  world.backup.server.reads = true;
  world.finish();
  equal(world.backup.south.counters.divergences, 0);
});

test('a server that closes a window which it had opened hears what its client has, and goes on', () => {
  for (const short of [0, 1] as const) {
    const servers = [0, 1].map((host) => ({ memoryBytes: host === short ? 6_000 : 1e6, flightSegments: 3 }));
    const world = new World({
      seed: 8,
      app: echo,
      servers: [servers[0] ?? {}, servers[1] ?? {}],
      tunLoss: 0.02,
    }).pair();
    const client = conversation(world, 100_000, 100_000);
    world.run(() => client.tcp.received.length > 50_000);
    if (short === 1) world.crash(world.primary);
    world.finish();
    ok(world.hosts[short].server.only.shrunk > 0);
  }
});

test('a backup whose server gets no further is put out of the view after a while, and its clients go on', () => {
  const limits = { ...LIMITS, connectionBytes: 96 << 10 };
  for (const app of [files, sink]) {
    const world = new World({ seed: 7, app, servers: [WIDE, { bufferBytes: 8_000, windowScale: 7 }], limits }).pair();
    world.backup.server.reads = false;
    if (app === files) download(world, 2_000_000, false, WIDE);
    else upload(world, 600_000, WIDE);
    world.finish();
    const removing = world.primary.events.find(({ event }) => event === 'removing');
    const reason = removing && 'reason' in removing ? removing.reason : '';
    equal(reason, "the backup's server gets no further, and holds clients back");
  }
});

test('what is over is not kept', () => {
  const world = new World({ seed: 4, app: sink, servers: [WIDE, WIDE], limits: LIMITS }).pair();
  for (let i = 0; i < CLIENTS; i++) upload(world, LENGTH, WIDE);
  world.finish().runFor(2_000);
  for (const { south } of world.hosts) equal(south.keptBytes, 0);
});
