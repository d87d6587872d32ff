import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Budget, OWN_BYTES } from '../../src/south/budget.ts';
import { StreamBuffer } from '../../src/south/stream-buffer.ts';

/** What the buffer must agree with: a map from position to byte, in which the first byte stays. */
class Model {
  readonly bytes = new Map<number, number>();
  base: number;

  constructor(base: number) {
    this.base = base;
  }

  get end(): number {
    let end = this.base;
    while (this.bytes.has(end)) end++;
    return end;
  }
}

/** Stores what is missing of the bytes, as the client's side does. */
function add(buffer: StreamBuffer, position: number, bytes: Uint8Array): void {
  const end = position + bytes.length;
  for (let from = buffer.nextMissing(position, end); from < end; ) {
    const to = buffer.missingEnd(from, end);
    buffer.write(from, bytes, from - position, to - from);
    from = buffer.nextMissing(to, end);
  }
}

const step = fc.record({
  at: fc.integer({ min: 0, max: 9000 }),
  length: fc.integer({ min: 1, max: 3000 }),
  value: fc.nat(255),
  release: fc.integer({ min: 0, max: 4000 }),
});

for (const origin of [1, 2 ** 32 - 5000, 2 ** 45]) {
  test(`bytes are kept by position, whatever their order and overlap, from ${origin} on`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const buffer = new StreamBuffer(origin, 1 << 20, new Budget(1 << 20));
        const model = new Model(origin);
        for (const { at, length, value, release } of steps) {
          const position = Math.max(model.base, origin + at);
          add(buffer, position, new Uint8Array(length).fill(value));
          for (let i = 0; i < length; i++) {
            if (!model.bytes.has(position + i)) model.bytes.set(position + i, value);
          }
          equal(buffer.end, model.end);
          buffer.release(buffer.base + release);
          model.base = Math.min(model.end, model.base + release);
          equal(buffer.base, model.base);
          const kept = new Uint8Array(buffer.end - buffer.base);
          buffer.read(buffer.base, kept.length, kept, 0);
          deepEqual(
            kept,
            Uint8Array.from({ length: kept.length }, (_, i) => model.bytes.get(model.base + i) ?? 0),
          );
        }
        const window = new Uint8Array(12_500).fill(7);
        buffer.overlay(model.base, window.length, window, 0);
        deepEqual(
          window,
          Uint8Array.from(window, (_, i) => model.bytes.get(model.base + i) ?? 7),
        );
      }),
      { numRuns: 60 },
    );
  });
}

test('bytes that lie in one run of the ring can be used where they are', () => {
  const buffer = new StreamBuffer(0, 1 << 20, new Budget(1 << 20));
  const bytes = Uint8Array.from({ length: 6000 }, (_, i) => i % 251);
  buffer.write(0, bytes, 0, 4096);
  buffer.release(3000);
  buffer.write(4096, bytes, 4096, 1904);
  const inPlace = (from: number, to: number): Uint8Array | undefined => {
    const at = buffer.offsetInRing(from, to - from);
    return at < 0 ? undefined : buffer.ring.slice(at, at + to - from);
  };
  deepEqual(inPlace(3000, 4096), bytes.slice(3000, 4096));
  deepEqual(inPlace(4096, 6000), bytes.slice(4096));
  equal(inPlace(3000, 4097), undefined, 'the ring of 4096 bytes ends in between');
});

test('buffers share what they have beyond their own, and give it back', () => {
  const budget = new Budget(4 * OWN_BYTES);
  const [one, other] = [new StreamBuffer(0, 1 << 20, budget), new StreamBuffer(0, 1 << 20, budget)];
  const bytes = new Uint8Array(OWN_BYTES);
  one.write(0, bytes, 0, OWN_BYTES);
  equal(budget.usedBytes, 0, 'its own');
  for (let at = OWN_BYTES; at < 4 * OWN_BYTES; at += OWN_BYTES) one.write(at, bytes, 0, OWN_BYTES);
  equal(budget.usedBytes, 4 * OWN_BYTES);
  equal(one.accepts(4 * OWN_BYTES + 1), false, 'all that there is');
  equal(one.fits(4 * OWN_BYTES + 1), true);
  equal(other.accepts(OWN_BYTES), true, 'its own is left to everyone');
  equal(other.accepts(OWN_BYTES + 1), false);
  one.release(4 * OWN_BYTES);
  one.rest();
  equal(budget.usedBytes, 4 * OWN_BYTES, 'more may come at once');
  one.rest();
  equal(budget.usedBytes, 0);
  equal(other.accepts(OWN_BYTES + 1), true);
  one.write(4 * OWN_BYTES, bytes, 0, 100);
  deepEqual(one.end, 4 * OWN_BYTES + 100);
});

test('a buffer that is dropped with what it holds costs nothing any more', () => {
  const budget = new Budget(1 << 20);
  const buffer = new StreamBuffer(0, 1 << 20, budget);
  buffer.write(0, new Uint8Array(200_000), 0, 200_000);
  buffer.write(300_000, new Uint8Array(10), 0, 10);
  buffer.drop();
  buffer.drop();
  equal(budget.usedBytes, 0);
  equal(buffer.holes, 0);
});
