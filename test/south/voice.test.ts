/** Who speaks and when: ARP, the release barrier, paused primaries, windows that are held (rules 1, 3, 4 and 6 of DESIGN §2). */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type App, echo, files, sink } from '../../sim/model-server.ts';
import { arpRequest, ip, mac } from '../../sim/packets.ts';
import { conversation, download, upload } from '../../sim/scenarios.ts';
import { CALM, SERVICE_IP, World } from '../../sim/world.ts';
import { ARP_REPLY } from '../../src/wire/arp.ts';
import { RST } from '../../src/wire/tcp.ts';

const ASKER = ip('10.0.0.9');
const ASKER_MAC = mac('02:00:00:00:00:09');

function replies(world: World): number[] {
  return world.heard
    .filter(({ frame }) => frame.kind === 'arp' && frame.operation === ARP_REPLY)
    .map(({ host }) => host);
}

function ask(world: World, target = SERVICE_IP): void {
  world.sendToService(arpRequest(ASKER, ASKER_MAC, target));
}

test('RFC 826: who asks for the service address is answered by the side that speaks, and by no other', () => {
  const world = new World({ seed: 1 }).pair();
  ask(world);
  world.runFor(5);
  equal(replies(world).join(), '0');
  ask(world, ip('10.0.0.101'));
  world.runFor(5);
  equal(replies(world).join(), '0');
  world.crash(world.primary);
  world.runFor(50);
  ask(world);
  world.runFor(5);
  equal(replies(world).join(), '0,1');
});

test('an ARP reply waits at the barrier: without its backup the primary says nothing', () => {
  const world = new World({ seed: 2, ackTimeoutMs: 10_000 }).pair();
  world.primary.link.blocked = true;
  ask(world);
  world.runFor(100);
  equal(replies(world).length, 0);
  world.primary.link.blocked = false;
  world.runFor(5);
  equal(replies(world).join(), '0');
});

test('RFC 5227 §2.4: who uses the service address is told whose it is', () => {
  const world = new World({ seed: 3 }).pair();
  world.runFor(3_000);
  const before = world.heard.length;
  const claim = () => world.sendToService(arpRequest(SERVICE_IP, ASKER_MAC, ip('10.0.0.1')));
  for (let i = 0; i < 20; i++) {
    claim();
    world.runFor(5);
  }
  equal(world.heard.length, before + 1, 'who insists is not answered: two that both defend would do nothing else');
  world.runFor(10_000);
  claim();
  world.runFor(5);
  equal(world.heard.length, before + 2);
  const conflicts = world.primary.events.filter(({ event }) => event === 'address-conflict');
  deepEqual(conflicts, Array(2).fill({ event: 'address-conflict', mac: '02:00:00:00:00:09' }));
});

test('a new primary announces the address, again and again for two seconds', () => {
  const world = new World({ seed: 4 }).pair();
  world.runFor(3_000);
  world.crash(world.primary);
  world.runFor(3_000);
  equal(world.heard.filter(({ host }) => host === 1).length, 6);
});

test('nothing leaves before the backup has acknowledged it, however long that takes', () => {
  const world = new World({ seed: 5, app: echo, ackTimeoutMs: 10_000 }).pair();
  conversation(world, 5_000, 0);
  world.run(() => (world.clients[0]?.tcp.received.length ?? 0) > 0);
  world.primary.link.blocked = true;
  world.runFor(5);
  const before = world.heard.length;
  world.runFor(2_000);
  equal(world.heard.length, before);
  world.primary.link.blocked = false;
  world.finish();
});

test('a primary that stood still while its backup took over says nothing when it wakes (rule 3)', () => {
  for (let seed = 0; seed < 60; seed++) {
    const world = new World({ seed, app: echo }).pair();
    conversation(world, 20_000, 0);
    world.run(() => (world.clients[0]?.tcp.received.length ?? 0) > seed * 200);
    world.pause(world.primary, 6 + seed);
    world.run(() => world.backup.replica.role === 'primary', 1_000);
    world.finish();
    world.runFor(100);
    equal(world.primary.replica.role, 'removed');
    equal(world.primary.south.speaking, false);
  }
});

test('a client whose window is closed at the promotion is probed until it opens', () => {
  for (const servers of [undefined, [{}, { bufferBytes: 4_000 }]] as const) {
    const world = new World({ seed: 6, app: files, ...(servers ? { servers } : {}) }).pair();
    const client = download(world, 90_000, false, { bufferBytes: 8_000, windowScale: 0 });
    client.reads = false;
    world.run(() => client.tcp.unread >= 8_000).runFor(50);
    world.crash(world.primary);
    world.runFor(100);
    // It opens its window while its frames are lost, and says so only once.
    world.lan = { ...CALM, loss: 1 };
    client.reads = true;
    client.turn(world.nowMs);
    world.runFor(3);
    world.lan = CALM;
    world.finish();
  }
});

test('a server that reads nothing closes the window, at the primary and after a promotion, and opens it again', () => {
  for (const crash of [false, true]) {
    const world = new World({ seed: 7, app: sink, tcp: { bufferBytes: 8_000 } }).pair();
    for (const { server } of world.hosts) server.reads = false;
    const client = upload(world, 40_000);
    world.run(() => client.tcp.sndUna > 6_500).runFor(50);
    if (crash) world.crash(world.primary);
    world.runFor(2_000);
    ok(client.tcp.sndUna <= 8_001);
    for (const { server } of world.hosts) server.reads = true;
    world.finish();
  }
});

test("while the backup's server reads nothing the client's window is held, and opens when it reads on (rule 6)", () => {
  const limits = { connectionBytes: 128 << 10 };
  const world = new World({ seed: 8, app: sink, limits }).pair();
  world.backup.server.reads = false;
  const client = upload(world, 400_000);
  world.run(() => client.tcp.sndUna > 100_000).runFor(3_000);
  const held = client.tcp.sndUna;
  ok(held < 64 * 1024 + limits.connectionBytes + 1, `held at ${held}`);
  equal(world.primary.events.filter(({ event }) => event === 'removing').length, 0);
  world.backup.server.reads = true;
  world.finish();
});

test('a backup that goes while it holds the window lets it open', () => {
  const world = new World({ seed: 9, app: sink, limits: { connectionBytes: 128 << 10 } }).pair();
  world.backup.server.reads = false;
  const client = upload(world, 400_000);
  world.run(() => client.tcp.sndUna > 100_000).runFor(1_000);
  world.crash(world.backup);
  world.finish();
  equal(world.primary.replica.role, 'primary');
});

test('a client that resets resets both servers', () => {
  // Where the power goes while the RST is on its way, or is not sent on yet, it is lost as on any network.
  for (const step of [0, 20, 40, 60, 110]) {
    const world = new World({ seed: 10 + step, app: echo, ...(step > 0 ? { crashAtStep: step } : {}) }).pair();
    const sends = world.random.bytes(9_000);
    const client = world.addClient({ sends, expects: sends, abortsAfter: 3_000 });
    world.finish();
    client.check();
    world.runFor(50);
    for (const host of world.hosts.filter(({ alive }) => alive)) {
      equal(host.server.only.state, 'reset');
      world.runFor(3_000);
      equal(host.south.connectionCount, 0);
    }
  }
});

/** An application that is not a function of its input: what it answers depends on the host. */
function nondeterministic(index: number): App {
  return (tcp, most, nowMs) => {
    const data = tcp.read(most, nowMs);
    tcp.write(
      data.map((byte, i) => (tcp.received.length > 2_000 && i === 0 ? byte ^ (index + 1) : byte)),
      nowMs,
    );
  };
}

test('where the servers answer differently it is found, and the connection is reset at the promotion (rule 4)', () => {
  const servers = [{ app: nondeterministic(0) }, { app: nondeterministic(1) }] as const;
  const world = new World({ seed: 11, servers }).pair();
  const sends = new Uint8Array(5_000);
  const client = world.addClient({ sends, expects: sends, closesFirst: false });
  world.run(() => client.tcp.received.length === 5_000).runFor(10);
  for (const { index, events, south } of world.hosts) {
    const told = events.filter(({ event }) => event === 'diverged');
    const client = '10.0.0.1:40001';
    const said = `0${index + 1}${'00'.repeat(127)}`;
    deepEqual(told, [{ event: 'diverged', connection: 1, client, position: 1_449, said, divergences: 1 }]);
    ok([...south.connections][0]?.diverged, 'the primary knows of it too');
  }
  world.crash(world.primary);
  world.run(() => client.tcp.state === 'reset');
  ok(world.heard.some(({ host, frame }) => host === 1 && frame.kind === 'tcp' && (frame.tcp.flags & RST) !== 0));
});

test('where that does not matter, the connection goes on at the same byte of what the new primary says', () => {
  const servers = [{ app: nondeterministic(0) }, { app: nondeterministic(1) }] as const;
  const world = new World({ seed: 11, servers, onDivergence: 'continue' }).pair();
  const client = world.addClient({ sends: new Uint8Array(9_000), expects: new Uint8Array(9_000), closesFirst: false });
  client.reads = false;
  world.run(() => client.tcp.received.length > 4_000).runFor(10);
  equal(world.backup.south.counters.divergences, 1);
  world.crash(world.primary);
  client.reads = true;
  world.run(() => client.tcp.received.length === 9_000);
  equal(client.tcp.received.includes(1), true);
});

test('a client that doubts the RST of a diverged connection is told nothing of what differs (rule 4)', () => {
  // Found by `npm run sim`, seed 153: the client lacks output that the RST is numbered after.
  const servers = [{ app: nondeterministic(0) }, { app: nondeterministic(1) }] as const;
  const world = new World({ seed: 12, servers }).pair();
  const sends = new Uint8Array(5_000);
  const client = world.addClient({ sends, expects: sends, closesFirst: false });
  world.run(() => client.tcp.received.length >= 1_400);
  world.lanDrops = (frame) => frame.kind === 'tcp' && frame.tcp.sourcePort === 7_000;
  world.run(() => world.backup.south.counters.divergences > 0);
  world.crash(world.primary);
  world.lanDrops = () => false;
  world.run(() => client.tcp.state === 'reset', 5_000);
  const said = world.heard.filter(({ host, frame }) => host === 1 && frame.kind === 'tcp' && frame.tcp.data.length > 0);
  equal(said.length, 0);
});

/** An application that says `length` bytes and no more. */
const says =
  (length: number): App =>
  (tcp, most, nowMs) => {
    tcp.read(most, nowMs);
    if (tcp.received.length === 0 || tcp.shut) return;
    tcp.write(new Uint8Array(length), nowMs);
    tcp.close(nowMs);
  };

test("a server that ends its stream earlier or later than the primary's has diverged (rule 4)", () => {
  for (const [own, other] of [
    [5_000, 3_000],
    [3_000, 5_000],
  ] as const) {
    const world = new World({ seed: own, servers: [{ app: says(own) }, { app: says(other) }] }).pair();
    world.addClient({ sends: Uint8Array.of(1), expects: new Uint8Array(own), closesFirst: false });
    world.finish().runFor(10);
    equal(world.backup.south.counters.divergences, 1);
  }
});

const aborts: App = (tcp, most, nowMs) => {
  tcp.read(most, nowMs);
  if (tcp.received.length >= 1_000) tcp.abort(nowMs);
};

test("a server that resets its client resets the backup's too, and the client is told even if the primary is gone", () => {
  for (let step = 40; step < 70; step++) {
    const world = new World({ seed: step, app: aborts, crashAtStep: step }).pair();
    const client = upload(world, 3_000);
    world.run(() => client.tcp.state === 'reset', 10_000);
  }
});

test('a RST that was logged and had not left is sent by the new primary, and again to a client that has missed it', () => {
  const world = new World({ seed: 40, app: aborts }).pair();
  const client = upload(world, 3_000);
  world.lanDrops = (frame) => frame.kind === 'tcp' && (frame.tcp.flags & RST) !== 0;
  world.run(() => [...world.backup.south.connections].some(({ resetByServer }) => resetByServer));
  world.crash(world.primary);
  const told = () => world.heard.filter(({ host, frame }) => host === 1 && world.lanDrops(frame)).length;
  world.run(() => told() === 1, 20);
  client.tcp.resend(world.nowMs);
  world.run(() => told() > 1, 500);
  world.lanDrops = () => false;
  world.run(() => client.tcp.state === 'reset', 500);
});

test('a backup whose server starts late replays the connection once it listens', () => {
  const world = new World({ seed: 12, app: echo }).pair();
  world.backup.server.listening = false;
  conversation(world, 5_000, 500);
  world.runFor(100);
  world.backup.server.listening = true;
  world.finish().runFor(500);
  equal(world.backup.server.only.received.length, 5_000);
});

test('a promotion to a server that does not listen yet answers clients from the log, and serves them when it does', () => {
  const world = new World({ seed: 13, app: echo }).pair();
  world.backup.server.listening = false;
  const client = conversation(world, 9_000, 0);
  world.run(() => client.tcp.received.length > 2_000);
  world.crash(world.primary);
  world.runFor(300);
  ok(
    world.heard.some(({ host, frame }) => host === 1 && frame.kind === 'tcp'),
    'it has answered',
  );
  world.backup.server.listening = true;
  world.finish();
});
