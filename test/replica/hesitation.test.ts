/** A backup whose server is behind in a recording: the class alone, and a host of the simulated world that has it. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { echo, sink } from '../../sim/model-server.ts';
import { conversation, upload } from '../../sim/scenarios.ts';
import { World } from '../../sim/world.ts';
import { Hesitation } from '../../src/replica/hesitation.ts';

test('what is held is acknowledged at once by a server that keeps up, and a quarter of the timeout later at most', () => {
  const hesitation = new Hesitation(400);
  const held = (lagMs: number, nowMs: number) => hesitation.holdsBack(lagMs, nowMs);
  deepEqual([held(0, 1_000), held(24, 1_001)], [false, false]);
  deepEqual([held(25, 1_002), held(124, 1_101), held(0, 1_101.5)], [true, true, false]);
  deepEqual([held(30, 1_200), held(129, 1_299), held(130, 1_300)], [true, true, false]);
  deepEqual([held(131, 1_301), held(230, 1_400)], [true, false]);
});

test('a client waits for a backup that is behind, and is answered as soon as that has come along', () => {
  const world = new World({ seed: 1, app: echo, ackTimeoutMs: 1_000 }).pair();
  conversation(world, 100, 0);
  world.finish();
  const before = world.primary.log.acknowledged;
  world.lagMs = 60;
  const client = conversation(world, 100, 0);
  world.runFor(100);
  equal(world.primary.log.acknowledged, before);
  equal(client.tcp.received.length, 0);
  world.lagMs = 0;
  world.runFor(20);
  ok(world.primary.log.acknowledged > before);
  world.finish();
});

test('a backup that stays behind is slow, not dead', () => {
  const world = new World({ seed: 2, app: sink, lagMs: 1_000 }).pair();
  upload(world, 20_000);
  world.runFor(5_000);
  deepEqual(
    world.hosts.map(({ replica }) => replica.role),
    ['primary', 'backup'],
  );
  world.lagMs = 0;
  world.finish();
});
