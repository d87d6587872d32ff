/**
 * ICMP errors about the service's own packets (RFC 1191, RFC 8201, RFC 5927): path MTU discovery goes on through a promotion, and
 * guesses of somebody who sees no packet are dropped.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelClient } from '../../sim/model-client.ts';
import { files } from '../../sim/model-server.ts';
import {
  type Heard,
  ip,
  mac,
  readTun,
  type TcpPacket,
  tcpPacket,
  tooBigFrame,
  unreachablePacket,
} from '../../sim/packets.ts';
import { download } from '../../sim/scenarios.ts';
import { SERVICE_MAC, SERVICE_PORT, World, type WorldOptions } from '../../sim/world.ts';
import { seqAt } from '../../src/wire/seq.ts';
import { ACK } from '../../src/wire/tcp.ts';

const ROUTER_MAC = mac('02:00:00:00:00:99');

function routerIp(world: World): Uint8Array {
  return world.options.ipv6 === true ? ip('2001:db8::99') : ip('10.0.0.99');
}

function headersOf(world: World): number {
  return (world.options.ipv6 === true ? 40 : 20) + 32;
}

/** From now on a router on the way to the clients lets nothing through that is larger, and says so. @returns what it has refused. */
function narrow(world: World, mtu: number): number[] {
  const refused: number[] = [];
  world.lanDrops = (frame) => {
    if (frame.kind !== 'tcp' || frame.tcp.sourcePort !== SERVICE_PORT) return false;
    if (frame.segmentSize + headersOf(world) <= mtu) return false;
    refused.push(frame.segmentSize);
    complain(world, frame, frame.tcp, mtu);
    return true;
  };
  return refused;
}

function complain(
  world: World,
  ends: { source: Uint8Array; destination: Uint8Array },
  tcp: TcpPacket,
  mtu: number,
): void {
  const macs = { source: ROUTER_MAC, destination: SERVICE_MAC };
  world.sendToService(tooBigFrame(ends, { ...tcp, data: new Uint8Array(0) }, mtu, routerIp(world), macs));
}

/** A router's word about the byte at `position` of the server's stream, with the numbers of the wire or others. */
function guess(
  world: World,
  client: ModelClient,
  position: number,
  changes: Partial<TcpPacket> = {},
  mtu = 1300,
): void {
  const { options, tcp } = client;
  const seqs = { seq: seqAt(tcp.irs, position), ack: seqAt(tcp.iss, 1), flags: ACK };
  const ports = { sourcePort: SERVICE_PORT, destinationPort: options.port };
  const quoted = tcpPacket({ ...ports, ...seqs, hasTimestamps: true, ...changes });
  complain(world, { source: world.serviceIp, destination: options.ip }, quoted, mtu);
}

/** The ICMP that the kernel of the host's server is given. */
function listen(world: World, host: 0 | 1): (Heard & { kind: 'icmp' })[] {
  const { server } = world.hosts[host];
  const given: (Heard & { kind: 'icmp' })[] = [];
  const take = server.fromWrap.bind(server);
  server.fromWrap = (bytes, offset, length, nowMs) => {
    const heard = readTun(bytes, offset, length);
    if (heard.kind === 'icmp') given.push(heard);
    take(bytes, offset, length, nowMs);
  };
  return given;
}

/** A download that has been taken over and goes on directly. */
function takenOver(options: Partial<WorldOptions> = {}): { world: World; client: ModelClient } {
  const world = new World({ seed: 5, app: files, ...options }).pair();
  const client = download(world, 200_000);
  world.run(() => client.tcp.received.length > 20_000);
  world.crash(world.primary);
  world.run(() => [...world.backup.south.connections].every(({ direct }) => direct) && world.backup.south.speaking);
  world.run(() => client.tcp.received.length > 60_000);
  return { world, client };
}

for (const ipv6 of [false, true]) {
  const family = ipv6 ? 'RFC 8201 §3' : 'RFC 1191 §3';

  test(`${family}: a server learns of a path that became narrower`, () => {
    const world = new World({ seed: 4, app: files, ipv6 }).pair();
    const client = download(world, 60_000);
    world.run(() => client.tcp.received.length > 5_000);
    const refused = narrow(world, 1300);
    world.finish();
    ok(refused.length > 0);
    equal(world.primary.server.only.mss, 1300 - headersOf(world));
  });

  test(`${family}: so does one that was taken over: what is quoted has the numbers that it knows`, () => {
    const { world } = takenOver({ ipv6 });
    const { only } = world.backup.server;
    const { issWire, issLocal } = [...world.backup.south.connections][0] ?? {};
    ok(issWire !== issLocal, 'the two servers have chosen different numbers');
    const given = listen(world, 1);
    const before = only.sndUna;
    narrow(world, 1300);
    world.run(() => given.length > 0);
    const position = (given[0]?.quotedSeq ?? 0) - only.iss;
    ok(position >= before && position < only.sndMax, `${position} is outstanding`);
    world.finish();
    equal(only.mss, 1300 - headersOf(world));
  });

  test(`${family}: output that is repeated for a server that has not caught up is cut as the path wants it`, () => {
    // The primary's packets are larger than all that the other server's congestion window lets out: so it does not catch up.
    const servers = [{ bulkSegments: 10 }, { flightSegments: 3 }] as const;
    const world = new World({ seed: 10, app: files, ipv6, servers }).pair();
    const client = download(world, 90_000);
    world.run(() => client.tcp.received.length > 30_000);
    const given = listen(world, 1);
    // What the primary says is logged and lost; then it dies, and the path is another one.
    world.lanDrops = (frame) => frame.kind === 'tcp' && frame.tcp.sourcePort === SERVICE_PORT;
    world.runFor(20);
    world.crash(world.primary);
    const refused = narrow(world, 1300);
    world.run(() => refused.length > 0);
    const waitsAtMs = world.nowMs;
    const before = client.tcp.received.length;
    world.run(() => client.tcp.received.length > before);
    ok(world.nowMs - waitsAtMs < 10, 'at once, not after a timer');
    deepEqual(given, [], 'nor by the server, which has not sent it');
    equal([...world.backup.south.connections][0]?.direct, false);
    world.finish();
  });
}

test('RFC 5927 §4.1: an error about what is not outstanding is dropped and counted', () => {
  const { world, client } = takenOver();
  const given = listen(world, 1);
  const { counters } = world.backup.south;
  const una = client.tcp.rcvNxt;
  world.lanDrops = (frame) => frame.kind === 'tcp';
  world.runFor(5);
  const next = [...world.backup.south.connections][0]?.outWireNxt ?? 0;
  ok(next > una);
  for (const position of [una - 30_000, next, next + 1, una + 2 ** 30]) {
    const before = counters.lanBadIcmp;
    guess(world, client, position);
    world.runFor(5);
    equal(counters.lanBadIcmp, before + 1, `an error about ${position} of ${una} to ${next}`);
  }
  deepEqual(given, []);
  guess(world, client, next - 1);
  world.runFor(5);
  equal(given.length, 1);
});

test('an error that quotes what the service has never sent from its address is dropped', () => {
  const { world, client } = takenOver();
  const given = listen(world, 1);
  const quoted = tcpPacket({
    sourcePort: SERVICE_PORT,
    destinationPort: client.options.port,
    seq: seqAt(client.tcp.irs, client.tcp.rcvNxt),
  });
  complain(world, { source: world.serviceIp, destination: client.options.ip }, { ...quoted, destinationPort: 1 }, 1300);
  world.runFor(5);
  equal(given.length, 1, 'about no connection: the kernel knows best');
  const before = world.backup.south.counters.lanBadChecksum;
  const frame = tooBigFrame(
    { source: world.serviceIp, destination: client.options.ip },
    quoted,
    1300,
    routerIp(world),
    { source: ROUTER_MAC, destination: SERVICE_MAC },
  );
  frame[frame.length - 1] = 0x5a;
  world.sendToService(frame);
  world.runFor(5);
  equal(given.length, 1);
  equal(world.backup.south.counters.lanBadChecksum, before + 1);
});

test('RFC 8201 §4: no smaller MTU is believed than a link of IPv6 can have', () => {
  const world = new World({ seed: 7, app: files, ipv6: true }).pair();
  const client = download(world, 200_000);
  world.run(() => client.tcp.received.length > 20_000);
  const [connection] = world.primary.south.connections;
  world.lanDrops = (frame) => frame.kind === 'tcp';
  world.runFor(2);
  for (const [mtu, mss] of [
    [1279, 1460],
    [1280, 1220],
    [1400, 1220],
  ] as const) {
    guess(world, client, client.tcp.rcvNxt, {}, mtu);
    world.runFor(5);
    equal(connection?.outMss, mss, `after ${mtu}`);
  }
});

test("what a server's kernel says of a client's segment quotes the numbers that the client knows", () => {
  for (const ipv6 of [false, true]) {
    const { world, client } = takenOver({ ipv6, nudge: false });
    const { only, toWrap } = world.backup.server;
    const seqs = { seq: seqAt(only.irs, 1), ack: seqAt(only.iss, 30_000), flags: ACK };
    const quoted = tcpPacket({ sourcePort: client.options.port, destinationPort: SERVICE_PORT, ...seqs });
    toWrap.push(unreachablePacket(client.ends, quoted));
    const said = () => world.heard.flatMap(({ frame }) => (frame.kind === 'icmp' && frame.mtu === 0 ? [frame] : []));
    world.run(() => said().length > 0);
    equal(said()[0]?.quotedAck, seqAt(client.tcp.irs, 30_000));
    equal(said()[0]?.quotedSeq, seqAt(client.tcp.iss, 1));
    deepEqual(said()[0]?.destination, client.options.ip);
  }
});
