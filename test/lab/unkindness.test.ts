import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseUnkindness, type Unkindness, UnkindQueue } from '../../src/lab/unkindness.ts';

const KIND: Unkindness = { loss: 0, duplicate: 0, reorder: 0, mark: 0, delayMs: 0, jitterMs: 0, seed: 1 };

/** Sends `count` frames, one a millisecond, and waits for the last. @returns slots with the time at which each came out */
function carry(unkindness: Partial<Unkindness>, count: number, direction = 0): { slot: number; atMs: number }[] {
  const queue = new UnkindQueue({ ...KIND, ...unkindness }, direction);
  const out: { slot: number; atMs: number }[] = [];
  let expected = 0;
  for (let atMs = 0; atMs < count + 1000; atMs++) {
    if (atMs < count) expected += queue.add(atMs, atMs);
    for (let slot = queue.take(atMs); slot >= 0; slot = queue.take(atMs)) out.push({ slot, atMs });
  }
  assert.equal(out.length, expected, 'every frame that is not lost comes out as often as was said');
  assert.equal(queue.nextMs, Number.POSITIVE_INFINITY);
  return out;
}

test('--cable is read as it is written', () => {
  assert.deepEqual(parseUnkindness('loss=1%,delay=5ms,jitter=2ms,reorder=1%,duplicate=0.1%,mark=3%,seed=7'), {
    loss: 0.01,
    delayMs: 5,
    jitterMs: 2,
    reorder: 0.01,
    duplicate: 0.001,
    mark: 0.03,
    seed: 7,
  });
  assert.deepEqual(parseUnkindness('delay=1s'), { ...KIND, delayMs: 1000 });
  for (const wrong of ['', 'los=1%', 'loss=1', 'loss=101%', 'loss=-1%', 'delay=x', 'seed=a', 'jitter=1ms']) {
    assert.throws(() => parseUnkindness(wrong), { code: 'usage' }, wrong);
  }
});

test('a kind cable carries every frame at once and in order', () => {
  const out = carry({}, 100);
  assert.deepEqual(
    out,
    Array.from({ length: 100 }, (_, slot) => ({ slot, atMs: slot })),
  );
});

test('shares are what they are said to be', () => {
  const count = 20_000;
  const lost = count - carry({ loss: 0.05 }, count).length;
  assert.ok(Math.abs(lost / count - 0.05) < 0.01, `${lost} lost`);
  const doubled = carry({ duplicate: 0.1 }, count).length - count;
  assert.ok(Math.abs(doubled / count - 0.1) < 0.015, `${doubled} doubled`);
  const queue = new UnkindQueue({ ...KIND, mark: 0.1 }, 0);
  const marked = Array.from({ length: count }, () => queue.marks()).filter(Boolean).length;
  assert.ok(Math.abs(marked / count - 0.1) < 0.015, `${marked} marked`);
  const slots = carry({ reorder: 0.2, jitterMs: 3, delayMs: 5 }, count).map(({ slot }) => slot);
  const overtaken = slots.filter((slot, at) => at > 0 && slot < Math.max(...slots.slice(Math.max(0, at - 20), at)));
  assert.ok(overtaken.length > 0.08 * count && overtaken.length < 0.2 * count, `${overtaken.length} overtaken`);
});

test('the jitter makes the delay longer or shorter, and keeps the order', () => {
  const out = carry({ delayMs: 10, jitterMs: 6 }, 5_000);
  assert.ok(out.every(({ slot }, at) => slot === at));
  const delays = out.map(({ slot, atMs }) => atMs - slot);
  assert.ok(Math.min(...delays) >= 4 && Math.min(...delays) <= 7);
  assert.ok(Math.max(...delays) >= 14 && Math.max(...delays) <= 17);
});

test('the same seed does the same, another and the other direction do something else', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
      const unkindness = { loss: 0.3, duplicate: 0.3, reorder: 0.3, delayMs: 2, jitterMs: 1, seed };
      const once = carry(unkindness, 60);
      assert.deepEqual(carry(unkindness, 60), once);
      assert.notDeepEqual(carry(unkindness, 60, 1), once);
      assert.notDeepEqual(carry({ ...unkindness, seed: seed + 1 }, 60), once);
    }),
    { numRuns: 50 },
  );
});

test('what happens to a frame does not hang on when it comes', () => {
  const kept = (step: number): number[] => {
    const queue = new UnkindQueue({ ...KIND, loss: 0.5 }, 0);
    return Array.from({ length: 200 }, (_, slot) => queue.add(slot, slot * step));
  };
  assert.deepEqual(kept(0), kept(7));
});
