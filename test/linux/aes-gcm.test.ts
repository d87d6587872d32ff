/** What goes from memory to memory is what `node:crypto` makes of the same bytes. */
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { AesGcm, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from '../../src/linux/aes-gcm.ts';
import { allocate } from '../../src/linux/memory.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const BOX_AT = 3;

/** In memory of its own, as the kernel's callers have it. */
function placed(content: Uint8Array): Uint8Array {
  const all = allocate(content.length);
  all.set(content);
  return all;
}

test('boxes are those of node:crypto, both ways, under one key after another', () => {
  const sealer = new AesGcm('seal', new Uint8Array(KEY_BYTES));
  const opener = new AesGcm('open', new Uint8Array(KEY_BYTES));
  fc.assert(
    fc.property(
      bytes(KEY_BYTES),
      bytes(NONCE_BYTES),
      fc.uint8Array({ maxLength: 20 }),
      fc.uint8Array({ maxLength: 400 }),
      (key, nonce, head, text) => {
        for (const cipher of [sealer, opener]) {
          cipher.setKey(key);
          cipher.nonce.set(nonce);
        }
        const box = allocate(BOX_AT + head.length + text.length + TAG_BYTES);
        box.set(head, BOX_AT);
        sealer.seal(placed(text), 0, text.length, box, BOX_AT, head.length);
        const reference = createCipheriv('aes-256-gcm', key, nonce).setAAD(head);
        const expected = Buffer.concat([head, reference.update(text), reference.final(), reference.getAuthTag()]);
        assert.deepEqual(Buffer.from(box.subarray(BOX_AT)), expected);

        const opened = allocate(BOX_AT + text.length);
        assert.equal(opener.open(box, BOX_AT, head.length, text.length, opened, BOX_AT), true);
        assert.deepEqual(opened.subarray(BOX_AT), text);
        const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(head);
        decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
        assert.deepEqual(
          Buffer.from(decipher.update(box.subarray(BOX_AT + head.length, box.length - TAG_BYTES))),
          Buffer.from(text),
        );
        decipher.final();
      },
    ),
  );
  sealer.free();
  opener.free();
});

test('a bit that is another, in head, text or tag, is found, and the cipher goes on', () => {
  const key = new Uint8Array(KEY_BYTES).fill(9);
  const [sealer, opener] = [new AesGcm('seal', key), new AesGcm('open', key)];
  const text = placed(Uint8Array.of(1, 2, 3, 4));
  const box = allocate(2 + text.length + TAG_BYTES);
  sealer.seal(text, 0, text.length, box, 0, 2);
  const opened = allocate(text.length);
  for (let bit = 0; bit < 8 * box.length; bit++) {
    const flip = () => {
      box[bit >> 3] = (box[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    };
    flip();
    assert.equal(opener.open(box, 0, 2, text.length, opened, 0), false, `bit ${bit}`);
    flip();
  }
  assert.equal(opener.open(box, 0, 2, text.length, opened, 0), true);
  assert.deepEqual(opened, text);
});

test('nothing is read or written beside its buffer, nor by a cipher that is gone', () => {
  const key = new Uint8Array(KEY_BYTES);
  const [sealer, opener] = [new AesGcm('seal', key), new AesGcm('open', key)];
  const ten = allocate(10);
  const box = allocate(10 + TAG_BYTES);
  assert.throws(() => sealer.seal(ten, 0, 11, box, 0, 0), /a box has room/);
  assert.throws(() => sealer.seal(ten, 0, 10, box, 0, 1), /a box has room/);
  assert.throws(() => sealer.seal(ten, -1, 10, box, 0, 0), /a box has room/);
  assert.throws(() => opener.open(box, 0, 1, 10, ten, 0), /a text has room/);
  assert.throws(() => opener.open(box, 0, 0, 10, ten, 1), /a text has room/);
  assert.throws(() => opener.seal(ten, 0, 10, box, 0, 0), /a box has room/);
  sealer.free();
  assert.throws(() => sealer.seal(ten, 0, 10, box, 0, 0), /not used after its end/);
});
