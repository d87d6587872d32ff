/**
 * A cold backup: the primary's host loses its power at every step of short transfers, and a server that has never run goes on with
 * them, from the log. ADR 22
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { echo, files, sink } from '../../sim/model-server.ts';
import { conversation, download, SCENARIOS, type Scenario, upload } from '../../sim/scenarios.ts';
import { World, type WorldOptions } from '../../sim/world.ts';

const COLD = { serverStartsMs: 40, replayClosed: true };

function survives(scenario: Scenario, options: WorldOptions): World {
  try {
    return scenario.build({ cold: COLD, ...options }).finish();
  } catch (error) {
    const { seed, crashAtStep } = options;
    throw new Error(`${scenario.name}, seed ${seed}, step ${crashAtStep}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

const namesOf = ({ events }: World['backup']) => events.map(({ event }) => event);

for (const scenario of SCENARIOS) {
  test(`${scenario.name} survives a power-off at each of its steps, with a cold backup`, () => {
    const { steps } = survives(scenario, { seed: 1 });
    for (let step = 1; step <= steps; step++) survives(scenario, { seed: 1, crashAtStep: step });
  });
}

test('clients are answered at once, and what they send while the server is replayed to reaches it in its place', () => {
  const world = new World({ seed: 5, app: sink, cold: { ...COLD, serverStartsMs: 1_000 } }).pair();
  const client = upload(world, 300_000);
  world.run(() => client.tcp.sndUna > 40_000);
  const { backup } = world;
  world.crash(world.primary);
  world.run(() => namesOf(backup).includes('promoted'));
  const acked = client.tcp.sndUna;
  world.runFor(500);
  ok(client.tcp.sndUna > acked + 50_000);
  equal(backup.server.connections.length, 0, 'there is no server yet');
  world.finish();
  deepEqual(namesOf(backup).slice(-3), ['replaying', 'replayed', 'recovered']);
});

test('after-recovery: clients hear nothing before the server has had all of the log', () => {
  const recovery = { takeover: 'after-recovery', snoop: 'permanent' } as const;
  const world = new World({
    seed: 6,
    app: sink,
    nudge: false,
    recovery,
    cold: { ...COLD, serverStartsMs: 800 },
  }).pair();
  const client = upload(world, 300_000);
  world.run(() => client.tcp.sndUna > 40_000);
  world.crash(world.primary);
  const said = world.heard.length;
  world.run(() => namesOf(world.backup).includes('replaying'));
  equal(world.heard.length, said);
  world.finish();
  ok(world.backup.south.counters.recoveredSegments >= 0);
});

test('connections that are over are replayed too: they have left state', () => {
  const world = new World({ seed: 7, app: sink, cold: COLD }).pair();
  upload(world, 5_000);
  world.finish();
  world.crash(world.primary);
  world.run(() => namesOf(world.backup).includes('recovered'));
  equal(world.backup.server.only.received.length, 5_000);
});

test('unless the service says that they leave none', () => {
  const world = new World({ seed: 8, app: echo, cold: { ...COLD, replayClosed: false } }).pair();
  conversation(world, 500, 0);
  world.finish();
  world.run(() => world.backup.south.connectionCount === 0, 70_000);
  world.crash(world.primary);
  world.run(() => namesOf(world.backup).includes('recovered'));
  equal(world.backup.server.connections.length, 0);
});

test('a connection that ends while it is replayed is replayed as a whole', () => {
  const cold = { serverStartsMs: 300, replayClosed: false };
  const world = new World({ seed: 13, app: echo, cold, recovery: { recoveryDelayMs: 5_000 } }).pair();
  const client = conversation(world, 4_000, 100);
  world.run(() => client.tcp.received.length > 2_000);
  const { backup } = world;
  world.crash(world.primary);
  // The replay begins, and stands still; meanwhile the client gives up, and the front forgets the connection.
  world.run(() => namesOf(backup).includes('promoted'));
  backup.retained.readMost = 1;
  world.run(() => namesOf(backup).includes('replaying')).runFor(50);
  client.tcp.abort(world.nowMs);
  world.turnClient(client);
  world.run(() => backup.south.connectionCount === 0);
  backup.retained.readMost = Number.POSITIVE_INFINITY;
  world.run(() => namesOf(backup).includes('recovered'));
  equal(backup.south.connectionCount, 0);
});

test('who connects while the server is replayed to is served afterwards', () => {
  const world = new World({ seed: 9, app: files, cold: { ...COLD, serverStartsMs: 900 } }).pair();
  download(world, 60_000);
  world.run(() => (world.clients[0]?.tcp.received.length ?? 0) > 5_000);
  world.crash(world.primary);
  world.run(() => namesOf(world.backup).includes('promoted'));
  const late = download(world, 2_000, false, { port: 42_000 });
  world.runFor(300);
  equal(late.tcp.established, false);
  world.finish();
});

for (const onLogFull of ['unprotect', 'stall'] as const) {
  test(`a cold backup that can write no more: ${onLogFull}`, () => {
    const world = new World({ seed: 10, app: sink, cold: { ...COLD, onLogFull } }).pair();
    const client = upload(world, 200_000);
    world.run(() => client.tcp.sndUna > 20_000);
    const { backup } = world;
    backup.retained.problem = 'no space is left on the disk';
    world.run(() => namesOf(backup).includes('retained-log'));
    world.runFor(2_000);
    if (onLogFull === 'unprotect') {
      equal(backup.replica.role, 'removed');
    } else {
      equal(world.primary.replica.linked, true, 'it is waited for');
      equal(client.isContent, false);
      backup.retained.problem = '';
    }
    world.finish();
  });
}

test('a server that does not take what its predecessor took has differed, and the others go on', () => {
  const deaf: typeof echo = (tcp, most, nowMs) => {
    if (tcp.peerPort !== 43_000) echo(tcp, most, nowMs);
  };
  const servers = [{}, { app: deaf, bufferBytes: 4_000 }] as const;
  const limits = { connectionBytes: 64 << 10 };
  const world = new World({ seed: 11, app: echo, servers, limits, cold: COLD }).pair();
  const first = conversation(world, 150_000, 0, { port: 43_000 });
  const second = conversation(world, 150_000, 0, { port: 43_001 });
  world.run(() => Math.min(first.tcp.received.length, second.tcp.received.length) > 100_000);
  world.crash(world.primary);
  world.run(() => first.tcp.state === 'reset' && second.isContent, 20_000);
});

/** Both hosts lose their power in the midst of an upload; the backup's starts again, as the primary, from its log. */
function restarted(isDurable: boolean) {
  const world = new World({ seed: 12, app: sink, cold: COLD }).pair();
  const client = upload(world, 100_000);
  world.run(() => client.tcp.sndUna > 40_000);
  const { retained } = world.backup;
  world.crash(world.primary);
  world.crash(world.backup);
  world.runFor(300);
  world.powerOn(1, retained.outlived(isDurable));
  return { world, client };
}

test('a log that outlived a power-off of both hosts has their connections go on', () => {
  const { world } = restarted(true);
  world.finish();
  deepEqual(namesOf(world.backup), ['server-wanted', 'primary', 'replaying', 'replayed', 'recovered']);
});

test('where its end may be missing their clients are told, and what the server was sent is there', () => {
  const { world, client } = restarted(false);
  world.run(() => client.tcp.state === 'reset');
  ok(world.backup.server.only.received.length >= 40_000);
});
