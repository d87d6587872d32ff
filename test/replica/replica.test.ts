/** The state machine of a host, driven in virtual time by the simulated world: real links and logs, the detector's word is given. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../../sim/host.ts';
import { echo, sink } from '../../sim/model-server.ts';
import { conversation, upload } from '../../sim/scenarios.ts';
import { World } from '../../sim/world.ts';
import { NO_PEER } from '../../src/replica/health.ts';

const eventsOf = (host: Host) => host.events.map(({ event }) => event);

function last(host: Host): Host['events'][number] {
  const event = host.events.at(-1);
  ok(event);
  return event;
}

test('the first of two hosts becomes the primary in epoch 1, and the other joins it in epoch 2', () => {
  const world = new World({ seed: 1 }).pair();
  deepEqual(world.primary.events, [
    { event: 'primary', epoch: 1 },
    { event: 'admitted', epoch: 2 },
  ]);
  deepEqual(world.backup.events, [{ event: 'joined', epoch: 2 }]);
  deepEqual(
    world.hosts.map(({ replica }) => [replica.role, replica.epoch, replica.linked]),
    [
      ['primary', 2, true],
      ['backup', 2, true],
    ],
  );
});

test('the second host alone waits for the first, and says nothing', () => {
  const world = new World({ seed: 2 });
  world.crash(world.primary);
  world.runFor(5_000);
  equal(world.backup.replica.role, 'starting');
  equal(world.heard.length, 0);
});

test('the first host alone becomes the primary when it has waited long enough for another', () => {
  const world = new World({ seed: 3 });
  world.crash(world.backup);
  world.runFor(300);
  equal(world.primary.replica.role, 'starting');
  world.runFor(200);
  equal(world.primary.replica.role, 'primary');
});

test('a host with another key is not admitted, and is told why', () => {
  const world = new World({ seed: 4, keys: ['one', 'other'] });
  world.runFor(1_000);
  equal(world.backup.replica.role, 'starting');
  equal(world.backup.replica.refusal, 'another key');
  ok(eventsOf(world.primary).includes('refused'));
  equal(world.primary.replica.linked, false);
});

test('a host is not admitted to a service that has had connections: it would lack what they changed', () => {
  const world = new World({ seed: 5 });
  world.partitioned = true;
  world.runFor(1_000);
  conversation(world, 500, 0);
  world.finish();
  world.partitioned = false;
  world.runFor(1_000);
  equal(world.backup.replica.role, 'starting');
  ok(world.backup.replica.refusal.startsWith('the service has had connections already'));
});

test('a silent primary is succeeded in the epoch after the next', () => {
  const world = new World({ seed: 6 }).pair();
  world.crash(world.primary);
  world.runFor(50);
  const { backup } = world;
  deepEqual(eventsOf(backup), ['joined', 'suspected', 'promoted']);
  deepEqual([backup.replica.role, backup.replica.epoch, backup.listening], ['primary', 4, 'speak']);
});

test('a lost backup is given up later than a primary, and the primary goes on in the next epoch', () => {
  const world = new World({ seed: 7, timeoutMs: 10 }).pair();
  world.crash(world.backup);
  world.runFor(30);
  equal(world.primary.replica.linked, true);
  world.runFor(50);
  deepEqual(eventsOf(world.primary).slice(-2), ['suspected', 'solo']);
  equal(world.primary.replica.epoch, 3);
  conversation(world, 500, 0);
  world.finish();
});

test('a backup that starts anew before it is given up holds nothing any more, and is not waited for', () => {
  // Found by `npm run sim`, seed 63.
  const world = new World({ seed: 7, app: echo, timeoutMs: 10 }).pair();
  const client = conversation(world, 20_000, 0);
  world.run(() => client.tcp.received.length > 3_000);
  world.crash(world.backup);
  world.runFor(20);
  equal(world.primary.replica.linked, true);
  world.powerOn(1);
  world.finish();
  ok(eventsOf(world.primary).join().endsWith('solo'));
  equal(world.backup.replica.role, 'starting');
});

test('where only the link is lost, the primary goes solo when its backup has accepted the removal (rule 3)', () => {
  const world = new World({ seed: 8, app: echo }).pair();
  const client = conversation(world, 20_000, 0);
  world.run(() => client.tcp.received.length > 3_000);
  const before = world.heard.length;
  world.cutLink();
  world.run(() => world.primary.replica.proposal > 0);
  equal(world.heard.length, before, 'until then it says nothing');
  world.run(() => world.primary.replica.epoch === 3);
  equal(world.backup.replica.role, 'removed');
  ok(eventsOf(world.primary).join().endsWith('link-lost,removing,solo'));
  world.finish();
  equal(world.backup.south.speaking, false);
});

test('a backup that does not acknowledge in time is removed although it is heard', () => {
  const world = new World({ seed: 9, ackTimeoutMs: 50 }).pair();
  world.primary.link.blocked = true;
  conversation(world, 2_000, 0);
  world.run(() => last(world.primary).event === 'solo');
  equal(world.backup.replica.role, 'removed');
  world.finish();
});

test('a backup takes over from a primary that fell silent after it had proposed the removal', () => {
  const world = new World({ seed: 12 }).pair();
  const { backup } = world;
  world.crash(world.primary);
  const said = {
    ...NO_PEER,
    heard: true,
    life: 1,
    role: 'primary',
    epoch: 2,
    proposal: 3,
    lanUp: true,
    stuck: false,
  } as const;
  const peer = { ...said, silent: true, silentMs: 21, lost: false };
  backup.replica.tick(world.nowMs, 0, { peer, lanUp: true });
  deepEqual([backup.replica.role, backup.replica.epoch], ['primary', 4]);
});

test('a primary whose LAN is lost is succeeded, and steps down when it hears of the higher epoch', () => {
  const world = new World({ seed: 10, app: echo }).pair();
  const client = conversation(world, 20_000, 0);
  world.run(() => client.tcp.received.length > 3_000);
  world.lanDown.add(0);
  world.finish().runFor(20);
  deepEqual([world.primary.replica.role, world.primary.replica.epoch], ['removed', 4]);
  equal(world.primary.listening, 'no');
  const promoted = world.backup.events.find(({ event }) => event === 'promoted');
  ok(promoted?.event === 'promoted' && promoted.reason === 'the primary has lost its LAN');
});

test('a host without a LAN never promotes itself', () => {
  const world = new World({ seed: 11 }).pair();
  world.lanDown.add(1);
  world.crash(world.primary);
  world.runFor(1_000);
  equal(world.backup.replica.role, 'removed');
  equal(world.backup.south.speaking, false);
});

test('a planned end hands over: nobody suspects anybody, and no byte is lost', () => {
  for (let after = 0; after < 20_000; after += 1_000) {
    const world = new World({ seed: after, app: echo }).pair();
    const client = conversation(world, 20_000, 0);
    world.run(() => client.tcp.received.length >= after);
    world.primary.replica.stop();
    world.finish().runFor(50);
    deepEqual(eventsOf(world.backup), ['joined', 'promoted']);
    deepEqual([world.primary.replica.role, world.backup.replica.role], ['stopping', 'primary']);
  }
});

test('a backup that leaves lets the primary go on at once', () => {
  const world = new World({ seed: 13, app: sink }).pair();
  const client = upload(world, 20_000);
  world.run(() => client.tcp.sndUna > 3_000);
  world.backup.replica.stop();
  world.runFor(2);
  deepEqual(last(world.primary), { event: 'solo', epoch: 3, reason: 'the backup has left' });
  world.finish();
});

test('a primary that stood still for less than the timeout goes on, and says nothing before a new entry is acknowledged', () => {
  const world = new World({ seed: 14, app: echo, timeoutMs: 20 }).pair();
  const client = conversation(world, 20_000, 0);
  world.run(() => client.tcp.received.length > 3_000);
  world.pause(world.primary, 15);
  world.finish();
  deepEqual(eventsOf(world.backup), ['joined']);
});

test('bytes that are no frames end the link, and the host that gets them is not harmed', () => {
  const world = new World({ seed: 15, app: echo }).pair();
  conversation(world, 20_000, 0);
  world.run(() => world.clients[0]?.tcp.established === true);
  world.backup.link.push(new Uint8Array(64).fill(0xff), world.nowMs);
  world.run(() => world.backup.replica.role === 'removed');
  world.finish();
  equal(last(world.primary).event, 'solo');
});

test('an entry that makes no sense removes the host that is given it: it must never be promoted', () => {
  const world = new World({ seed: 16, app: echo }).pair();
  conversation(world, 20_000, 0);
  world.run(() => world.clients[0]?.tcp.established === true);
  // CLOSED for a connection that nobody opened.
  world.backup.link.push(Uint8Array.of(0, 0, 0, 12, 8, 0, 0, 0, 0, 0, 9, 9), world.nowMs);
  world.run(() => world.backup.replica.role === 'removed');
  world.finish();
});
