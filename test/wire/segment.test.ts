import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { updateChecksum32 } from '../../src/wire/checksum.ts';
import { ECN_CE, ECN_NOT_CAPABLE, markCongestion } from '../../src/wire/ip.ts';
import { Segment } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';
import { ACK, FIN, PSH, SYN, URG } from '../../src/wire/tcp.ts';
import { naiveSegment, word16, word32 } from './arbitraries.ts';
import { DATA_V4, DATA_V6, SYN_ACK_V4, SYN_V4, SYN_V6, URGENT_V4 } from './captures.ts';
import {
  encode,
  fromHex,
  joined,
  type NaiveOption,
  type NaiveSegment,
  naiveChecksum,
  naiveSum,
  pseudoHeader,
  toHex,
} from './reference.ts';

function parsed(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Segment {
  const segment = new Segment();
  strictEqual(segment.parse(bytes, offset, length), '');
  ok(segment.isTcp);
  return segment;
}

function naive(options: NaiveOption[], flags = ACK, payload = 'abc'): NaiveSegment {
  return {
    source: Uint8Array.of(192, 0, 2, 1),
    destination: Uint8Array.of(192, 0, 2, 10),
    ipOptions: new Uint8Array(0),
    sourcePort: 40000,
    destinationPort: 80,
    seq: 0xfffffffe,
    ack: 7,
    flags,
    window: 502,
    urgentPointer: 0,
    options,
    payload: Uint8Array.from(payload, (letter) => letter.charCodeAt(0)),
  };
}

test('a captured SYN is read: addresses, ports, options', () => {
  const segment = parsed(SYN_V4);
  strictEqual(segment.family, 4);
  strictEqual(segment.hopLimit, 64);
  strictEqual(toHex(SYN_V4.subarray(segment.sourceOffset, segment.sourceOffset + 4)), '7f000001');
  deepStrictEqual([segment.sourcePort, segment.destinationPort], [0x9438, 0xec87]);
  deepStrictEqual([segment.seq, segment.ack, segment.flags, segment.window], [0x00983e6c, 0, SYN, 0xffd7]);
  deepStrictEqual([segment.mss, segment.windowScale, segment.sackPermitted], [0xffd7, 10, true]);
  deepStrictEqual([segment.hasTimestamps, segment.tsVal, segment.tsEcr], [true, 0x1c587471, 0]);
  deepStrictEqual([segment.dataLength, segment.segLen, segment.sackCount], [0, 1, 0]);
  ok(segment.headerChecksumOk());
});

test('captured segments with data, with urgent data, of IPv6 are read', () => {
  const data = parsed(DATA_V4);
  strictEqual(
    toHex(DATA_V4.subarray(data.dataOffset, data.dataOffset + data.dataLength)),
    toHex(Buffer.from('hello, wire')),
  );
  deepStrictEqual([data.mss, data.windowScale, data.sackPermitted, data.segLen], [0, -1, false, 11]);
  strictEqual(data.tsOffset, 44);
  const urgent = parsed(URGENT_V4);
  deepStrictEqual([urgent.flags, urgent.urgentPointer, urgent.dataLength], [URG | ACK | PSH, 1, 1]);
  const data6 = parsed(DATA_V6);
  deepStrictEqual([data6.family, data6.transportOffset, data6.dataLength, data6.tsEcr], [6, 40, 11, 0xb7299e06]);
  deepStrictEqual([parsed(SYN_V6).mss, parsed(SYN_V6).windowScale], [0xffc4, 10]);
});

test("the partial checksum is what Linux put there: the pseudo-header's sum", () => {
  for (const capture of [SYN_V4, SYN_ACK_V4, DATA_V4, URGENT_V4, SYN_V6, DATA_V6]) {
    const bytes = capture.slice();
    const segment = parsed(bytes);
    ok(!segment.checksumOk());
    segment.setChecksum(0);
    segment.fillPartialChecksum();
    strictEqual(toHex(bytes), toHex(capture));
    segment.fillFullChecksum();
    ok(segment.checksumOk());
  }
});

test('RFC 9293 §3.3.1: SEG.LEN counts SYN and FIN', () => {
  strictEqual(parsed(encode(naive([], SYN | FIN))).segLen, 5);
  strictEqual(parsed(encode(naive([], FIN | ACK, ''))).segLen, 1);
  strictEqual(parsed(encode(naive([], ACK, ''))).segLen, 0);
});

test('what the naive codec wrote is read as it was meant', () => {
  fc.assert(
    fc.property(naiveSegment, fc.nat(20), fc.nat(20), (meant, before, after) => {
      const packet = encode(meant);
      const bytes = joined(new Uint8Array(before).fill(0xee), packet, new Uint8Array(after).fill(0xee));
      const segment = parsed(bytes, before);
      strictEqual(segment.ipLength, packet.length);
      strictEqual(
        toHex(bytes.slice(segment.dataOffset, segment.dataOffset + segment.dataLength)),
        toHex(meant.payload),
      );
      deepStrictEqual(
        [segment.sourcePort, segment.destinationPort, segment.seq, segment.ack, segment.flags, segment.window],
        [meant.sourcePort, meant.destinationPort, meant.seq, meant.ack, meant.flags, meant.window],
      );
      strictEqual(segment.urgentPointer, meant.urgentPointer);
      checkOptions(segment, meant);
      ok(segment.checksumOk());
      ok(segment.headerChecksumOk());
    }),
    { numRuns: 500 },
  );
});

function checkOptions(segment: Segment, meant: NaiveSegment): void {
  const isSyn = (meant.flags & SYN) !== 0;
  let [mss, windowScale, sackPermitted, timestamps, sack] = [0, -1, false, [false, 0, 0], [] as [number, number][]];
  let [mptcp, fastOpen] = [false, false];
  for (const option of meant.options) {
    if (option.kind === 'mss' && isSyn) mss = option.mss;
    if (option.kind === 'windowScale' && isSyn) windowScale = option.shift;
    if (option.kind === 'sackPermitted' && isSyn) sackPermitted = true;
    if (option.kind === 'timestamps') timestamps = [true, option.tsVal, option.tsEcr];
    if (option.kind === 'sack') sack = option.blocks;
    if (option.kind === 'raw' && option.bytes[0] === 30) mptcp = true;
    if (option.kind === 'raw' && option.bytes[0] === 34) fastOpen = true;
  }
  deepStrictEqual([segment.mss, segment.windowScale, segment.sackPermitted], [mss, windowScale, sackPermitted]);
  deepStrictEqual([segment.hasTimestamps, segment.tsVal, segment.tsEcr], timestamps);
  strictEqual(segment.sackCount, sack.length);
  sack.forEach(([left, right], i) => {
    deepStrictEqual([segment.sackLeft(i), segment.sackRight(i)], [left, right]);
  });
  deepStrictEqual([segment.hasMptcp, segment.hasFastOpen], [mptcp, fastOpen]);
}

test('setters write through: the packet is then the one with these values', () => {
  fc.assert(
    fc.property(naiveSegment, word32, word32, word16, word32, (meant, newSeq, newAck, window, stamp) => {
      const bytes = encode(meant);
      const segment = parsed(bytes);
      segment.setSeq(seq(newSeq));
      segment.setAck(seq(newAck));
      segment.setWindow(window);
      segment.setFlags(meant.flags ^ PSH);
      if (segment.hasTimestamps) {
        segment.setTsVal(stamp);
        segment.setTsEcr(newSeq);
      }
      for (let i = 0; i < segment.sackCount; i++) segment.setSackBlock(i, seq(newAck), seq(stamp + i));
      const options = meant.options.map((option): NaiveOption => {
        if (option.kind === 'timestamps') return { kind: 'timestamps', tsVal: stamp, tsEcr: newSeq };
        if (option.kind !== 'sack') return option;
        return { kind: 'sack', blocks: option.blocks.map((_, i) => [newAck, (stamp + i) >>> 0]) };
      });
      const changed = { ...meant, seq: newSeq, ack: newAck, window, flags: meant.flags ^ PSH, options };
      segment.fillFullChecksum();
      strictEqual(toHex(bytes), toHex(encode(changed)));
      deepStrictEqual(
        [segment.seq, segment.ack, segment.window, segment.flags],
        [newSeq, newAck, window, meant.flags ^ PSH],
      );
    }),
    { numRuns: 300 },
  );
});

test('an incremental update after a setter is the full checksum', () => {
  fc.assert(
    fc.property(naiveSegment, word32, (meant, newSeq) => {
      const segment = parsed(encode(meant));
      const updated = updateChecksum32(segment.checksum, segment.seq, newSeq);
      segment.setSeq(seq(newSeq));
      segment.setChecksum(updated);
      ok(segment.checksumOk());
      segment.fillFullChecksum();
      strictEqual(segment.checksum % 0xffff, updated % 0xffff);
    }),
  );
});

test('a partial checksum, completed as a network card does it, is the full one', () => {
  fc.assert(
    fc.property(naiveSegment, (meant) => {
      const bytes = encode(meant);
      const segment = parsed(bytes);
      const full = segment.checksum;
      segment.fillPartialChecksum();
      strictEqual(segment.checksum % 0xffff, naiveSum(pseudoHeader(meant, segment.transportLength)) % 0xffff);
      const completed = naiveChecksum(
        bytes.slice(segment.transportOffset, segment.transportOffset + segment.transportLength),
      );
      strictEqual(completed % 0xffff, full % 0xffff);
    }),
  );
});

test('a wrong bit anywhere in the segment is found by its checksum', () => {
  const bytes = DATA_V6.slice();
  const segment = parsed(bytes);
  segment.fillFullChecksum();
  for (let bit = 0; bit < segment.transportLength * 8; bit++) {
    const at = segment.transportOffset + (bit >>> 3);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    ok(!segment.checksumOk(), `bit ${bit}`);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
  }
});

test('data cut off at the end leaves the packet that had never had it', () => {
  fc.assert(
    fc.property(naiveSegment, fc.nat(1500), (meant, keep) => {
      const length = Math.min(keep, meant.payload.length);
      const bytes = encode(meant);
      const segment = parsed(bytes);
      segment.setDataLength(length);
      segment.fillFullChecksum();
      const expected = encode({ ...meant, payload: meant.payload.slice(0, length) });
      strictEqual(toHex(bytes.slice(0, segment.ipLength)), toHex(expected));
      deepStrictEqual([segment.dataLength, segment.ipLength], [length, expected.length]);
    }),
  );
  throws(() => parsed(DATA_V4.slice()).setDataLength(12), /broken invariant/);
});

test('RFC 8684 §3.7, RFC 7413 §4.2: MPTCP, Fast Open and experiments leave a SYN, the rest stays', () => {
  const raw = (...bytes: number[]): NaiveOption => ({ kind: 'raw', bytes });
  const mss: NaiveOption = { kind: 'mss', mss: 1460 };
  const stamps: NaiveOption = { kind: 'timestamps', tsVal: 1, tsEcr: 0 };
  const with_ = [mss, raw(30, 4, 0x81, 0), raw(34, 2), stamps, raw(254, 4, 1, 2), raw(253, 4, 0xf9, 0x89), raw(69, 2)];
  const nops = (count: number) => new Array<NaiveOption>(count).fill({ kind: 'nop' });
  const bytes = encode(naive(with_, SYN));
  const segment = parsed(bytes);
  ok(segment.hasMptcp && segment.hasFastOpen);
  ok(segment.removeSynOptions());
  ok(!segment.hasMptcp && !segment.hasFastOpen);
  segment.fillFullChecksum();
  const without = [mss, ...nops(6), stamps, ...nops(8), raw(69, 2)];
  strictEqual(toHex(bytes), toHex(encode(naive(without, SYN))));
  ok(!parsed(bytes).removeSynOptions());
});

test('RFC 7323 §2.3: a larger window scale counts as 14', () => {
  strictEqual(parsed(encode(naive([{ kind: 'windowScale', shift: 200 }], SYN))).windowScale, 14);
});

test('of an option that comes twice the last one counts', () => {
  const stamps = (tsVal: number): NaiveOption => ({ kind: 'timestamps', tsVal, tsEcr: 0 });
  strictEqual(parsed(encode(naive([stamps(1), stamps(2)]))).tsVal, 2);
});

test('an option after the end of the list is none', () => {
  const segment = parsed(encode(naive([{ kind: 'raw', bytes: [0, 8, 10, 1, 1, 1, 1, 1, 1, 1, 1, 1] }])));
  ok(!segment.hasTimestamps);
});

test('RFC 9293 §3.1 MUST-7: an option of an impossible length is refused', () => {
  const wrong = [
    [8, 0, 1, 1],
    [8, 1, 1, 1],
    [8, 9, ...new Array<number>(7).fill(1)],
    [8, 60],
    [2, 3, 1],
    [3, 2, 1, 1],
  ];
  const more = [
    [4, 3, 1],
    [5, 2],
    [5, 12, ...new Array<number>(10).fill(0)],
    [1, 1, 1, 77],
    [30, 0, 0, 0],
    [77, 1, 1, 1],
  ];
  const segment = new Segment();
  for (const bytes of [...wrong, ...more]) {
    strictEqual(segment.parse(encode(naive([{ kind: 'raw', bytes }], SYN)), 0, 1000), 'short');
    const packet = encode(naive([{ kind: 'raw', bytes }], SYN));
    strictEqual(segment.parse(packet, 0, packet.length), 'tcp-option', bytes.join());
    ok(!segment.isTcp);
  }
});

test('a fragment is recognised and not read as TCP', () => {
  const bytes = DATA_V4.slice();
  const segment = new Segment();
  bytes[6] = 0x20;
  strictEqual(segment.parse(bytes, 0, bytes.length), '');
  deepStrictEqual(
    [segment.isFragment, segment.moreFragments, segment.fragmentOffset, segment.isTcp],
    [true, true, 0, false],
  );
  bytes[6] = 0;
  bytes[7] = 185;
  strictEqual(segment.parse(bytes, 0, bytes.length), '');
  deepStrictEqual([segment.isFragment, segment.moreFragments, segment.fragmentOffset], [true, false, 1480]);
  strictEqual(segment.fragmentId, 0x72ed);
});

/** The captured IPv6 segment with extension headers in front of TCP. */
function withExtensions(first: number, extensions: string): Uint8Array {
  const inserted = fromHex(extensions);
  const bytes = joined(DATA_V6.slice(0, 40), inserted, DATA_V6.slice(40));
  const payloadLength = bytes.length - 40;
  bytes.set([payloadLength >> 8, payloadLength & 255, first], 4);
  return bytes;
}

test('RFC 8200 §4: extension headers are walked to TCP', () => {
  const hopByHop = '3c00050200000000';
  const destinationOptions = '2b01010c000000000000000000000000';
  const routing = '0600020000000000';
  const segment = parsed(withExtensions(0, hopByHop + destinationOptions + routing));
  deepStrictEqual([segment.protocol, segment.transportOffset, segment.dataLength], [6, 72, 11]);
  segment.fillFullChecksum();
  ok(segment.checksumOk());
});

test('RFC 8200 §4.4: a routing header with segments left is refused', () => {
  const bytes = withExtensions(43, '0600020100000000');
  strictEqual(new Segment().parse(bytes, 0, bytes.length), 'routing-header');
});

test('RFC 8200 §4.5: an IPv6 fragment is recognised; RFC 6946: an atomic one is whole', () => {
  const segment = new Segment();
  const later = withExtensions(44, '060005a900c0ffee');
  strictEqual(segment.parse(later, 0, later.length), '');
  deepStrictEqual([segment.isFragment, segment.moreFragments, segment.fragmentOffset], [true, true, 1448]);
  deepStrictEqual(
    [segment.fragmentId, segment.fragmentHeaderOffset, segment.protocol, segment.isTcp],
    [0xc0ffee, 40, 6, false],
  );
  const atomic = parsed(withExtensions(44, '0600000000c0ffee'));
  deepStrictEqual([atomic.isFragment, atomic.fragmentHeaderOffset, atomic.dataLength], [false, 40, 11]);
});

test('an extension header that reaches beyond the packet is refused', () => {
  const bytes = withExtensions(0, '06ff050200000000');
  strictEqual(new Segment().parse(bytes, 0, bytes.length), 'extension-header');
});

test('an extension header that is cut short is refused, a fragment header too', () => {
  for (const kind of [0, 43, 44, 60]) {
    for (let length = 1; length < 8; length++) {
      const bytes = joined(DATA_V6.slice(0, 40), new Uint8Array(length).fill(1));
      bytes.set([0, length, kind], 4);
      strictEqual(new Segment().parse(bytes, 0, bytes.length), 'extension-header', `kind ${kind}, ${length} bytes`);
    }
  }
});

test('RFC 2675 §3: a jumbo payload length that needs no jumbogram is refused', () => {
  const bytes = joined(DATA_V6.slice(0, 40), fromHex('0600c20400000033'), DATA_V6.slice(40));
  bytes.set([0, 0, 0], 4);
  strictEqual(new Segment().parse(bytes, 0, bytes.length), 'jumbo');
});

test('RFC 2675 §3: a jumbogram is read, and is none any more when it is cut', () => {
  const payload = new Uint8Array(70000).fill(0x61);
  const bytes = joined(DATA_V6.slice(0, 40), fromHex('0600c20400000000'), DATA_V6.slice(40, 72), payload);
  bytes.set([0, 0, 0], 4);
  new DataView(bytes.buffer).setUint32(44, bytes.length - 40);
  const segment = parsed(bytes);
  deepStrictEqual([segment.ipLength, segment.dataLength], [bytes.length, 70000]);
  segment.fillFullChecksum();
  ok(segment.checksumOk());
  segment.setDataLength(66000);
  strictEqual(parsed(bytes).dataLength, 66000);
  segment.setDataLength(10);
  segment.fillFullChecksum();
  const small = parsed(bytes);
  strictEqual(small.dataLength, 10);
  ok(small.checksumOk());
  const lying = bytes.slice();
  lying.set([0, 0, 0], 4);
  strictEqual(new Segment().parse(lying, 0, lying.length), 'jumbo');
});

test('other protocols are read as far as IP goes', () => {
  const bytes = DATA_V4.slice();
  bytes[9] = 17;
  const segment = new Segment();
  strictEqual(segment.parse(bytes, 0, bytes.length), '');
  deepStrictEqual([segment.protocol, segment.isTcp, segment.transportLength], [17, false, 43]);
});

test('impossible headers are refused, each by its reason', () => {
  const reasonOf = (change: (bytes: Uint8Array) => void) => {
    const bytes = DATA_V4.slice();
    change(bytes);
    return new Segment().parse(bytes, 0, bytes.length);
  };
  const set = (at: number, value: number) => (bytes: Uint8Array) => void bytes.fill(value, at, at + 1);
  strictEqual(reasonOf(set(0, 0x55)), 'version');
  strictEqual(reasonOf(set(0, 0x44)), 'header-length');
  strictEqual(reasonOf(set(3, 19)), 'header-length');
  strictEqual(reasonOf(set(3, 0xff)), 'short');
  strictEqual(reasonOf(set(3, 39)), 'tcp-header');
  strictEqual(reasonOf(set(32, 0x40)), 'tcp-header');
  strictEqual(reasonOf(set(32, 0xf0)), 'tcp-header');
});

/** Nothing that the view offers may lie outside of the packet that it was given. */
function checkBounds(segment: Segment, offset: number, length: number): void {
  const end = offset + length;
  ok(segment.ipOffset === offset && segment.ipOffset + segment.ipLength <= end);
  ok(segment.transportOffset >= offset + 20 && segment.transportOffset + segment.transportLength <= end);
  ok(segment.transportLength >= 0);
  if (!segment.isTcp) return;
  ok(segment.dataLength >= 0 && segment.dataOffset >= segment.transportOffset + 20);
  strictEqual(segment.dataOffset + segment.dataLength, offset + segment.ipLength);
  if (segment.hasTimestamps) ok(segment.tsOffset + 8 <= segment.dataOffset);
  ok(
    segment.sackCount <= 4 &&
      (segment.sackCount === 0 || segment.sackOffset + segment.sackCount * 8 <= segment.dataOffset),
  );
  const numbers = [segment.seq, segment.ack, segment.tsVal, segment.tsEcr, segment.mss, segment.window, segment.segLen];
  ok(numbers.every((number) => Number.isSafeInteger(number) && number >= 0));
  segment.checksumOk();
  for (let i = 0; i < segment.sackCount; i++) segment.setSackBlock(i, segment.sackRight(i), segment.sackLeft(i));
  segment.removeSynOptions();
  segment.setDataLength(segment.dataLength >>> 1);
  segment.fillFullChecksum();
  ok(segment.checksumOk() && segment.headerChecksumOk());
}

test('a packet cut short anywhere is refused, whether the array ends there or not', () => {
  fc.assert(
    fc.property(naiveSegment, (meant) => {
      const bytes = encode({ ...meant, payload: meant.payload.slice(0, 30) });
      const segment = new Segment();
      for (let length = 0; length < bytes.length; length++) {
        ok(segment.parse(bytes, 0, length) !== '' && !segment.isTcp);
        ok(segment.parse(bytes.slice(0, length), 0, length) !== '');
        ok(segment.parse(bytes.slice(0, length), 0, bytes.length) !== '');
      }
    }),
  );
});

test('random bytes throw nothing and are never read beyond their end', () => {
  const start = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), start, fc.nat(10), (bytes, first, offset) => {
      if (bytes.length > offset) bytes[offset] = first;
      const segment = new Segment();
      const length = Math.max(0, bytes.length - offset);
      if (segment.parse(bytes, offset, length) === '') checkBounds(segment, offset, length);
    }),
    { numRuns: 5000 },
  );
});

/** Marsaglia's xorshift: the same mutations in every run. */
function xorshift(state: number): () => number {
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

test('twenty thousand mutated packets throw nothing and stay within their bounds', () => {
  const random = xorshift(0x9e3779b9);
  const sack: NaiveOption = {
    kind: 'sack',
    blocks: [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
  };
  const originals = [
    ...[SYN_V4, SYN_ACK_V4, DATA_V4, URGENT_V4, SYN_V6, DATA_V6],
    encode(naive([{ kind: 'timestamps', tsVal: 1, tsEcr: 2 }, sack])),
    withExtensions(0, '3c000502000000002b01010c0000000000000000000000000600020000000000'),
    withExtensions(44, '0600000000c0ffee'),
  ];
  const segment = new Segment();
  let good = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = (originals[random() % originals.length] as Uint8Array).slice();
    for (let i = random() % 4; i >= 0; i--) bytes[random() % bytes.length] = random();
    const length = random() % 8 === 0 ? random() % bytes.length : bytes.length;
    if (segment.parse(bytes, 0, length) !== '') continue;
    checkBounds(segment, 0, length);
    good++;
  }
  ok(good > 2000, `${good} were still packets`);
});

test('RFC 3168 §5: congestion is marked where the sender understands that, and nowhere else', () => {
  for (const capture of [DATA_V4, DATA_V6]) {
    for (const ecn of [ECN_NOT_CAPABLE, 1, 2, ECN_CE]) {
      const bytes = fromHex(`0000${toHex(capture)}`);
      const at = (bytes[2] ?? 0) >>> 4 === 4 ? 0 : 4;
      bytes[3] = (bytes[3] ?? 0) | (ecn << at);
      markCongestion(bytes, 2, bytes.length - 2);
      const segment = parsed(bytes, 2);
      strictEqual(segment.ecn, ecn === ECN_NOT_CAPABLE ? ECN_NOT_CAPABLE : ECN_CE);
      ok(segment.headerChecksumOk());
    }
  }
  const arp = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1, ...new Uint8Array(20));
  const before = toHex(arp);
  markCongestion(arp, 0, arp.length);
  strictEqual(toHex(arp), before);
});
