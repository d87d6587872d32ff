/** Each entry of the log is read as it was written, and a frame cut short is never taken for one. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import * as layout from '../../src/log/entry.ts';
import { FrameView } from '../../src/log/frame.ts';
import { LogWriter, type OpenFields } from '../../src/log/log-writer.ts';
import { seq } from '../../src/wire/seq.ts';
import { word16, word32 } from '../wire/arbitraries.ts';

const position = fc.oneof(fc.nat(10), fc.integer({ min: 2 ** 32 - 3, max: 2 ** 32 + 3 }), fc.maxSafeNat());
const scale = fc.integer({ min: -1, max: 14 });
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** Appends one entry and returns the frame as the backup receives it. */
function written(append: (log: LogWriter) => void): FrameView {
  const queue = new ByteQueue(new Uint8Array(1 << 12));
  const log = new LogWriter(queue);
  log.start();
  append(log);
  const { readOffset, readable } = queue;
  const frame = new FrameView();
  equal(frame.set(queue.bytes, readOffset, readable), readable, 'one whole frame');
  equal(log.position, readable);
  for (let cut = 0; cut < readable; cut++) equal(new FrameView().set(queue.bytes, readOffset, cut), 0);
  return frame;
}

const openFields: fc.Arbitrary<OpenFields> = fc.record({
  clientIp: bytesOf(16),
  serviceIp: bytesOf(16),
  clientPort: word16,
  servicePort: word16,
  clientMac: bytesOf(6),
  irs: word32.map(seq),
  iss: word32.map(seq),
  clientMss: word16,
  serverMss: word16,
  clientWindow: word16,
  serverWindow: word16,
  clientScale: scale,
  serverScale: scale,
  timestamps: fc.boolean(),
  sackPermitted: fc.boolean(),
  ecn: fc.boolean(),
  clientTsVal: word32,
  serverTsVal: word32,
});

function readOpen(frame: FrameView): OpenFields {
  const scaleAt = (field: number) => (frame.u8(field) === layout.NO_WINDOW_SCALE ? -1 : frame.u8(field));
  return {
    clientIp: frame.copy(layout.OPEN_CLIENT_IP, 16),
    serviceIp: frame.copy(layout.OPEN_SERVICE_IP, 16),
    clientPort: frame.u16(layout.OPEN_CLIENT_PORT),
    servicePort: frame.u16(layout.OPEN_SERVICE_PORT),
    clientMac: frame.copy(layout.OPEN_CLIENT_MAC, 6),
    irs: seq(frame.u32(layout.OPEN_IRS)),
    iss: seq(frame.u32(layout.OPEN_ISS)),
    clientMss: frame.u16(layout.OPEN_CLIENT_MSS),
    serverMss: frame.u16(layout.OPEN_SERVER_MSS),
    clientWindow: frame.u16(layout.OPEN_CLIENT_WINDOW),
    serverWindow: frame.u16(layout.OPEN_SERVER_WINDOW),
    clientScale: scaleAt(layout.OPEN_CLIENT_SCALE),
    serverScale: scaleAt(layout.OPEN_SERVER_SCALE),
    timestamps: (frame.flags & layout.OPEN_TIMESTAMPS) !== 0,
    sackPermitted: (frame.flags & layout.OPEN_SACK_PERMITTED) !== 0,
    ecn: (frame.flags & layout.OPEN_ECN) !== 0,
    clientTsVal: frame.u32(layout.OPEN_CLIENT_TSVAL),
    serverTsVal: frame.u32(layout.OPEN_SERVER_TSVAL),
  };
}

test('what a connection was opened with is read as it was written', () => {
  fc.assert(
    fc.property(openFields, word32, (fields, connection) => {
      const frame = written((log) => log.open(connection, fields));
      deepEqual([frame.type, frame.connection], [layout.ENTRY.OPEN, connection]);
      deepEqual(readOpen(frame), { ...fields });
    }),
  );
});

test('what the server has learnt is read as it was written, up to the longest piece', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), fc.nat(9), (recording, before) => {
      const source = Uint8Array.of(...new Uint8Array(before).fill(0xee), ...recording, 0xee);
      const frame = written((log) => log.north(source, before, recording.length));
      deepEqual([frame.type, frame.connection], [layout.ENTRY.NORTH, 0]);
      deepEqual(frame.copy(layout.NORTH_DATA, frame.length - layout.NORTH_DATA), recording);
    }),
  );
  const queue = new ByteQueue(new Uint8Array(1 << 20));
  const log = new LogWriter(queue);
  log.start();
  log.north(new Uint8Array(layout.NORTH_MOST), 0, layout.NORTH_MOST);
  const frame = new FrameView();
  equal(frame.set(queue.bytes, queue.readOffset, queue.readable), layout.FRAME_MAX);
});

test('the third segment, a FIN, an end of urgent data and a note of the client are read as they were written', () => {
  fc.assert(
    fc.property(word32, position, position, word32, (connection, first, second, tsVal) => {
      const { ENTRY } = layout;
      const established = written((log) => log.established(connection, first, tsVal));
      const { ESTABLISHED_EDGE, ESTABLISHED_TSVAL, FIN_POSITION, FIN_TSVAL } = layout;
      const { CLIENT_ACK_ACK, CLIENT_ACK_EDGE, CLIENT_ACK_TSVAL } = layout;
      const read = (frame: FrameView, wide: number[], tsField: number) => [
        frame.type,
        frame.connection,
        ...wide.map((field) => frame.u64(field)),
        frame.u32(tsField),
      ];
      deepEqual(read(established, [ESTABLISHED_EDGE], ESTABLISHED_TSVAL), [
        ENTRY.ESTABLISHED,
        connection,
        first,
        tsVal,
      ]);
      const fin = written((log) => log.fin(connection, first, tsVal));
      deepEqual(read(fin, [FIN_POSITION], FIN_TSVAL), [ENTRY.FIN, connection, first, tsVal]);
      const urgent = written((log) => log.urgent(connection, first));
      deepEqual([urgent.type, urgent.connection, urgent.u64(layout.URGENT_MARK)], [ENTRY.URGENT, connection, first]);
      const note = written((log) => log.clientAck(connection, first, second, tsVal));
      const noted = read(note, [CLIENT_ACK_ACK, CLIENT_ACK_EDGE], CLIENT_ACK_TSVAL);
      deepEqual(noted, [ENTRY.CLIENT_ACK, connection, first, second, tsVal]);
    }),
  );
});

test('recordings and choices are carried as they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(9), (bytes, before) => {
      const source = new Uint8Array(before + bytes.length);
      source.set(bytes, before);
      const { ENTRY, NORTH_DATA, CHOICE_DATA } = layout;
      const north = written((log) => log.north(source, before, bytes.length));
      const choice = written((log) => log.choice(source, before, bytes.length));
      deepEqual([north.type, north.connection, choice.type, choice.connection], [ENTRY.NORTH, 0, ENTRY.CHOICE, 0]);
      deepEqual(north.copy(NORTH_DATA, bytes.length), bytes);
      deepEqual(choice.copy(CHOICE_DATA, bytes.length), bytes);
    }),
  );
});

test('entries without a body carry their type and connection', () => {
  const cases: readonly (readonly [number, number, (log: LogWriter) => void])[] = [
    [layout.ENTRY.RESET, 9, (log) => log.reset(9)],
    [layout.ENTRY.CLOSED, 9, (log) => log.closed(9)],
    [layout.ENTRY.NOOP, 0, (log) => log.noop()],
    [layout.LINK_FRAME.HANDOVER, 0, (log) => log.handover()],
  ];
  for (const [type, connection, append] of cases) {
    const frame = written(append);
    deepEqual([frame.type, frame.connection, frame.length], [type, connection, layout.FRAME_HEADER]);
  }
});
