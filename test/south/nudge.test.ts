/** The nudge (DESIGN §5): what a new primary says to wake a client from its retransmission timer, on both families. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { echo, sink } from '../../sim/model-server.ts';
import { conversation, upload } from '../../sim/scenarios.ts';
import { World, type WorldOptions } from '../../sim/world.ts';
import { ICMP_UNREACHABLE, ICMPV6_PACKET_TOO_BIG, ICMPV6_UNREACHABLE } from '../../src/wire/icmp.ts';
import { seqAt } from '../../src/wire/seq.ts';

/** A primary that dies in the middle of an upload, of which its last 20 ms reached nobody. @returns the nudges heard. */
function outage(options: Partial<WorldOptions>, lastsMs = 20) {
  const world = new World({ seed: 3, app: sink, ...options }).pair();
  const client = upload(world, 90_000);
  world.run(() => client.tcp.sndUna > 20_000);
  world.lanDrops = (frame) => frame.kind === 'tcp' && frame.tcp.sourcePort === client.options.port;
  world.runFor(lastsMs);
  world.crash(world.primary);
  world.lanDrops = () => false;
  world.run(() => world.backup.replica.role === 'primary');
  const position = [...world.backup.south.connections][0]?.inWireNxt ?? 0;
  const said = world.heard.flatMap(({ host, frame }) => (host === 1 && frame.kind === 'icmp' ? [frame] : []));
  const nudges = said.filter(({ mtu }) => mtu > 0);
  const unreachable = said.filter(({ mtu }) => mtu === 0);
  return { world, client, nudges, unreachable, expected: seqAt(client.tcp.iss, position) };
}

/** How long the client waits before it gets on by more than `bytes`. */
function waitAfter({ world, client }: ReturnType<typeof outage>, bytes: number): number {
  const promotedAtMs = world.nowMs;
  const before = client.tcp.sndUna;
  world.run(() => client.tcp.sndUna > before + bytes);
  const waitedMs = world.nowMs - promotedAtMs;
  world.finish();
  return waitedMs;
}

test('RFC 1191 §4: a client of IPv4 is told of an MTU a little below its own, in the words of a router', () => {
  const { world, client, nudges, expected } = outage({});
  deepEqual(
    nudges.map(({ icmpType, mtu, quotedSeq, destination }) => ({ icmpType, mtu, quotedSeq, destination })),
    [{ icmpType: ICMP_UNREACHABLE, mtu: 1492, quotedSeq: expected, destination: client.options.ip }],
  );
  world.finish();
});

test('RFC 4443 §3.2: a client of IPv6 is told that its packet is too big', () => {
  const { world, client, nudges, expected } = outage({ ipv6: true, tcp: { mss: 1440 } });
  deepEqual(
    nudges.map(({ icmpType, mtu, quotedSeq, destination }) => ({ icmpType, mtu, quotedSeq, destination })),
    [{ icmpType: ICMPV6_PACKET_TOO_BIG, mtu: 1492, quotedSeq: expected, destination: client.options.ip }],
  );
  world.finish();
});

test('RFC 8201 §4: no MTU below 1280 is ever named', () => {
  for (const ipv6 of [false, true]) {
    const headers = ipv6 ? 60 : 40;
    equal(outage({ ipv6, tcp: { mss: 1288 - headers } }).nudges[0]?.mtu, 1280);
    const { nudges, world } = outage({ ipv6, tcp: { mss: 1287 - headers } });
    deepEqual(nudges, []);
    world.finish();
  }
});

test('a client of either family sends again at once where it is nudged, and after its timer where it is not', () => {
  for (const ipv6 of [false, true]) {
    const waits = [true, false].map((nudge) => waitAfter(outage({ ipv6, nudge }), 1000));
    const [nudgedMs = 0, leftMs = 0] = waits;
    ok(nudgedMs < 20 && leftMs > 100, `${nudgedMs} and ${leftMs} ms`);
  }
});

test('RFC 6069 §4: a client whose segments are too small for that is told that its host was unreachable, and undoes its back-off', () => {
  for (const ipv6 of [false, true]) {
    const waits = [true, false].map((nudge) => {
      const after = outage({ ipv6, nudge, tcp: { mss: 536 } }, 1_100);
      const { client, nudges, unreachable, expected } = after;
      const told = unreachable.map(({ icmpType, quotedSeq, destination }) => ({ icmpType, quotedSeq, destination }));
      const icmpType = ipv6 ? ICMPV6_UNREACHABLE : ICMP_UNREACHABLE;
      const one = { icmpType, quotedSeq: expected, destination: client.options.ip };
      deepEqual([nudges, told], [[], nudge ? [one, one, one] : []]);
      return waitAfter(after, 500);
    });
    const [nudgedMs = 0, leftMs = 0] = waits;
    ok(nudgedMs < 20 && leftMs > 100, `${nudgedMs} and ${leftMs} ms`);
  }
});

test('a client that has not sent anything, and may not have asked yet whether it is connected, is not told of unreachable hosts', () => {
  const world = new World({ seed: 5, app: echo }).pair();
  const sends = Uint8Array.of(1, 2, 3);
  const client = world.addClient({ sends, expects: sends, closesFirst: false });
  world.lanDrops = (frame) => frame.kind === 'tcp' && frame.tcp.data.length > 0;
  world.run(() => [...world.backup.south.connections][0]?.handshakeDone === true);
  world.crash(world.primary);
  world.run(() => world.backup.replica.role === 'primary').runFor(5);
  const mtus = world.heard.flatMap(({ frame }) => (frame.kind === 'icmp' ? [frame.mtu] : []));
  deepEqual(mtus, [1492]);
  world.lanDrops = () => false;
  world.run(() => client.tcp.received.length === sends.length);
});

test('with the nudge off nothing but TCP is said to a client', () => {
  const world = new World({ seed: 4, app: echo, nudge: false }).pair();
  const client = conversation(world, 5_000, 1_000);
  world.run(() => client.tcp.received.length >= 2_000);
  world.crash(world.primary);
  world.finish();
  equal(world.backup.south.counters.nudges, 0);
  ok(!world.heard.some(({ frame }) => frame.kind === 'icmp'));
});
