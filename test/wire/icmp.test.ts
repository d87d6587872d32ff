import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  echoRequestToReply,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HOST_UNREACHABLE,
  ICMP_UNREACHABLE,
  ICMPV6_PACKET_TOO_BIG,
  IcmpView,
  writeIcmpError,
  writeIcmpFragmentationNeeded,
  writeIcmpHostUnreachable,
} from '../../src/wire/icmp.ts';
import { IpPacket } from '../../src/wire/ip.ts';
import { ipFromString } from '../../src/wire/ip-address.ts';
import { seq } from '../../src/wire/seq.ts';
import { word32 } from './arbitraries.ts';
import { DATA_V4, DATA_V6 } from './captures.ts';
import { fromHex, joined, naiveChecksum, toHex } from './reference.ts';

const ip = (text: string) => ipFromString(text) ?? new Uint8Array(16);
const CLIENT = ip('192.0.2.1');
const SERVICE = ip('192.0.2.10');
const CLIENT_V6 = ip('2001:db8::1');
const SERVICE_V6 = ip('2001:db8::10');

function packetOf(bytes: Uint8Array, offset = 0, length = bytes.length - offset): IpPacket {
  const packet = new IpPacket();
  strictEqual(packet.parseIp(bytes, offset, length), '');
  return packet;
}

function viewOf(packet: IpPacket): IcmpView {
  const view = new IcmpView();
  ok(view.set(packet));
  return view;
}

/** An echo request of identifier 0x1234, number 7, with 5 bytes; hop limit 63. */
function ping(family: 4 | 6): Uint8Array {
  const icmp = fromHex(`${family === 4 ? '08' : '80'}00 0000 12340007 68656c6c6f`);
  if (family === 4) {
    const header = fromHex('45000021abcd40003f010000c0000201c000020a');
    new DataView(header.buffer).setUint16(10, naiveChecksum(header));
    new DataView(icmp.buffer).setUint16(2, naiveChecksum(icmp));
    return joined(header, icmp);
  }
  const pseudo = joined(CLIENT_V6, SERVICE_V6, Uint8Array.of(0, 0, 0, icmp.length, 0, 0, 0, 58));
  new DataView(icmp.buffer).setUint16(2, naiveChecksum(pseudo, icmp));
  return joined(fromHex('60000000000d3a3f'), CLIENT_V6, SERVICE_V6, icmp);
}

test('RFC 1122 §3.2.2.6, RFC 4443 §4.2: an echo request becomes its reply in place', () => {
  for (const family of [4, 6] as const) {
    const bytes = ping(family);
    const packet = packetOf(bytes);
    ok(viewOf(packet).isEchoRequest && viewOf(packet).checksumOk());
    ok(!viewOf(packet).isError);
    const body = toHex(bytes.slice(packet.transportOffset + 4));
    const source = toHex(bytes.slice(packet.sourceOffset, packet.destinationOffset));
    echoRequestToReply(packet);
    const reply = packetOf(bytes);
    const view = viewOf(reply);
    ok(reply.headerChecksumOk() && view.checksumOk() && !view.isEchoRequest);
    deepStrictEqual([view.type, view.code, view.rest, reply.hopLimit], [family === 4 ? 0 : 129, 0, 0x12340007, 64]);
    strictEqual(toHex(bytes.slice(reply.transportOffset + 4)), body);
    strictEqual(toHex(bytes.slice(reply.destinationOffset, reply.destinationOffset * 2 - reply.sourceOffset)), source);
  }
});

test('RFC 1191 §4: "fragmentation needed" carries the MTU and quotes the segment', () => {
  const bytes = new Uint8Array(700);
  const quote = { from: SERVICE, to: CLIENT, quoted: DATA_V4, quotedOffset: 0, quotedLength: DATA_V4.length };
  const length = writeIcmpFragmentationNeeded(bytes, 3, 1492, quote);
  strictEqual(length, 28 + DATA_V4.length);
  const packet = packetOf(bytes, 3, length);
  const view = viewOf(packet);
  ok(packet.headerChecksumOk() && view.checksumOk() && view.isError);
  deepStrictEqual([view.type, view.code, view.rest], [ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, 1492]);
  strictEqual(toHex(bytes.slice(31, 3 + length)), toHex(DATA_V4));
  deepStrictEqual([view.quotedSourcePort, view.quotedDestinationPort, view.quotedSeq], [0x9438, 0xec87, 0x00983e6d]);
  deepStrictEqual([view.hasQuotedAck, view.quotedAck], [true, 0x12369d3e]);
  deepStrictEqual([view.quotedSourceOffset, view.quotedDestinationOffset, view.quotedTcpOffset], [43, 47, 51]);
});

test('RFC 4443 §3.2: Packet Too Big carries the MTU and quotes the segment', () => {
  const bytes = new Uint8Array(1400);
  const quote = { from: SERVICE_V6, to: CLIENT_V6, quoted: DATA_V6, quotedOffset: 0, quotedLength: DATA_V6.length };
  const length = writeIcmpFragmentationNeeded(bytes, 0, 1492, quote);
  const view = viewOf(packetOf(bytes, 0, length));
  ok(view.checksumOk() && view.isError);
  deepStrictEqual([view.type, view.code, view.rest], [ICMPV6_PACKET_TOO_BIG, 0, 1492]);
  deepStrictEqual([view.quotedSeq, view.quotedAck, view.quotedTcpOffset], [0x5863bcab, 0xaaac8e27, 88]);
});

test('RFC 6069 §4: "host unreachable" can quote no more than ports and SEQ', () => {
  const bytes = new Uint8Array(100);
  const quote = { from: SERVICE, to: CLIENT, quoted: DATA_V4, quotedOffset: 0, quotedLength: 28 };
  const view = viewOf(packetOf(bytes, 0, writeIcmpHostUnreachable(bytes, 0, quote)));
  deepStrictEqual([view.type, view.code, view.quotedSeq], [ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0x00983e6d]);
  deepStrictEqual([view.hasQuotedAck, view.quotedTcpLength], [false, 8]);
  const less = viewOf(packetOf(bytes, 0, writeIcmpHostUnreachable(bytes, 0, { ...quote, quotedLength: 27 })));
  strictEqual(less.quotedTcpOffset, -1);
});

test('RFC 1812 §4.3.2.3, RFC 4443 §2.4: an error quotes no more than 576 or 1280 bytes hold', () => {
  const bytes = new Uint8Array(2000);
  const quote = { quoted: new Uint8Array(1500), quotedOffset: 0, quotedLength: 1500 };
  strictEqual(writeIcmpError(bytes, 0, 3, 1, 0, { ...quote, from: SERVICE, to: CLIENT }), 576);
  strictEqual(writeIcmpError(bytes, 0, 1, 0, 0, { ...quote, from: SERVICE_V6, to: CLIENT_V6 }), 1280);
});

test('a quoted packet that holds no TCP header is left alone', () => {
  const quotes = (change: (quoted: Uint8Array) => void) => {
    const quoted = DATA_V4.slice();
    change(quoted);
    const bytes = new Uint8Array(200);
    const quote = { from: SERVICE, to: CLIENT, quoted, quotedOffset: 0, quotedLength: quoted.length };
    return viewOf(packetOf(bytes, 0, writeIcmpHostUnreachable(bytes, 0, quote))).quotedTcpOffset >= 0;
  };
  ok(quotes(() => {}));
  ok(!quotes((quoted) => quoted.set([17], 9)), 'UDP');
  ok(!quotes((quoted) => quoted.set([0x20, 1], 6)), 'a later fragment');
  ok(
    quotes((quoted) => quoted.set([0x20, 0], 6)),
    'a first fragment',
  );
  ok(!quotes((quoted) => quoted.set([0x44], 0)), 'an impossible header length');
  ok(!quotes((quoted) => quoted.set([0x65], 0)), 'the other family');
});

test('a quoted SEQ and ACK are translated and back, and the checksum stays right', () => {
  fc.assert(
    fc.property(word32, word32, fc.constantFrom(4, 6), (newSeq, newAck, family) => {
      const [from, to, quoted] = family === 4 ? [SERVICE, CLIENT, DATA_V4] : [SERVICE_V6, CLIENT_V6, DATA_V6];
      const bytes = new Uint8Array(200);
      const length = writeIcmpHostUnreachable(bytes, 0, {
        from,
        to,
        quoted,
        quotedOffset: 0,
        quotedLength: quoted.length,
      });
      const before = toHex(bytes);
      const view = viewOf(packetOf(bytes, 0, length));
      const [oldSeq, oldAck] = [view.quotedSeq, view.quotedAck];
      view.setQuotedSeq(seq(newSeq));
      view.setQuotedAck(seq(newAck));
      ok(view.checksumOk());
      deepStrictEqual([view.quotedSeq, view.quotedAck], [newSeq, newAck]);
      view.setQuotedSeq(oldSeq);
      view.setQuotedAck(oldAck);
      strictEqual(toHex(bytes), before);
    }),
  );
});

test('what is not ICMP, a fragment or cut short has no view; random quotes throw nothing', () => {
  const view = new IcmpView();
  ok(!view.set(packetOf(DATA_V4)));
  const fragment = ping(4);
  fragment[6] = 0x20;
  ok(!view.set(packetOf(fragment)));
  const short = ping(4);
  short[3] = 27;
  ok(!view.set(packetOf(short)));
  const type = fc.constantFrom(3, 11, 12, 0, 8);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), type, fc.constantFrom(0x45, 0x4f, 0x60), (quoted, kind, first) => {
      if (quoted.length > 9) quoted.set([first], 0);
      if (quoted.length > 9) quoted.set([6], 9);
      const bytes = new Uint8Array(200);
      const quote = { from: SERVICE, to: CLIENT, quoted, quotedOffset: 0, quotedLength: quoted.length };
      const length = writeIcmpError(bytes, 0, kind, 0, 0, quote);
      const seen = viewOf(packetOf(bytes.slice(0, length)));
      ok(seen.checksumOk());
      if (seen.quotedTcpOffset >= 0) ok(seen.quotedTcpOffset + 8 <= length);
      if (seen.hasQuotedAck) seen.setQuotedAck(seq(1));
      ok(seen.checksumOk());
    }),
    { numRuns: 2000 },
  );
});
