import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LAN_FRAME_MAX, ReleaseQueue } from '../../src/south/release-queue.ts';

/** A frame that is its own number, so that what is sent tells which it was. */
function push(queue: ReleaseQueue, number: number, length: number, position: number): boolean {
  const offset = queue.reserve();
  if (offset < 0) return false;
  queue.bytes.fill(number & 0xff, offset, offset + length);
  queue.commit(offset, length, position);
  return true;
}

function releaseAll(queue: ReleaseQueue, acknowledged: number, send: ReturnType<typeof sender>): void {
  while (queue.releaseNext(acknowledged, send));
}

function sender(taken: number[], refusesFrom = Number.POSITIVE_INFINITY) {
  return (bytes: Uint8Array, offset: number, length: number) => {
    if (taken.length >= refusesFrom) return false;
    const [first = -1] = bytes.subarray(offset);
    equal(
      bytes.subarray(offset, offset + length).every((byte) => byte === first),
      true,
    );
    taken.push(first);
    return true;
  };
}

test('frames leave in order, each when its position is acknowledged, and none before those in front of it', () => {
  const queue = new ReleaseQueue(new Uint8Array(4 * LAN_FRAME_MAX));
  for (const [number, position] of [
    [1, 10],
    [2, 30],
    [3, 20],
  ] as const) {
    push(queue, number, 100, position);
  }
  const taken: number[] = [];
  releaseAll(queue, 9, sender(taken));
  deepEqual(taken, []);
  releaseAll(queue, 20, sender(taken));
  deepEqual(taken, [1]);
  equal(queue.oldestPosition, 30);
  releaseAll(queue, 30, sender(taken));
  deepEqual(taken, [1, 2, 3]);
  equal(queue.usedBytes, 0);
});

test('a refused frame stays the first, and is asked for again', () => {
  const queue = new ReleaseQueue(new Uint8Array(4 * LAN_FRAME_MAX));
  for (let number = 1; number <= 4; number++) push(queue, number, 50, number);
  const taken: number[] = [];
  releaseAll(queue, 9, sender(taken, 2));
  deepEqual([taken.join(), queue.count], ['1,2', 2]);
  releaseAll(queue, 9, sender(taken));
  equal(taken.join(), '1,2,3,4');
});

test('who falls silent emits nothing of what waited', () => {
  const queue = new ReleaseQueue(new Uint8Array(4 * LAN_FRAME_MAX));
  push(queue, 1, 50, 1);
  queue.clear();
  const taken: number[] = [];
  releaseAll(queue, Number.POSITIVE_INFINITY, sender(taken));
  deepEqual([taken.length, queue.count, queue.usedBytes], [0, 0, 0]);
});

const work = fc.array(
  fc.record({ length: fc.integer({ min: 1, max: LAN_FRAME_MAX }), step: fc.nat(5), acknowledges: fc.boolean() }),
  { maxLength: 60 },
);

test('however lengths and acknowledgements come, what leaves is what a list would let leave', () => {
  fc.assert(
    fc.property(work, (steps) => {
      const queue = new ReleaseQueue(new Uint8Array(3 * LAN_FRAME_MAX));
      const waiting: { number: number; position: number }[] = [];
      let position = 0;
      steps.forEach(({ length, step, acknowledges }, number) => {
        position += step;
        if (push(queue, number, length, position)) waiting.push({ number, position });
        if (!acknowledges) return;
        const taken: number[] = [];
        releaseAll(queue, position - 3, sender(taken));
        const due: number[] = [];
        while (waiting[0] !== undefined && waiting[0].position <= position - 3) due.push(waiting.shift()?.number ?? -1);
        deepEqual(taken, due);
        equal(queue.count, waiting.length);
      });
    }),
  );
});
