import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteQueue } from '../../src/log/byte-queue.ts';

test('records come out as they went in, each in one piece, however the queue wraps', () => {
  const steps = fc.array(fc.record({ put: fc.integer({ min: 1, max: 40 }), take: fc.integer({ min: 0, max: 60 }) }));
  fc.assert(
    fc.property(steps, (sequence) => {
      const queue = new ByteQueue(new Uint8Array(100));
      const model: number[] = [];
      let next = 0;
      for (const { put, take } of sequence) {
        const at = queue.reserve(put);
        if (at >= 0) {
          for (let i = 0; i < put; i++) queue.bytes[at + i] = next & 0xff;
          for (let i = 0; i < put; i++) model.push(next & 0xff);
          queue.commit(at, put);
          next++;
        }
        const length = Math.min(take, queue.readable);
        const out = Array.from(queue.bytes.subarray(queue.readOffset, queue.readOffset + length));
        deepEqual(out, model.splice(0, length));
        queue.consume(length);
        equal(queue.used, model.length);
        equal(queue.readable > 0, model.length > 0);
      }
    }),
  );
});

test('a full queue has no room, and has all of it again when it was emptied', () => {
  const queue = new ByteQueue(new Uint8Array(10));
  queue.commit(queue.reserve(10), 10);
  equal(queue.reserve(1), -1);
  queue.consume(10);
  equal(queue.reserve(10), 0);
});
