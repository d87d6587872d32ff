/**
 * Two replicas and a witness in virtual time: hosts that cannot hear each other, a witness that is down, full or loses datagrams,
 * a primary that stood still. The world's checkers see that never two hosts speak, whatever happens (rule 3).
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../../sim/host.ts';
import { echo, sink } from '../../sim/model-server.ts';
import { conversation, upload } from '../../sim/scenarios.ts';
import { World, type WorldOptions } from '../../sim/world.ts';

const eventsOf = (host: Host) => host.events.map(({ event }) => event);
const witnessed = (options: WorldOptions) => new World({ witnessed: true, ...options });
const primaries = (world: World) => world.hosts.filter(({ alive, replica }) => alive && replica.role === 'primary');
const roles = (world: World) => world.hosts.map(({ replica }) => replica.role);
/** An old primary that cannot hear of it may still hold itself for one: the latest view counts. */
const speaker = (world: World) => primaries(world).sort((one, other) => other.replica.epoch - one.replica.epoch)[0];

/** A pair in the middle of an echo. */
function talking(options: WorldOptions, after = 3_000): World {
  const world = witnessed({ app: echo, ...options }).pair();
  const client = conversation(world, 20_000, 0);
  return world.run(() => client.tcp.received.length > after);
}

test('the first host founds the first view, and takes the other into the second', () => {
  const world = witnessed({ seed: 1 }).pair();
  deepEqual(world.witness.views, [
    { epoch: 1, primary: { index: 0, life: 1 }, backups: [] },
    { epoch: 2, primary: { index: 0, life: 1 }, backups: [{ index: 1, life: 2 }] },
  ]);
  deepEqual(eventsOf(world.primary), ['primary', 'admitted']);
  deepEqual(eventsOf(world.backup), ['joined']);
});

test('nobody speaks before the witness has answered', () => {
  const world = witnessed({ seed: 2 });
  world.witness.up = false;
  world.runFor(5_000);
  equal(world.heard.length, 0);
  ok(eventsOf(world.primary).includes('witness-lost'));
  world.witness.up = true;
  world.pair();
  ok(eventsOf(world.primary).includes('witness-answers'));
});

test('until the view has the joiner nothing leaves that it does not hold, and it is not counted on', () => {
  const world = witnessed({ seed: 3 });
  world.run(() => world.primary.replica.role === 'primary');
  world.witness.up = false;
  world.run(() => world.primary.replica.linked && world.backup.replica.linked);
  world.runFor(100);
  equal(world.primary.replica.protects, false);
  conversation(world, 5_000, 0);
  world.finish();
  world.crash(world.primary);
  world.witness.up = true;
  world.runFor(2_000);
  // The change may have been asked for and lost with its sender: then the backup is no member, and must not speak.
  equal(world.backup.south.speaking, world.witness.view?.primary.index === 1);
});

test('a primary without power is succeeded in the next view', () => {
  const world = talking({ seed: 4 });
  world.crash(world.primary);
  world.finish();
  deepEqual(eventsOf(world.backup), ['joined', 'suspected', 'promoted']);
  deepEqual(world.witness.view, { epoch: 3, primary: { index: 1, life: 2 }, backups: [] });
});

test('a backup without power is removed, and the clients go on', () => {
  const world = talking({ seed: 5 });
  world.crash(world.backup);
  world.finish();
  deepEqual(eventsOf(world.primary).slice(-3), ['removing', 'suspected', 'solo']);
  deepEqual(world.witness.view, { epoch: 3, primary: { index: 0, life: 1 }, backups: [] });
});

test('of two hosts that live and cannot hear each other one goes on, and the other says nothing more', () => {
  for (let seed = 0; seed < 200; seed++) {
    const world = talking({ seed, timeoutMs: 5 + (seed % 3) * 10 }, (seed * 97) % 15_000);
    world.partitioned = true;
    world.finish();
    world.run(() => world.hosts.filter(({ replica }) => replica.role === 'removed').length === 1);
    equal(primaries(world).length, 1);
    equal(speaker(world)?.replica.epoch, world.witness.view?.epoch);
    world.partitioned = false;
    world.runFor(300);
    equal(primaries(world).length, 1);
  }
});

test('who cannot reach the witness does not go on alone', () => {
  for (const cutOff of [0, 1]) {
    const world = talking({ seed: 6 });
    world.witness.unreachable.add(cutOff);
    world.partitioned = true;
    world.finish();
    equal(speaker(world)?.index, 1 - cutOff);
    world.witness.unreachable.clear();
    world.run(() => world.hosts[cutOff]?.replica.role === 'removed');
  }
});

test('a hiccup while the witness is down is only a hiccup', () => {
  for (let seed = 0; seed < 40; seed++) {
    const world = talking({ seed });
    world.witness.up = false;
    world.pause(seed % 2 === 0 ? world.primary : world.backup, 8 + seed * 3);
    world.finish();
    deepEqual(roles(world), ['primary', 'backup']);
    equal(world.witness.view?.epoch, 2);
  }
});

test('with the witness down a crash is survived as soon as it is back, and not a moment earlier', () => {
  for (const host of [0, 1]) {
    const world = talking({ seed: 7 });
    world.witness.up = false;
    world.crash(world.hosts[host] as Host);
    // What the other had acknowledged before it crashed may still leave.
    world.runFor(10);
    const before = world.heard.length;
    world.runFor(2_000);
    equal(world.heard.length, before);
    world.witness.up = true;
    world.finish();
    equal(speaker(world)?.index, 1 - host);
  }
});

test('a witness that cannot store makes no view, says why, and makes it when it can', () => {
  const world = talking({ seed: 8 });
  world.witness.full = true;
  world.crash(world.primary);
  world.runFor(1_000);
  equal(world.backup.replica.role, 'backup');
  ok(world.backup.events.some((event) => event.event === 'witness-problem' && event.problem === 'disk-full'));
  world.witness.full = false;
  world.finish();
});

test('datagrams that are lost either way only take time', () => {
  for (let seed = 0; seed < 100; seed++) {
    const world = talking({ seed });
    world.witness.loss = 0.5;
    if (seed % 2 === 0) world.crash(world.primary);
    else world.partitioned = true;
    world.finish();
    equal(speaker(world)?.replica.epoch, world.witness.view?.epoch);
  }
});

test('a primary that stood still while it was succeeded says nothing when it wakes, and learns it without its peer too', () => {
  for (let seed = 0; seed < 60; seed++) {
    const world = talking({ seed }, seed * 200);
    world.pause(world.primary, 6 + seed);
    world.finish();
    if (world.backup.replica.role !== 'primary') continue;
    world.crash(world.backup);
    world.runFor(2_000);
    equal(world.primary.replica.role, 'removed');
    equal(world.primary.south.speaking, false);
  }
});

test('where only the link is lost, the primary goes on in a view without its backup', () => {
  const world = talking({ seed: 9 });
  world.cutLink();
  world.finish();
  world.run(() => roles(world).join() === 'primary,removed');
  equal(world.witness.view?.epoch, 3);
});

test('a primary whose LAN is lost is succeeded, and falls silent before its successor speaks', () => {
  const world = talking({ seed: 10 });
  world.lanDown.add(0);
  world.finish();
  world.run(() => roles(world).join() === 'removed,primary');
});

test('a backup without a LAN does not succeed its primary before it has one', () => {
  const world = talking({ seed: 11 });
  world.lanDown.add(1);
  world.crash(world.primary);
  world.runFor(1_000);
  equal(world.backup.replica.role, 'backup');
  world.lanDown.delete(1);
  world.finish();
  equal(world.backup.replica.role, 'primary');
});

test('a planned end hands over in a view of its own', () => {
  for (let after = 0; after < 20_000; after += 2_000) {
    const world = talking({ seed: after }, after - 1);
    world.primary.replica.stop();
    world.finish();
    world.run(() => world.backup.replica.role === 'primary');
    deepEqual(eventsOf(world.backup), ['joined', 'suspected', 'promoted']);
    equal(world.witness.view?.primary.index, 1);
  }
});

test('a backup that leaves is taken out of the view', () => {
  const world = witnessed({ seed: 12, app: sink }).pair();
  const client = upload(world, 20_000);
  world.run(() => client.tcp.sndUna > 3_000);
  world.backup.replica.stop();
  world.finish();
  deepEqual(world.witness.view, { epoch: 3, primary: { index: 0, life: 1 }, backups: [] });
});
