import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordRing } from '../../src/retained/record-ring.ts';

test('records come out as they went in, however the ring goes around', () => {
  const steps = fc.array(fc.record({ put: fc.integer({ min: 0, max: 60 }), take: fc.nat({ max: 3 }) }));
  fc.assert(
    fc.property(steps, (sequence) => {
      const memory = RecordRing.memory(256);
      const putter = new RecordRing(memory);
      const taker = new RecordRing(memory);
      const model: number[][] = [];
      const into = new Uint8Array(64);
      sequence.forEach(({ put, take }, kind) => {
        const bytes = Uint8Array.from({ length: put }, (_, i) => kind + i);
        const fits = model.reduce((sum, [, ...record]) => sum + size(record.length), size(put)) + 16 <= 256;
        equal(putter.put(kind, bytes, 0, put, 16), fits);
        if (fits) model.push([kind, ...bytes]);
        for (let n = 0; n < take; n++) {
          equal(taker.peek(), model.length > 0);
          if (model.length === 0) break;
          taker.take(into, 1);
          deepEqual([taker.kind, ...into.slice(1, 1 + taker.length)], model.shift());
        }
      });
    }),
  );
});

test('the counters wrap around', () => {
  const memory = RecordRing.memory(64);
  new Int32Array(memory)[0] = -16;
  new Int32Array(memory)[16] = -16;
  const ring = new RecordRing(memory);
  const into = new Uint8Array(8);
  for (let n = 0; n < 10; n++) {
    ok(ring.put(n, Uint8Array.of(n), 0, 1, 0));
    ok(ring.peek());
    ring.take(into, 0);
    deepEqual([ring.kind, ring.length, into[0]], [n, 1, n]);
  }
});

test('a ring has a size that its counters can wrap around', () => {
  throws(() => RecordRing.memory(3 << 20), /power of two/);
});

function size(length: number): number {
  return 8 + Math.ceil(length / 8) * 8;
}
