/** The greeting of the link, and the small frames after it: what one side writes the other reads, and nobody else could have. */
import { deepEqual, equal } from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import { FrameView } from '../../src/log/frame.ts';
import { LinkSession, type Prove } from '../../src/replica/link-session.ts';
import { word32 } from '../wire/arbitraries.ts';

const prover =
  (key: string): Prove =>
  (label, parts) => {
    const hmac = createHmac('sha256', key).update(label);
    for (const part of parts) hmac.update(part);
    return new Uint8Array(hmac.digest());
  };

/** One end, and the frame that it has written last. */
class End {
  readonly queue = new ByteQueue(new Uint8Array(1_000));
  readonly session: LinkSession;

  constructor(key: string, life: number, nonce: Uint8Array) {
    this.session = new LinkSession(this.queue, prover(key), 7, { index: life % 2, life }, nonce);
  }

  said(): FrameView {
    const frame = new FrameView();
    const { readOffset, readable } = this.queue;
    const length = frame.set(this.queue.bytes.slice(readOffset, readOffset + readable), 0, readable);
    equal(length, readable);
    this.queue.consume(readable);
    return frame;
  }
}

const nonce = fc.uint8Array({ minLength: 16, maxLength: 16 });

test('who has the key is admitted, and knows its primary by it; a bit that is changed on the way is found', () => {
  fc.assert(
    fc.property(nonce, nonce, word32, word32, fc.nat(47), fc.nat(7), (ours, theirs, life, epoch, byte, bit) => {
      const primary = new End('key', 1, ours);
      const joiner = new End('key', life, theirs);
      primary.session.sendChallenge();
      equal(joiner.session.sendHello(primary.said()), true);
      const hello = joiner.said();
      const forged = new FrameView();
      forged.set(hello.bytes.slice(), 0, hello.length);
      forged.bytes[12 + byte] = forged.u8(12 + byte) ^ (1 << bit);
      equal(primary.session.checkHello(forged) === '', false);
      equal(primary.session.checkHello(hello), '');
      deepEqual(primary.session.peer, { index: life % 2, life });
      primary.session.sendWelcome(epoch);
      const welcome = primary.said();
      equal(joiner.session.checkWelcome(welcome), epoch);
      welcome.bytes[12 + (byte % 36)] = welcome.u8(12 + (byte % 36)) ^ (1 << bit);
      equal(joiner.session.checkWelcome(welcome), -1);
    }),
  );
});

test('who has another key is not admitted', () => {
  const primary = new End('key', 1, new Uint8Array(16));
  const joiner = new End('other', 2, new Uint8Array(16));
  primary.session.sendChallenge();
  joiner.session.sendHello(primary.said());
  equal(primary.session.checkHello(joiner.said()), 'another key');
});

test('positions are read as they were written', () => {
  fc.assert(
    fc.property(word32, fc.maxSafeNat(), fc.maxSafeNat(), (connection, position, said) => {
      const end = new End('key', 1, new Uint8Array(16));
      end.session.sendProgress(connection, position, said);
      const progress = end.said();
      deepEqual([progress.connection, LinkSession.readProgress(progress)], [connection, { fed: position, said }]);
      end.session.sendDiverged(connection, position);
      const diverged = end.said();
      deepEqual([diverged.connection, LinkSession.readPosition(diverged)], [connection, position]);
      end.session.sendAck(position);
      equal(LinkSession.readPosition(end.said()), position);
    }),
  );
});
