/** RFC 791 §3.2, RFC 8200 §4.5, RFC 5722: fragments become the packet that was cut, or nothing, within bounds. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { echo } from '../../sim/model-server.ts';
import { FRAME_IP, ip, lanFrame, mac, tcpPacket } from '../../sim/packets.ts';
import { Random } from '../../sim/random.ts';
import { conversation } from '../../sim/scenarios.ts';
import { CALM, ROUGH, SERVICE_MAC, World } from '../../sim/world.ts';
import { Reassembly } from '../../src/south/reassembly.ts';
import { LAN_FRAME_MAX } from '../../src/south/release-queue.ts';
import { Segment } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';
import { ACK, PSH } from '../../src/wire/tcp.ts';
import { fragment, fragments, type Piece, piecesOf } from './fragments.ts';

const MACS = { source: mac('02:00:00:00:00:01'), destination: SERVICE_MAC };
const FAMILIES = [4, 6] as const;

/** A frame with a TCP segment of `length` bytes. */
function frameOf(family: 4 | 6, length: number, source = 1): Uint8Array {
  const ends =
    family === 4
      ? { source: ip(`10.0.0.${source}`), destination: ip('10.0.0.100') }
      : { source: ip(`2001:db8::${source}`), destination: ip('2001:db8::100') };
  const data = Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  return lanFrame(tcpPacket({ sourcePort: 9, destinationPort: 7, seq: seq(5), flags: ACK | PSH, data }), ends, MACS);
}

class Bench {
  readonly reassembly = new Reassembly(new Uint8Array(LAN_FRAME_MAX));
  readonly #packet = new Segment();

  add(frame: Uint8Array, nowMs = 0): number {
    equal(this.#packet.parse(frame, FRAME_IP, frame.length - FRAME_IP), '');
    ok(this.#packet.isFragment);
    return this.reassembly.add(this.#packet, nowMs);
  }

  /** What `add` returned is this frame, but for fields that only a fragment has. */
  isWhole(length: number, frame: Uint8Array): void {
    const whole = this.reassembly.frame.slice(0, length);
    equal(length, frame.length);
    const segment = new Segment();
    equal(segment.parse(whole, FRAME_IP, length - FRAME_IP), '');
    ok(segment.isTcp && segment.headerChecksumOk() && segment.checksumOk());
    const isV4 = segment.family === 4;
    const from = FRAME_IP + (isV4 ? 20 : 0);
    deepEqual(whole.subarray(from), frame.subarray(from));
    deepEqual(whole.subarray(10, FRAME_IP), frame.subarray(10, FRAME_IP));
  }
}

for (const family of FAMILIES) {
  test(`IPv${family}: in whatever order fragments come, and come again, the packet is whole when the last one is there`, () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4_000 }),
        fc.integer({ min: 1, max: 100 }),
        fc.infiniteStream(fc.nat()),
        (length, units, draws) => {
          const bench = new Bench();
          const frame = frameOf(family, length);
          const pieces = fragments(frame, units * 8 + (length > 900 ? 64 : 0), 77);
          if (pieces.length < 2) return;
          const order = pieces.flatMap((piece) => ((draws.next().value ?? 0) % 4 === 0 ? [piece, piece] : [piece]));
          for (let i = order.length - 1; i > 0; i--) {
            const j = (draws.next().value ?? 0) % (i + 1);
            [order[i], order[j]] = [order[j] as Uint8Array, order[i] as Uint8Array];
          }
          const missing = new Set(pieces);
          for (const piece of order) {
            missing.delete(piece);
            const result = bench.add(piece);
            if (missing.size > 0) equal(result, 0);
            else {
              bench.isWhole(result, frame);
              return;
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test(`IPv${family}: the largest packet there is`, () => {
    const bench = new Bench();
    const frame = frameOf(family, 65_535 - 40);
    const results = fragments(frame, 1_480, 1).map((piece) => bench.add(piece));
    bench.isWhole(results.at(-1) ?? 0, frame);
  });

  test(`RFC 5722 §4, IPv${family}: a datagram whose fragments overlap is dropped whole, what follows of it too`, () => {
    const frame = frameOf(family, 3_000);
    const [first, second, third] = piecesOf(3_020, 1_000) as [Piece, Piece, Piece];
    const wrong: Piece[] = [
      { begin: 992, end: 1_496, more: true },
      { begin: 0, end: 1_496, more: true },
      { begin: 2_000 - 8, end: 2_504, more: true },
    ];
    for (const overlapping of wrong) {
      const bench = new Bench();
      equal(bench.add(fragment(frame, first, 1)), 0);
      equal(bench.add(fragment(frame, { ...third, begin: 2_000 }, 1)), 0);
      equal(bench.add(fragment(frame, overlapping, 1)), -1);
      equal(bench.add(fragment(frame, second, 1)), -1);
    }
    const bench = new Bench();
    const other = fragment(frame, first, 1);
    other[other.length - 1] = 0xee;
    equal(bench.add(fragment(frame, first, 1)), 0);
    equal(bench.add(other), -1, 'the same place with other bytes is no copy');
  });

  test(`IPv${family}: two ends, or bytes beyond the end, are a contradiction`, () => {
    const frame = frameOf(family, 3_000);
    const last = { begin: 2_000, end: 3_020, more: false };
    const ended = new Bench();
    equal(ended.add(fragment(frame, last, 1)), 0);
    equal(ended.add(fragment(frame, { begin: 1_000, end: 1_500, more: false }, 1)), -1);
    const bench = new Bench();
    equal(bench.add(fragment(frame, { begin: 2_400, end: 3_000, more: true }, 1)), 0);
    equal(bench.add(fragment(frame, { begin: 1_000, end: 2_000, more: false }, 1)), -1);
  });

  test(`IPv${family}: a fragment in the middle has a multiple of eight bytes, and none reaches beyond 64 KB`, () => {
    const frame = frameOf(family, 3_000);
    const bench = new Bench();
    equal(bench.add(fragment(frame, { begin: 0, end: 1_001, more: true }, 1)), -1);
    const beyond = fragment(frame, { begin: 0, end: 1_000, more: false }, 1);
    const view = new DataView(beyond.buffer, FRAME_IP);
    if (family === 4) {
      view.setUint16(6, 0x1fff);
      view.setUint16(10, 0);
    } else view.setUint16(42, 0xfff8);
    equal(bench.add(beyond), -1);
  });

  test(`IPv${family}: fragments of half a minute ago are forgotten`, () => {
    const frame = frameOf(family, 1_500);
    const [first, second] = fragments(frame, 800, 1) as [Uint8Array, Uint8Array];
    const bench = new Bench();
    equal(bench.add(first, 0), 0);
    bench.isWhole(bench.add(second, 29_999), frame);
    equal(bench.add(first, 30_000), 0);
    equal(bench.add(second, 60_000), 0);
  });

  test(`IPv${family}: datagrams of other senders and other numbers are kept apart; the oldest gives way`, () => {
    const bench = new Bench();
    const frames = Array.from({ length: 17 }, (_, i) => frameOf(family, 1_500, 1 + (i % 8)));
    const part = (i: number, of: 0 | 1) => fragments(frames[i] as Uint8Array, 800, i)[of] as Uint8Array;
    for (const i of frames.keys()) equal(bench.add(part(i, 0), i), 0);
    for (let i = 1; i < frames.length; i++) bench.isWhole(bench.add(part(i, 1), 100), frames[i] as Uint8Array);
    equal(bench.add(part(0, 1), 100), 0);
  });

  test(`IPv${family}: a datagram of very many fragments is dropped`, () => {
    const frame = frameOf(family, 3_000);
    const bench = new Bench();
    const results = fragments(frame, 8, 1).map((piece) => bench.add(piece));
    equal(results.lastIndexOf(0), 127);
    equal(results.at(-1), -1);
  });

  test(`RFC 3168 §5.3, IPv${family}: congestion that a part has met is the whole's; a contradiction is dropped`, () => {
    const frame = frameOf(family, 1_500);
    const marked = (piece: Uint8Array, ecn: number) => {
      const bytes = piece.slice();
      bytes[FRAME_IP + 1] = family === 4 ? ecn : ecn << 4;
      if (family === 4) new DataView(bytes.buffer, FRAME_IP).setUint16(10, 0);
      if (family === 4) new DataView(bytes.buffer, FRAME_IP).setUint16(10, ipChecksum(bytes));
      return bytes;
    };
    const ecnAfter = (...ecns: readonly [number, number]) => {
      const bench = new Bench();
      const pieces = fragments(frame, 800, 1).map((piece, i) => marked(piece, ecns[i] ?? 0));
      equal(bench.add(pieces[0] as Uint8Array), 0);
      if (bench.add(pieces[1] as Uint8Array) < 0) return -1;
      return ((bench.reassembly.frame[FRAME_IP + 1] ?? 0) >> (family === 4 ? 0 : 4)) & 3;
    };
    deepEqual([ecnAfter(2, 2), ecnAfter(2, 3), ecnAfter(3, 1), ecnAfter(0, 0)], [2, 3, 3, 0]);
    deepEqual([ecnAfter(0, 3), ecnAfter(3, 0)], [-1, -1]);
  });
}

function ipChecksum(frame: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += ((frame[FRAME_IP + i] ?? 0) << 8) | (frame[FRAME_IP + i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

test('RFC 8200 §4.5: what led to the fragment header leads to what came behind it, other headers before it stay', () => {
  const whole = frameOf(6, 1_500);
  const options = Uint8Array.of(6, 0, 1, 4, 0, 0, 0, 0);
  const withOptions = (piece: Uint8Array) => {
    const bytes = new Uint8Array(piece.length + 8);
    bytes.set(piece.subarray(0, FRAME_IP + 40));
    bytes.set(options, FRAME_IP + 40);
    bytes[FRAME_IP + 40] = 44;
    bytes[FRAME_IP + 6] = 60;
    bytes.set(piece.subarray(FRAME_IP + 40), FRAME_IP + 48);
    const view = new DataView(bytes.buffer, FRAME_IP);
    view.setUint16(4, view.getUint16(4) + 8);
    return bytes;
  };
  const bench = new Bench();
  const [first, second] = fragments(whole, 800, 1).map(withOptions) as [Uint8Array, Uint8Array];
  equal(bench.add(second), 0);
  const length = bench.add(first);
  equal(length, whole.length + 8);
  const segment = new Segment();
  equal(segment.parse(bench.reassembly.frame, FRAME_IP, length - FRAME_IP), '');
  ok(segment.isTcp && segment.checksumOk());
  equal(segment.transportOffset, FRAME_IP + 48);
});

for (const ipv6 of [false, true]) {
  test(`a connection whose client's segments come in fragments is like any other, IPv${ipv6 ? 6 : 4}`, () => {
    for (const lan of [CALM, { ...ROUGH, loss: 0.02 }]) {
      const world = new World({ seed: 12, app: echo, ipv6, lan }).pair();
      const client = conversation(world, 20_000, 4_000);
      const random = new Random(3);
      const whole = client.frames.bind(client);
      client.frames = (serviceMac) =>
        whole(serviceMac).flatMap((frame) => fragments(frame, 8 * random.between(20, 90), random.between(0, 65_535)));
      world.run(() => client.tcp.received.length > 6_000);
      world.crash(world.primary);
      world.finish();
      ok(world.backup.south.counters.lanReassembled > 5);
      equal(world.backup.south.counters.lanMalformed, 0);
    }
  });
}

test('fragments with which no segment is whole are neither logged nor delivered', () => {
  const world = new World({ seed: 13, app: echo }).pair();
  const client = conversation(world, 10, 0);
  world.finish().runFor(3_000);
  const before = world.heard.length;
  const frame = client.frame(
    tcpPacket({ sourcePort: 9, destinationPort: 7000, flags: ACK, data: new Uint8Array(900) }),
    SERVICE_MAC,
  );
  for (let i = 0; i < 200; i++) world.sendToService(fragments(frame, 480, i)[i % 2] as Uint8Array);
  world.runFor(50);
  equal(world.heard.length, before);
  equal(world.primary.south.counters.lanFragments, 200);
  equal(world.primary.south.counters.lanReassembled, 0);
});
