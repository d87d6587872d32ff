import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipFromString } from '../../src/wire/ip-address.ts';
import { Segment } from '../../src/wire/segment.ts';
import { SegmentFields, tcpHeaderLength, writeSegment } from '../../src/wire/segment-writer.ts';
import { seq } from '../../src/wire/seq.ts';
import { ACK, PSH, SYN } from '../../src/wire/tcp.ts';
import { word16, word32 } from './arbitraries.ts';
import { DATA_V4, SYN_ACK_V4, SYN_V4, SYN_V6 } from './captures.ts';
import { toHex } from './reference.ts';

const ip = (text: string) => ipFromString(text) ?? new Uint8Array(16);

function copied(from: Uint8Array): SegmentFields {
  const segment = new Segment();
  strictEqual(segment.parse(from, 0, from.length), '');
  const fields = new SegmentFields();
  segment.copySource(fields.source);
  segment.copyDestination(fields.destination);
  const { sourcePort, destinationPort, flags, window, urgentPointer, dataLength } = segment;
  const { hasTimestamps, tsVal, tsEcr, mss, windowScale, sackPermitted } = segment;
  Object.assign(fields, { sourcePort, destinationPort, flags, window, urgentPointer, dataLength });
  Object.assign(fields, { hasTimestamps, tsVal, tsEcr, mss, windowScale, sackPermitted });
  fields.seq = segment.seq;
  fields.ack = segment.ack;
  return fields;
}

test("what Linux sends is written byte for byte: a SYN, a SYN-ACK, data (but for IPv4's identification)", () => {
  for (const capture of [SYN_V4, SYN_ACK_V4, DATA_V4]) {
    const bytes = new Uint8Array(100);
    const headers = writeSegment(bytes, 7, copied(capture));
    const same = (from: number, to: number) =>
      strictEqual(toHex(bytes.subarray(7 + from, 7 + to)), toHex(capture.subarray(from, to)));
    same(0, 4);
    same(6, 10);
    same(12, headers);
  }
});

test('an IPv6 SYN is written as Linux does, but for the flow label', () => {
  const bytes = new Uint8Array(100);
  strictEqual(writeSegment(bytes, 0, copied(SYN_V6)), 80);
  strictEqual(toHex(bytes.subarray(4, 80)), toHex(SYN_V6.subarray(4)));
});

const fieldsArbitrary = fc
  .record({
    source: fc.constantFrom('192.0.2.1', '2001:db8::1'),
    sourcePort: word16,
    destinationPort: word16,
    seq: word32,
    ack: word32,
    flags: fc.integer({ min: 0, max: 255 }),
    window: word16,
    urgentPointer: word16,
    dataLength: fc.constantFrom(0, 1, 1448, 65000),
    hasTimestamps: fc.boolean(),
    tsVal: word32,
    tsEcr: word32,
    mss: fc.constantFrom(0, 536, 1460, 65495),
    windowScale: fc.integer({ min: -1, max: 14 }),
    sackPermitted: fc.boolean(),
    sackCount: fc.integer({ min: 0, max: 3 }),
    sack: fc.array(word32, { minLength: 6, maxLength: 6 }),
  })
  .map(({ source, sack, seq: segSeq, ack, ...rest }) => {
    const fields = Object.assign(new SegmentFields(), rest);
    fields.source = ip(source);
    fields.destination = ip(source.includes(':') ? '2001:db8::2' : '192.0.2.2');
    fields.seq = seq(segSeq);
    fields.ack = seq(ack);
    fields.sack.set(sack);
    return fields;
  });

test('what is written is read back, and its checksum completes', () => {
  const bytes = new Uint8Array(70000);
  const segment = new Segment();
  fc.assert(
    fc.property(fieldsArbitrary, fc.nat(30), (fields, offset) => {
      const headers = writeSegment(bytes, offset, fields);
      strictEqual(segment.parse(bytes, offset, headers + fields.dataLength), '');
      ok(segment.isTcp && segment.headerChecksumOk());
      const isSyn = (fields.flags & SYN) !== 0;
      strictEqual(segment.dataOffset, offset + headers);
      strictEqual(segment.dataOffset - segment.transportOffset, tcpHeaderLength(fields));
      for (const name of ['sourcePort', 'destinationPort', 'seq', 'ack', 'flags', 'window', 'urgentPointer'] as const) {
        strictEqual(segment[name], fields[name], name);
      }
      for (const name of ['dataLength', 'hasTimestamps'] as const) strictEqual(segment[name], fields[name], name);
      if (fields.hasTimestamps) deepStrictEqual([segment.tsVal, segment.tsEcr], [fields.tsVal, fields.tsEcr]);
      deepStrictEqual(
        [segment.mss, segment.windowScale, segment.sackPermitted, segment.sackCount],
        isSyn ? [fields.mss, fields.windowScale, fields.sackPermitted, 0] : [0, -1, false, fields.sackCount],
      );
      for (let i = 0; i < segment.sackCount; i++) {
        deepStrictEqual([segment.sackLeft(i), segment.sackRight(i)], [fields.sack[2 * i], fields.sack[2 * i + 1]]);
      }
      const partial = segment.checksum;
      segment.fillPartialChecksum();
      strictEqual(segment.checksum, partial);
      segment.fillFullChecksum();
      ok(segment.checksumOk());
    }),
    { numRuns: 300 },
  );
});

test('more than a packet holds is a broken invariant', () => {
  const fields = new SegmentFields();
  fields.source = ip('192.0.2.1');
  fields.flags = PSH | ACK;
  fields.dataLength = 65535 - 40;
  strictEqual(writeSegment(new Uint8Array(40), 0, fields), 40);
  fields.dataLength++;
  throws(() => writeSegment(new Uint8Array(40), 0, fields), /broken invariant/);
});
