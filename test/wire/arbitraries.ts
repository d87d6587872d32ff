/** Random segments for the properties. */
import fc from 'fast-check';
import type { NaiveOption, NaiveSegment } from './reference.ts';

export const word16: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff });
/** Sequence numbers, with a liking for the places where they wrap. */
export const word32: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 0xfffffffc, max: 0xffffffff }),
  fc.integer({ min: 0x7ffffffe, max: 0x80000001 }),
);

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const timestamps: fc.Arbitrary<NaiveOption> = fc.record({
  kind: fc.constant('timestamps' as const),
  tsVal: word32,
  tsEcr: word32,
});
const sack: fc.Arbitrary<NaiveOption> = fc.record({
  kind: fc.constant('sack' as const),
  blocks: fc.array(fc.tuple(word32, word32), { minLength: 1, maxLength: 3 }),
});
const unknown: fc.Arbitrary<NaiveOption> = fc.record({
  kind: fc.constant('raw' as const),
  bytes: fc.constantFrom([69, 2], [19, 6, 1, 2, 3, 4], [30, 4, 0, 1], [34, 2], [253, 4, 0xf9, 0x89]),
});
const mss: fc.Arbitrary<NaiveOption> = fc.record({ kind: fc.constant('mss' as const), mss: word16 });
const windowScale: fc.Arbitrary<NaiveOption> = fc.record({
  kind: fc.constant('windowScale' as const),
  shift: fc.integer({ min: 0, max: 14 }),
});
const plain: fc.Arbitrary<NaiveOption> = fc.constantFrom({ kind: 'nop' }, { kind: 'sackPermitted' });

/** Any options in any order, at most 40 bytes of them. */
const options = fc
  .tuple(
    fc.option(timestamps, { nil: undefined }),
    fc.oneof(sack, fc.tuple(mss, windowScale)),
    fc.array(fc.oneof(plain, unknown), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([first, second, rest, reversed]) => {
    const all = [...(first ? [first] : []), ...(Array.isArray(second) ? second : [second]), ...rest];
    const ordered = reversed ? all.reverse() : all;
    let room = 40;
    return ordered.filter((option) => {
      const size = sizeOf(option);
      if (size > room) return false;
      room -= size;
      return true;
    });
  });

function sizeOf(option: NaiveOption): number {
  switch (option.kind) {
    case 'mss':
      return 4;
    case 'windowScale':
      return 3;
    case 'sackPermitted':
      return 2;
    case 'timestamps':
      return 10;
    case 'sack':
      return 2 + 8 * option.blocks.length;
    case 'nop':
      return 1;
    case 'raw':
      return option.bytes.length;
  }
}

const ends = fc.oneof(
  fc.record({
    source: bytesOf(4),
    destination: bytesOf(4),
    ipOptions: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1, 1, 1, 0), new Uint8Array(40).fill(1)),
  }),
  fc.record({
    source: bytesOf(16),
    destination: bytesOf(16),
    // A destination-options header with PadN, before TCP.
    ipOptions: fc.constantFrom(new Uint8Array(0), Uint8Array.of(6, 0, 1, 4, 0, 0, 0, 0)),
  }),
);

export const naiveSegment: fc.Arbitrary<NaiveSegment> = fc
  .tuple(
    ends,
    fc.record({
      sourcePort: word16,
      destinationPort: word16,
      seq: word32,
      ack: word32,
      flags: fc.integer({ min: 0, max: 0xff }),
      window: word16,
      urgentPointer: word16,
      options,
      payload: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 500, maxLength: 1500 })),
    }),
  )
  .map(([addresses, rest]) => ({ ...addresses, ...rest }));
