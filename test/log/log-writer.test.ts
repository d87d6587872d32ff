import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import * as layout from '../../src/log/entry.ts';
import { FrameView, getU64, setU64 } from '../../src/log/frame.ts';
import { LogWriter } from '../../src/log/log-writer.ts';

function written(write: (log: LogWriter) => void): { log: LogWriter; frame: FrameView } {
  const log = new LogWriter(new ByteQueue(new Uint8Array(1 << 20)));
  log.start();
  write(log);
  const frame = new FrameView();
  equal(frame.set(log.queue.bytes, log.queue.readOffset, log.queue.readable), log.position);
  return { log, frame };
}

test('a position beyond 2³² comes back as it was written', () => {
  const bytes = new Uint8Array(8);
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      setU64(bytes, 0, value);
      equal(getU64(bytes, 0), value);
    }),
  );
  bytes.fill(0xff);
  equal(Number.isNaN(getU64(bytes, 0)), true);
});

test('an output entry is read as it was written', () => {
  const { frame } = written((log) => log.output(7, layout.OUTPUT_FIN, 2 ** 40, 0xdeadbeef, 5, 2 ** 33, 0xffffffff));
  deepEqual(
    [frame.type, frame.flags, frame.connection, frame.u64(layout.OUTPUT_END), frame.u32(layout.OUTPUT_CHECKSUM)],
    [layout.ENTRY.OUTPUT, layout.OUTPUT_FIN, 7, 2 ** 40, 0xdeadbeef],
  );
  deepEqual(
    [frame.u64(layout.OUTPUT_ACK), frame.u64(layout.OUTPUT_EDGE), frame.u32(layout.OUTPUT_TSVAL)],
    [5, 2 ** 33, 0xffffffff],
  );
});

test('bytes travel with their position', () => {
  const { frame } = written((log) => log.bytes(1, 2 ** 35, 9, Uint8Array.of(0, 1, 2, 3, 4), 1, 3));
  equal(frame.u64(layout.BYTES_POSITION), 2 ** 35);
  deepEqual(Array.from(frame.copy(layout.BYTES_DATA, frame.length - layout.BYTES_DATA)), [1, 2, 3]);
});

test('a frame that has not arrived whole is waited for, at every length', () => {
  const { log, frame } = written((writer) => writer.fin(3, 100, 1));
  for (let length = 0; length < log.position; length++) equal(frame.set(log.queue.bytes, 0, length), 0);
});

test('no bytes make the reader fail, and none that it accepts reach beyond what is there', () => {
  const frame = new FrameView();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const length = frame.set(bytes, 0, bytes.length);
      equal(length <= bytes.length, true);
    }),
  );
});

test('an acknowledgement of what was never appended is refused', () => {
  const { log } = written((writer) => writer.noop());
  equal(log.acknowledge(log.position + 1), false);
  equal(log.acknowledge(Number.NaN), false);
  equal(log.acknowledge(log.position), true);
  equal(log.acknowledged, log.position);
});

test('without a backup nothing is kept', () => {
  const log = new LogWriter(new ByteQueue(new Uint8Array(1 << 20)));
  log.noop();
  deepEqual([log.position, log.queue.used], [0, 0]);
});
