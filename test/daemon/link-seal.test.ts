/** Sealed frames: what is opened is what was sealed, in its order, and nothing else is. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Opener, SEAL_OVERHEAD, SEALED_MOST, Sealer } from '../../src/daemon/link-seal.ts';
import { KEY_BYTES } from '../../src/linux/aes-gcm.ts';
import { FRAME_MAX, LINK_FRAME } from '../../src/log/entry.ts';
import { FrameView } from '../../src/log/frame.ts';

const KEY = new Uint8Array(KEY_BYTES).fill(7);
const RECORDS_PER_KEY = 3;

function sealed(sealer: Sealer, content: Uint8Array): FrameView {
  const bytes = new Uint8Array(5 + SEAL_OVERHEAD + content.length);
  const length = sealer.seal(content, 0, content.length, bytes, 5);
  const frame = new FrameView();
  equal(frame.set(bytes, 5, bytes.length - 5), length);
  return frame;
}

/** Undefined where it is refused. */
function opened(opener: Opener, frame: FrameView): Uint8Array | undefined {
  const into = new Uint8Array(3 + frame.length);
  const length = opener.open(frame, into, 3);
  return length < 0 ? undefined : into.slice(3, 3 + length);
}

const contents = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 10 });

test('what was sealed is opened, in its order, over changes of the key too', () => {
  fc.assert(
    fc.property(contents, (all) => {
      const sealer = new Sealer(KEY, RECORDS_PER_KEY);
      const opener = new Opener(KEY, RECORDS_PER_KEY);
      for (const content of all) {
        const frame = sealed(sealer, content);
        equal(frame.type, LINK_FRAME.SEALED);
        deepEqual(opened(opener, frame), content);
      }
    }),
  );
});

test('no bit may be another, nor one byte less', () => {
  const content = Uint8Array.of(1, 2, 3);
  const { length } = sealed(new Sealer(KEY), content);
  // A length that is another one is another frame.
  for (let bit = 32; bit < 8 * length; bit++) {
    const frame = sealed(new Sealer(KEY), content);
    const at = frame.offset + (bit >> 3);
    frame.bytes[at] = (frame.bytes[at] ?? 0) ^ (1 << (bit & 7));
    equal(opened(new Opener(KEY), frame), undefined, `bit ${bit}`);
  }
  for (let shorter = 0; shorter < length; shorter++) {
    const frame = sealed(new Sealer(KEY), content);
    frame.length = shorter;
    equal(opened(new Opener(KEY), frame), undefined, `${shorter} bytes`);
  }
});

test('a frame that comes again, too early, or of another key is none', () => {
  const sealer = new Sealer(KEY);
  const [first, second] = [sealed(sealer, Uint8Array.of(1)), sealed(sealer, Uint8Array.of(2))];
  const opener = new Opener(KEY);
  deepEqual(opened(opener, first), Uint8Array.of(1));
  equal(opened(opener, first), undefined);
  equal(opened(new Opener(KEY), second), undefined);
  equal(opened(new Opener(new Uint8Array(KEY_BYTES)), first), undefined);
});

test('the key changes where both sides count to, and equal contents never look alike', () => {
  const sealer = new Sealer(KEY, RECORDS_PER_KEY);
  const frames = Array.from({ length: 2 * RECORDS_PER_KEY + 1 }, () => sealed(sealer, new Uint8Array(16)));
  equal(new Set(frames.map((frame) => frame.copy(0, frame.length).join())).size, frames.length);
  const other = new Opener(KEY, RECORDS_PER_KEY + 1);
  for (const frame of frames.slice(0, RECORDS_PER_KEY)) deepEqual(opened(other, frame), new Uint8Array(16));
  equal(opened(other, frames[RECORDS_PER_KEY] ?? new FrameView()), undefined);
});

test('the longest frame has room for its content', () => {
  const frame = sealed(new Sealer(KEY), new Uint8Array(SEALED_MOST));
  equal(frame.length, FRAME_MAX);
  equal(opened(new Opener(KEY), frame)?.length, SEALED_MOST);
});
