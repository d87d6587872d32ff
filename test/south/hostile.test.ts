/**
 * What a careless or hostile sender puts on the LAN is neither logged nor delivered, or both servers are given the same of it: the
 * log is the authority (DESIGN §3). The client here is one that a third party speaks for, knowing its ports.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ModelClient } from '../../sim/model-client.ts';
import { echo, sink } from '../../sim/model-server.ts';
import { type ChecksumKind, sameStream, type TcpPacket, tcpPacket } from '../../sim/packets.ts';
import { SERVICE_MAC, SERVICE_PORT, World, type WorldOptions } from '../../sim/world.ts';
import { ENTRY } from '../../src/log/entry.ts';
import { type Seq, seqAdd, seqAt } from '../../src/wire/seq.ts';
import { ACK, FIN, PSH, RST, SYN, URG } from '../../src/wire/tcp.ts';

const HELLO = Uint8Array.of(1, 2, 3, 4, 5);

/** A world with an established connection that has been asked and answered once. */
class Attack {
  readonly world: World;
  readonly client: ModelClient;

  constructor(options: Partial<WorldOptions> = {}) {
    this.world = new World({ seed: 11, app: echo, ...options }).pair();
    this.client = this.world.addClient({ sends: HELLO, expects: HELLO, closesFirst: false });
    this.settle();
  }

  /** Position of the client's next byte. */
  get next(): number {
    return this.client.tcp.sndNxt;
  }

  /** Sends a segment in the client's name; positions count from its SYN. */
  send(position: number, changes: Partial<TcpPacket>, kind: ChecksumKind = 'full'): void {
    const { tcp, options } = this.client;
    const timed = { hasTimestamps: true, tsVal: (Math.floor(this.world.nowMs) + tcp.options.tsOffset) >>> 0 };
    const packet = tcpPacket({
      sourcePort: options.port,
      destinationPort: SERVICE_PORT,
      seq: seqAt(tcp.iss, position),
      ack: seqAt(tcp.irs, tcp.rcvNxt),
      flags: ACK | PSH,
      window: 500,
      ...timed,
      ...changes,
    });
    this.world.sendToService(this.client.frame(packet, SERVICE_MAC, kind));
  }

  settle(): this {
    this.world.runFor(5);
    return this;
  }

  get logged(): number[] {
    const { commit } = this.world;
    return [ENTRY.BYTES, ENTRY.FIN, ENTRY.RESET].map((type) => commit.countOf(type));
  }

  /** What the two servers' programs were given. */
  get given(): readonly [Uint8Array, Uint8Array] {
    const of = (index: 0 | 1) => Uint8Array.from(this.world.hosts[index].server.only.received);
    return [of(0), of(1)];
  }

  /** Neither log nor servers have noticed anything since. */
  unmoved(attempt: () => void): void {
    const before = [this.logged, this.given.map(({ length }) => length)];
    attempt();
    this.settle();
    deepEqual([this.logged, this.given.map(({ length }) => length)], before);
    for (const { server } of this.world.hosts) equal(server.only.state, 'established');
  }
}

const EVIL = Uint8Array.of(66, 66, 66);

test('RFC 9293 §3.1: a segment with a wrong checksum is not taken', () => {
  const attack = new Attack();
  attack.unmoved(() => attack.send(attack.next, { data: EVIL }, 'wrong'));
  equal(attack.world.primary.south.counters.lanBadChecksum, 1);
});

test('a checksum that the virtio header vouches for need not be right', () => {
  const attack = new Attack();
  attack.send(attack.next, { data: EVIL }, 'partial');
  attack.settle();
  for (const given of attack.given) sameStream(given, Uint8Array.of(...HELLO, ...EVIL), 'the server was given it');
});

test('RFC 5961 §3.2: a RST counts at exactly the next byte, elsewhere in the window it is challenged', () => {
  const attack = new Attack();
  const said = () => attack.world.heard.filter(({ frame }) => frame.kind === 'tcp').length;
  for (const [away, answers] of [
    [1, 1],
    [40_000, 1],
    [-1, 0],
    [70_000, 0],
    [-70_000, 0],
  ] as const) {
    const before = said();
    attack.unmoved(() => attack.send(attack.next + away, { flags: RST }));
    equal(said() - before, answers, `a RST ${away} away`);
  }
  attack.send(attack.next, { flags: RST });
  attack.settle();
  equal(attack.world.commit.countOf(ENTRY.RESET), 1);
  for (const { server } of attack.world.hosts) equal(server.only.state, 'reset');
});

test('RFC 5961 §5.2: data whose ACK is of what was never sent, or of long ago, is not taken but answered', () => {
  const attack = new Attack();
  const { tcp } = attack.client;
  for (const ack of [seqAt(tcp.irs, tcp.rcvNxt + 1), seqAt(tcp.irs, 1 - 70_000), seqAt(tcp.irs, 2 ** 31 - 5)]) {
    const before = attack.world.heard.length;
    attack.unmoved(() => attack.send(attack.next, { data: EVIL, ack }));
    ok(attack.world.heard.length > before, 'it is told where the connection stands');
  }
});

test('RFC 9293 §3.10.7.4: what lies beyond the window is not taken, what reaches beyond it is cut', () => {
  const attack = new Attack({ tcp: { bufferBytes: 8_000, windowScale: 0 } });
  const edge = attack.client.tcp.sndEdge;
  attack.unmoved(() => attack.send(edge, { data: EVIL }));
  attack.unmoved(() => attack.send(edge + 50_000, { data: EVIL }));
  attack.send(edge - 2, { data: EVIL, flags: ACK | FIN });
  attack.settle();
  equal(attack.world.commit.countOf(ENTRY.BYTES), 2, 'two bytes of three, beyond a hole');
  equal(attack.world.commit.countOf(ENTRY.FIN), 0);
});

test('RFC 7323 §5.3: a segment from the past is not taken', () => {
  const attack = new Attack();
  attack.unmoved(() => attack.send(attack.next, { data: EVIL, tsVal: attack.client.tcp.options.tsOffset - 5 }));
  equal(attack.world.primary.south.counters.lanPaws, 1);
});

test('RFC 7323 §5.5: after 24 idle days an earlier timestamp is no sign of the past', () => {
  const attack = new Attack();
  for (const connection of attack.world.primary.south.connections) connection.tsRecentAtMs -= 25 * 24 * 3_600_000;
  const [before = 0] = attack.logged;
  attack.send(attack.next, { data: EVIL, tsVal: (attack.client.tcp.options.tsOffset - 1000) >>> 0 });
  attack.settle();
  equal(attack.logged[0], before + 1);
});

test('a segment without ACK, a SYN in the middle and a SYN-ACK are not taken', () => {
  const attack = new Attack();
  attack.unmoved(() => attack.send(attack.next, { data: EVIL, flags: PSH }));
  attack.unmoved(() => attack.send(attack.next, { flags: SYN, mss: 1460 }));
  attack.unmoved(() => attack.send(attack.next, { data: EVIL, flags: SYN | ACK | PSH }));
});

test('before the handshake is done, data that acknowledges no SYN-ACK is not taken', () => {
  const world = new World({ seed: 12 }).pair();
  const client = world.addClient({ sends: HELLO, expects: HELLO });
  world.lanDrops = (frame) => frame.kind === 'tcp' && frame.tcp.destinationPort === client.options.port;
  world.run(() => world.primary.server.connections.length === 1).runFor(2);
  const { iss } = world.primary.server.only;
  const data = {
    sourcePort: client.options.port,
    destinationPort: SERVICE_PORT,
    seq: seqAdd(client.tcp.iss, 1),
    data: EVIL,
  };
  for (const ack of [iss, seqAdd(iss, -1000), seqAdd(iss, 2)]) {
    const packet = tcpPacket({
      ...data,
      ack,
      flags: ACK,
      window: 500,
      hasTimestamps: true,
      tsVal: client.tcp.options.tsOffset + 5000,
    });
    world.sendToService(client.frame(packet, SERVICE_MAC));
    world.runFor(2);
  }
  equal(world.commit.countOf(ENTRY.BYTES), 0);
  equal(world.commit.countOf(ENTRY.ESTABLISHED), 0);
  world.lanDrops = () => false;
  world.finish();
});

test('bytes that overlap logged ones do not replace them, whoever is the first', () => {
  const attack = new Attack();
  attack.send(attack.next + 3, { data: Uint8Array.of(7, 8, 9) });
  attack.send(attack.next, { data: Uint8Array.of(1, 1, 1, 2, 2, 2, 3, 3) });
  attack.settle();
  for (const given of attack.given) {
    sameStream(given.slice(HELLO.length), Uint8Array.of(1, 1, 1, 7, 8, 9, 3, 3), 'the first bytes stand');
  }
});

test('so do bytes beyond a hole of which the server has missed the first copy', () => {
  // Found by `npm run sim -- --seed 1142497949`.
  const attack = new Attack();
  attack.world.tunLoss = 1;
  attack.send(attack.next + 3, { data: Uint8Array.of(7, 8, 9) });
  attack.settle();
  attack.world.tunLoss = 0;
  attack.send(attack.next + 3, { data: EVIL });
  attack.send(attack.next, { data: Uint8Array.of(1, 1, 1) });
  attack.settle();
  for (const given of attack.given) {
    sameStream(given.slice(HELLO.length), Uint8Array.of(1, 1, 1, 7, 8, 9), 'the first bytes stand');
  }
});

test('a FIN before bytes that are logged already is not taken: the servers would end at different bytes', () => {
  const attack = new Attack();
  attack.send(attack.next + 10, { data: EVIL });
  attack.settle();
  attack.send(attack.next, { data: new Uint8Array(10), flags: ACK | FIN });
  attack.settle();
  const [primary, backup] = attack.given;
  sameStream(primary, backup, 'both servers were given the same');
  equal(attack.world.primary.server.only.peerFinished, attack.world.backup.server.only.peerFinished);
});

test('a FIN that contradicts the logged one is not taken, nor the bytes before it', () => {
  const attack = new Attack();
  attack.send(attack.next + 1, { data: Uint8Array.of(1), flags: ACK | FIN });
  attack.settle();
  attack.unmoved(() => attack.send(attack.next, { data: Uint8Array.of(1), flags: ACK | FIN }));
});

/** Segments of one stream with contradicting contents: position, length, which version of the bytes, FIN. */
const contradictions = fc.array(
  fc.record({
    position: fc.integer({ min: 0, max: 60 }),
    length: fc.integer({ min: 0, max: 25 }),
    version: fc.integer({ min: 0, max: 2 }),
    fin: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  }),
  { maxLength: 25 },
);

test('whatever contradicting segments a client sends, both servers are given the same, and the new primary goes on with it', () => {
  fc.assert(
    fc.property(contradictions, fc.boolean(), (segments, crash) => {
      const attack = new Attack({ app: sink });
      const { next } = attack;
      attack.world.lanDrops = (frame) => frame.kind === 'tcp' && frame.tcp.sourcePort !== SERVICE_PORT;
      for (const { position, length, version, fin } of segments) {
        const data = new Uint8Array(length).map((_, i) => (position + i + 100 * version) & 0xff);
        attack.send(next + position, { data, flags: ACK | (fin ? FIN : 0) });
        attack.world.runFor(0.5);
      }
      attack.settle();
      attack.world.runFor(200);
      const [primary, backup] = attack.given;
      sameStream(primary, backup, 'both servers were given the same');
      const [before, after] = attack.world.hosts.map(({ server }) => server.only);
      equal(before?.peerFinished, after?.peerFinished);
      if (crash) attack.world.crash(attack.world.primary);
      attack.world.runFor(300);
    }),
    { numRuns: 150 },
  );
});

/** SYNs of nobody, from many ports. */
function flood(world: World, count: number, destinationPort = SERVICE_PORT): void {
  const client = world.clients[0];
  ok(client);
  for (let i = 0; i < count; i++) {
    const syn = tcpPacket({
      sourcePort: 1_000 + i,
      destinationPort,
      seq: (i * 7919) as Seq,
      flags: SYN,
      window: 1000,
      mss: 1460,
    });
    world.sendToService(client.frame(syn, SERVICE_MAC));
  }
  world.runFor(50);
}

test('SYNs that are not answered take no more than the half-open places, and none of the log', () => {
  const attack = new Attack();
  attack.world.primary.server.fromWrap = () => {};
  flood(attack.world, 500);
  equal(attack.world.primary.south.counters.synDropped, 500 - 16);
  equal(attack.world.commit.countOf(ENTRY.OPEN), 1);
});

test('a SYN that comes again finds its half-open place, although all are taken', () => {
  const attack = new Attack();
  const { primary } = attack.world;
  const { fromWrap } = primary.server;
  primary.server.fromWrap = () => {};
  flood(attack.world, 16);
  primary.server.fromWrap = fromWrap;
  flood(attack.world, 16);
  equal(primary.south.counters.synDropped, 0);
  equal(primary.server.connections.length, 1 + 16);
});

test('a client that uses its port again takes the place of its earlier connection, although all are taken', () => {
  const world = new World({ seed: 12, app: echo, limits: { connections: 1 } }).pair();
  for (let i = 0; i < 3; i++) {
    world.addClient({ sends: HELLO, expects: HELLO }, { port: 5_000 });
    world.finish().runFor(10);
  }
  equal(world.primary.south.counters.synDropped, 0);
});

test('SYNs to a port where nobody listens leave their half-open places at once', () => {
  const attack = new Attack();
  attack.world.primary.server.listening = false;
  flood(attack.world, 200);
  attack.world.primary.server.listening = true;
  attack.world.addClient({ sends: HELLO, expects: HELLO });
  attack.world.runFor(100);
  ok(attack.world.clients[1]?.isContent, 'a client is served');
});

test('connections whose handshake is never finished are forgotten in time', () => {
  const attack = new Attack();
  flood(attack.world, 40);
  const { primary, backup } = attack.world;
  ok(primary.south.connectionCount > 10);
  attack.world.runFor(90_000);
  equal(primary.south.connectionCount, 1);
  equal(backup.south.connectionCount, 1);
});

test('RFC 9293 §3.10.7.4: a segment of an earlier connection with the same ports is believed in nothing', () => {
  const attack = new Attack();
  const { next, world } = attack;
  const later = (Math.floor(world.nowMs) + attack.client.tcp.options.tsOffset + 1e9) >>> 0;
  for (const data of [[], [7, 7, 7]]) {
    attack.unmoved(() => attack.send(next - 9_000, { tsVal: later, window: 0, data: Uint8Array.from(data) }));
  }
  const [connection] = world.primary.south.connections;
  ok(connection !== undefined && connection.tsRecent !== later && connection.outWireEdge > connection.outUna);
  attack.send(next, { data: Uint8Array.of(6) });
  attack.settle();
  for (const given of attack.given) sameStream(given, Uint8Array.of(...HELLO, 6), 'the server hears the client');
});

test('an end of urgent data that comes late, or points at nothing, is told to neither server', () => {
  const attack = new Attack();
  const { next } = attack;
  for (const [at, urgentPointer] of [300, 100, 0].entries()) {
    attack.send(next + at, { flags: ACK | PSH | URG, urgentPointer, data: Uint8Array.of(1) });
    attack.settle();
  }
  for (const { server } of attack.world.hosts) deepEqual(server.only.urgentHeard, [next + 300]);
});

test('a client that tells of more urgent data than is kept is not acknowledged, and no server is told', () => {
  const attack = new Attack({ servers: [{}, { bufferBytes: 8, windowScale: 0 }] });
  attack.world.backup.server.reads = false;
  const { next } = attack;
  for (let at = 0; at < 100; at++) {
    attack.send(next + at, { flags: ACK | PSH | URG, urgentPointer: 1, data: Uint8Array.of(at) });
    attack.settle();
  }
  equal(attack.world.primary.server.only.urgentHeard.length, 64);
  equal(attack.world.primary.server.only.received.length, HELLO.length + 64);
});
