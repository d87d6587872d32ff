/** What the client says and hears is what the local server hears and says, in other numbers; each pair of translations is inverse. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ip, type TcpPacket, tcpPacket, tunPacket } from '../../sim/packets.ts';
import type { OpenFields } from '../../src/log/log-writer.ts';
import { Budget } from '../../src/south/budget.ts';
import { Connection } from '../../src/south/connection.ts';
import { isTranslated, translateForClient, translateForServer } from '../../src/south/translation.ts';
import { Segment } from '../../src/wire/segment.ts';
import { type Seq, seq, seqAdd } from '../../src/wire/seq.ts';
import { ACK } from '../../src/wire/tcp.ts';
import { VIRTIO_HEADER } from '../../src/wire/virtio.ts';
import { word32 } from '../wire/arbitraries.ts';

const ENDS = { source: ip('10.0.0.1'), destination: ip('10.0.0.2') };

function connectionOf(irs: number, issWire: number, issLocal: number, tsOffset: number, serverTsVal = 0): Connection {
  const open: OpenFields = {
    clientIp: ENDS.source,
    serviceIp: ENDS.destination,
    clientPort: 1,
    servicePort: 2,
    clientMac: new Uint8Array(6),
    irs: seq(irs),
    iss: seq(issWire),
    clientMss: 1460,
    serverMss: 1460,
    clientWindow: 0xffff,
    serverWindow: 0xffff,
    clientScale: 7,
    serverScale: 7,
    timestamps: true,
    sackPermitted: true,
    ecn: false,
    clientTsVal: 0,
    serverTsVal,
  };
  const connection = new Connection(1, open, true, 1 << 20, new Budget(1 << 20));
  connection.issLocal = seq(issLocal);
  connection.tsOffset = tsOffset;
  return connection;
}

function segmentOf(packet: Partial<TcpPacket>): Segment {
  const bytes = tunPacket(tcpPacket({ flags: ACK, hasTimestamps: true, ...packet }), ENDS, 1460);
  const segment = new Segment();
  equal(segment.parse(bytes, VIRTIO_HEADER, bytes.length - VIRTIO_HEADER), '');
  return segment;
}

/** Positions around where both streams are, as a client's segment may name them. */
const numbers = fc.record({
  irs: word32,
  issWire: word32,
  issLocal: word32,
  tsOffset: word32,
  at: fc.oneof(fc.nat(70_000), fc.integer({ min: 2 ** 32 - 70_000, max: 2 ** 34 })),
  tsVal: word32,
  tsEcr: word32,
});

test('server → client → server leaves SEQ, TSval and their echoes as they were', () => {
  fc.assert(
    fc.property(numbers, fc.integer({ min: -60_000, max: 60_000 }), (n, away) => {
      const connection = connectionOf(n.irs, n.issWire, n.issLocal, n.tsOffset, (n.tsVal + n.tsOffset) >>> 0);
      connection.outUna = connection.outLocalNxt = connection.outWireNxt = n.at;
      const local = seqAdd(seq(n.issLocal), n.at + away);
      const said = segmentOf({ seq: local, ack: connection.inPositionToSeq(1), tsVal: n.tsVal });
      translateForClient(connection, said);
      // The client acknowledges and echoes what it has heard.
      const sack: [Seq, Seq][] = [[said.seq, seqAdd(said.seq, 5)]];
      const answer = segmentOf({ ack: said.seq, tsEcr: said.tsVal, sack });
      translateForServer(connection, answer);
      equal(answer.ack, local);
      equal(answer.tsEcr, n.tsVal);
      if (isTranslated(connection)) {
        equal(answer.sackLeft(0), local);
        equal(answer.sackRight(0), seqAdd(local, 5));
      }
    }),
  );
});

test('RFC 7323 §5.4: what the server said before this host stood still does not take TSval back for the client', () => {
  // Found by `npm run sim -- --seed 165793103`.
  for (const start of [1_000, 2 ** 32 - 100]) {
    const connection = connectionOf(1, 2, 2, 0, start);
    const said = (after: number) => {
      const segment = segmentOf({ seq: seq(3), ack: connection.inPositionToSeq(1), tsVal: (start + after) >>> 0 });
      translateForClient(connection, segment);
      return (segment.tsVal - start) | 0;
    };
    deepEqual([0, 300, 12, 299, 301].map(said), [0, 300, 300, 300, 301]);
    equal(said(2 ** 31 + 1_000), (2 ** 31 + 1_000) | 0, 'after weeks of silence it has gone on');
  }
});

test("the client's own numbers are the same on both sides", () => {
  fc.assert(
    fc.property(numbers, (n) => {
      const connection = connectionOf(n.irs, n.issWire, n.issLocal, n.tsOffset);
      const segment = segmentOf({ seq: seq(n.at), ack: seq(n.issWire), tsVal: n.tsVal, window: 77 });
      translateForServer(connection, segment);
      equal(segment.seq, seq(n.at));
      equal(segment.tsVal, n.tsVal);
      equal(segment.window, 77);
    }),
  );
});

test('positions and numbers of both streams are inverse, on the wire and locally', () => {
  fc.assert(
    fc.property(numbers, fc.integer({ min: -(2 ** 30), max: 2 ** 30 }), (n, away) => {
      const connection = connectionOf(n.irs, n.issWire, n.issLocal, n.tsOffset);
      connection.outUna = connection.outLocalNxt = n.at;
      const position = n.at + away;
      equal(connection.outWireToPosition(connection.outPositionToWire(position)), position);
      equal(connection.outLocalToPosition(connection.outPositionToLocal(position)), position);
      equal(connection.inSeqToPosition(connection.inPositionToSeq(1 + away)), 1 + away);
      equal(connection.tsWireToLocal(connection.tsLocalToWire(n.tsVal)), n.tsVal);
    }),
  );
});

test('a host that was the primary from the start translates nothing', () => {
  equal(isTranslated(connectionOf(1, 2, 2, 0)), false);
  equal(isTranslated(connectionOf(1, 2, 3, 0)), true);
  equal(isTranslated(connectionOf(1, 2, 2, 1)), true);
});

test('the window is told up to the edge that was promised, not to the one that the local server offers', () => {
  const connection = connectionOf(100, 200, 300, 0);
  connection.inWireNxt = 1_001;
  connection.inWireEdge = 1_001 + 128 * 50;
  const segment = segmentOf({ seq: seq(301), ack: seq(1_101), window: 9 });
  translateForClient(connection, segment);
  equal(segment.window, 50);
});
