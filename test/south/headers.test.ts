/**
 * What may stand around and in a TCP header: options and extension headers of IP are passed over, VLAN tags are somebody else's,
 * ECN is kept working through a promotion, MPTCP and Fast Open are not (RFC 791, RFC 8200, RFC 3168, RFC 8684, RFC 7413).
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelClient } from '../../sim/model-client.ts';
import { echo, files, sink } from '../../sim/model-server.ts';
import {
  type ChecksumKind,
  FRAME_IP,
  type Heard,
  readTun,
  sameStream,
  type TcpPacket,
  tcpPacket,
} from '../../sim/packets.ts';
import { conversation, download } from '../../sim/scenarios.ts';
import { SERVICE_MAC, SERVICE_PORT, World, type WorldOptions } from '../../sim/world.ts';
import { ENTRY } from '../../src/log/entry.ts';
import { Segment } from '../../src/wire/segment.ts';
import { seqAt } from '../../src/wire/seq.ts';
import { ACK, CWR, ECE, FIN, PSH, SYN } from '../../src/wire/tcp.ts';
import { VIRTIO_HEADER } from '../../src/wire/virtio.ts';

const HELLO = Uint8Array.of(1, 2, 3, 4, 5);
const MORE = Uint8Array.of(66, 66, 66);

function established(options: Partial<WorldOptions> = {}): { world: World; client: ModelClient } {
  const world = new World({ seed: 21, app: echo, ...options }).pair();
  const client = world.addClient({ sends: HELLO, expects: Uint8Array.of(...HELLO, ...MORE), closesFirst: false });
  world.runFor(5);
  return { world, client };
}

/** The client's next segment, with three bytes. */
function next(
  { world, client }: { world: World; client: ModelClient },
  kind: ChecksumKind,
  flags = ACK | PSH,
): Uint8Array {
  const { tcp, options } = client;
  const packet = tcpPacket({
    sourcePort: options.port,
    destinationPort: SERVICE_PORT,
    seq: seqAt(tcp.iss, tcp.sndNxt),
    ack: seqAt(tcp.irs, tcp.rcvNxt),
    flags,
    window: 500,
    hasTimestamps: true,
    tsVal: (Math.floor(world.nowMs) + tcp.options.tsOffset) >>> 0,
    data: MORE,
  });
  return client.frame(packet, SERVICE_MAC, kind);
}

/** Puts `bytes` behind the plain IP header of `frame`: options of IPv4, or extension headers that say TCP at last. */
function insert(frame: Uint8Array, bytes: Uint8Array, first = 0): Uint8Array {
  const isV4 = (frame[FRAME_IP] ?? 0) >> 4 === 4;
  const at = FRAME_IP + (isV4 ? 20 : 40);
  const longer = Uint8Array.of(...frame.subarray(0, at), ...bytes, ...frame.subarray(at));
  const view = new DataView(longer.buffer);
  if (isV4) {
    longer[FRAME_IP] = 0x45 + bytes.length / 4;
    view.setUint16(FRAME_IP + 2, view.getUint16(FRAME_IP + 2) + bytes.length);
  } else {
    longer[FRAME_IP + 6] = first;
    view.setUint16(FRAME_IP + 4, view.getUint16(FRAME_IP + 4) + bytes.length);
  }
  // csum_start, where the checksum is partial.
  if ((longer[0] ?? 0) === 1) view.setUint16(6, view.getUint16(6, true) + bytes.length, true);
  return longer;
}

/** Everything that the server's kernel is given. */
function watch(world: World, host: 0 | 1): { heard: Heard; bytes: Uint8Array }[] {
  const { server } = world.hosts[host];
  const given: { heard: Heard; bytes: Uint8Array }[] = [];
  const take = server.fromWrap.bind(server);
  server.fromWrap = (bytes, offset, length, nowMs) => {
    given.push({ heard: readTun(bytes, offset, length), bytes: bytes.slice(offset, offset + length) });
    take(bytes, offset, length, nowMs);
  };
  return given;
}

const EXTENSIONS: readonly (readonly [name: string, first: number, bytes: readonly number[]])[] = [
  ['hop-by-hop options', 0, [6, 0, 5, 2, 0, 0, 1, 0]],
  ['destination options', 60, [6, 0, 1, 4, 0, 0, 0, 0]],
  ['a routing header that is used up', 43, [6, 0, 4, 0, 0, 0, 0, 0]],
  ['an atomic fragment header (RFC 6946)', 44, [6, 0, 0, 0, 0, 0, 0, 9]],
  ['several of them', 0, [60, 0, 5, 2, 0, 0, 1, 0, 44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 9]],
];

for (const kind of ['full', 'verified', 'partial'] as const) {
  test(`RFC 791 §3.1: TCP behind options of IPv4 is taken, checksum ${kind}`, () => {
    const attack = established();
    const given = watch(attack.world, 0);
    attack.world.sendToService(insert(next(attack, kind), Uint8Array.of(0x94, 4, 0, 0, 1, 1, 1, 0)));
    attack.world.runFor(5);
    for (const { server } of attack.world.hosts)
      sameStream(Uint8Array.from(server.only.received), Uint8Array.of(...HELLO, ...MORE), 'taken');
    equal(given.length > 0, true);
  });

  for (const [name, first, bytes] of EXTENSIONS) {
    test(`RFC 8200 §4: TCP behind ${name} is taken, checksum ${kind}`, () => {
      const attack = established({ ipv6: true });
      attack.world.sendToService(insert(next(attack, kind), Uint8Array.from(bytes), first));
      attack.world.runFor(5);
      for (const { server } of attack.world.hosts)
        sameStream(Uint8Array.from(server.only.received), Uint8Array.of(...HELLO, ...MORE), name);
    });
  }
}

test("RFC 8200 §4.4: a packet that is to be sent on by us is nobody's", () => {
  const attack = established({ ipv6: true });
  attack.world.sendToService(insert(next(attack, 'full'), Uint8Array.of(6, 0, 4, 1, 0, 0, 0, 0), 43));
  attack.world.runFor(5);
  equal(attack.world.primary.south.counters.lanMalformed, 1);
  equal(attack.world.primary.server.only.received.length, HELLO.length);
});

test("a frame with a VLAN tag is another LAN's, and passed over", () => {
  const attack = established();
  const before = attack.world.commit.countOf(ENTRY.BYTES);
  const plain = next(attack, 'full');
  const type = VIRTIO_HEADER + 12;
  const tagged = Uint8Array.of(...plain.subarray(0, type), 0x81, 0, 0, 10, ...plain.subarray(type));
  attack.world.primary.fromLan.push(tagged);
  attack.world.runFor(5);
  equal(attack.world.commit.countOf(ENTRY.BYTES), before);
  equal(attack.world.primary.server.only.received.length, HELLO.length);
});

/** ECT(0) is 2, CE is 3. RFC 3168 §5 */
function mark(frame: Uint8Array, ecn: number): Uint8Array {
  const isV4 = (frame[FRAME_IP] ?? 0) >> 4 === 4;
  frame[FRAME_IP + 1] = isV4 ? ecn : ecn << 4;
  return frame;
}

for (const ipv6 of [false, true]) {
  const family = ipv6 ? 'IPv6' : 'IPv4';

  test(`RFC 3168 §6.1.1, ${family}: ECN is granted as the server grants it, and by its successor too`, () => {
    for (const ecn of [true, false]) {
      const world = new World({ seed: 22, app: echo, ipv6, tcp: { ecn } }).pair();
      const client = conversation(world, 5_000, 1_000);
      world.run(() => client.tcp.received.length >= 2_000);
      equal(client.tcp.ecn, ecn);
      for (const { server } of world.hosts) equal(server.only.ecn, ecn);
      world.crash(world.primary);
      world.finish();
    }
    const one = new World({ seed: 22, app: echo, ipv6, tcp: { ecn: true }, servers: [{ ecn: false }, {}] }).pair();
    conversation(one, 5_000, 1_000);
    one.finish();
    equal(one.backup.server.only.ecn, false, 'no more than the primary has granted');
  });

  test(`RFC 3168 §6.1.2, ${family}: the server hears of congestion, and that the client has slowed down`, () => {
    const attack = established({ ipv6, tcp: { ecn: true } });
    for (const host of [0, 1] as const) {
      const given = watch(attack.world, host);
      attack.world.sendToService(mark(next(attack, 'full', ACK | PSH | CWR), 3));
      attack.world.runFor(5);
      const found = given.flatMap(({ heard }) => (heard.kind === 'tcp' && heard.ecn === 3 ? [heard.tcp.flags] : []));
      deepEqual(found, [ACK | PSH | CWR], `host ${host}`);
      if (host === 0) attack.world.crash(attack.world.primary);
      attack.world.run(() => attack.world.backup.replica.role === 'primary').runFor(50);
    }
  });

  test(`RFC 3168 §6.1.3, ${family}: the client hears of it from the server, before and after a promotion`, () => {
    const attack = established({ ipv6, tcp: { ecn: true } });
    const { world } = attack;
    for (const host of world.hosts) {
      const { only, toWrap } = host.server;
      only.receive(tcpPacket({ ...probeOf(attack.client), flags: ACK }), world.nowMs);
      host.server.turn(world.nowMs);
      const packet = toWrap.at(-1);
      ok(packet);
      const segment = new Segment();
      equal(segment.parse(packet, VIRTIO_HEADER, packet.length - VIRTIO_HEADER), '');
      segment.setFlags(segment.flags | ECE);
      packet[VIRTIO_HEADER + 1] = ipv6 ? 2 << 4 : 2;
      const before = world.heard.length;
      world.runFor(30);
      const said = world.heard.slice(before).flatMap(({ frame }) => (frame.kind === 'tcp' ? [frame] : []));
      ok(
        said.some(({ tcp, ecn }) => (tcp.flags & ECE) !== 0 && ecn === 2),
        `host ${host.index}`,
      );
      if (host.index === 0) world.crash(host);
      world.run(() => world.backup.replica.role === 'primary').runFor(50);
    }
  });

  test(`RFC 3168 §6.1.3, ${family}: and from the log, while the server catches up, until it has slowed down`, () => {
    const world = new World({
      seed: 23,
      app: sink,
      ipv6,
      tcp: { ecn: true },
      servers: [{}, { bufferBytes: 4_000 }],
    }).pair();
    world.backup.server.reads = false;
    const client = world.addClient({ sends: new Uint8Array(9_000), expects: new Uint8Array(0), closesFirst: false });
    world.run(() => client.tcp.sndUna > 8_000);
    world.crash(world.primary);
    world.run(() => world.backup.replica.role === 'primary').runFor(50);
    equal([...world.backup.south.connections][0]?.direct, false);
    const answer = (flags: number, ecn: number) => {
      const before = world.heard.length;
      world.sendToService(mark(next({ world, client }, 'full', flags), ecn));
      world.runFor(5);
      const [said] = world.heard
        .slice(before)
        .flatMap(({ frame }) => (frame.kind === 'tcp' ? [frame.tcp.flags & ECE] : []));
      return said;
    };
    deepEqual(
      [
        answer(ACK | PSH, 2),
        answer(ACK | PSH, 3),
        answer(ACK | PSH, 2),
        answer(ACK | PSH | CWR, 2),
        answer(ACK | PSH, 2),
      ],
      [0, ECE, ECE, 0, 0],
    );
  });
}

/** A segment of the past, as a keep-alive is: a TCP answers it by an ACK. */
function probeOf({ tcp, options }: ModelClient): Partial<TcpPacket> {
  return {
    sourcePort: options.port,
    destinationPort: SERVICE_PORT,
    seq: seqAt(tcp.iss, 0),
    ack: seqAt(tcp.irs, tcp.rcvNxt),
    hasTimestamps: true,
    tsVal: tcp.options.tsOffset,
  };
}

test('RFC 8684 §3.7, RFC 7413 §4.2: MPTCP, Fast Open and experiments are taken out of a SYN, the rest stays', () => {
  const world = new World({ seed: 24, app: files }).pair();
  const given = watch(world, 0);
  const client = download(world, 10);
  world.finish();
  const syn = client.frame(
    tcpPacket({ ...probeOf(client), seq: seqAt(client.tcp.iss, 0), flags: SYN, mss: 1460 }),
    SERVICE_MAC,
  );
  // Behind the options that are there: MPTCP (12 bytes), Fast Open (2), an experiment (4), end.
  const more = Uint8Array.of(30, 12, 0, 1, 8, 7, 6, 5, 4, 3, 2, 1, 34, 2, 254, 4, 0xf9, 0x89, 1, 0);
  const frame = Uint8Array.of(...syn, ...more);
  const view = new DataView(frame.buffer);
  view.setUint16(FRAME_IP + 2, view.getUint16(FRAME_IP + 2) + more.length);
  frame[FRAME_IP + 32] = (frame[FRAME_IP + 32] ?? 0) + ((more.length / 4) << 4);
  view.setUint16(FRAME_IP + 20, 50_001);
  frame[0] = 2;
  given.length = 0;
  world.sendToService(frame);
  world.runFor(5);
  const segment = new Segment();
  const bytes = given[0]?.bytes;
  ok(bytes);
  equal(segment.parse(bytes, VIRTIO_HEADER, bytes.length - VIRTIO_HEADER), '');
  deepEqual(
    { mss: segment.mss, timestamps: segment.hasTimestamps, mptcp: segment.hasMptcp, fastOpen: segment.hasFastOpen },
    { mss: 1460, timestamps: true, mptcp: false, fastOpen: false },
  );
  const kinds = bytes.subarray(bytes.length - more.length);
  deepEqual([...kinds], [...new Array(18).fill(1), 1, 0]);
});

test('RFC 9293 §3.4: data and FIN of a SYN do not reach the server, which is not to have what is not logged', () => {
  const world = new World({ seed: 25, app: files }).pair();
  const given = watch(world, 0);
  const client = download(world, 10);
  world.finish();
  given.length = 0;
  const syn = { ...probeOf(client), seq: seqAt(client.tcp.iss, 0), sourcePort: 50_001, flags: SYN | FIN, mss: 1460 };
  world.sendToService(client.frame(tcpPacket({ ...syn, data: new Uint8Array(100).fill(7) }), SERVICE_MAC));
  world.runFor(5);
  const segment = new Segment();
  const bytes = given[0]?.bytes;
  ok(bytes);
  equal(segment.parse(bytes, VIRTIO_HEADER, bytes.length - VIRTIO_HEADER), '');
  deepEqual([segment.flags, segment.dataLength, segment.mss], [SYN, 0, 1460]);
});
