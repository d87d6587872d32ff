/**
 * What comes over the socket of an encrypted link, one connection an input: from a stranger in the midst of the TLS handshake, or from a
 * peer with keys and somebody on the cable who meddles. What was not sealed reaches nobody, and who has proved nothing costs little.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { FrameIntake } from '../../src/daemon/frame-intake.ts';
import { LinkEncryption } from '../../src/daemon/link-encryption.ts';
import { Opener, Sealer } from '../../src/daemon/link-seal.ts';
import { RECEIVE_BYTES } from '../../src/daemon/replication-link.ts';
import { KEY_BYTES } from '../../src/linux/aes-gcm.ts';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import { ENTRY, FRAME_HEADER, FRAME_MAX, LINK_FRAME } from '../../src/log/entry.ts';
import { FrameView, writeFrameHeader } from '../../src/log/frame.ts';
import { writeRefuse } from '../../src/replica/link-session.ts';
import { joinBytes, setU32 } from '../../src/wire/bytes.ts';
import type { Target } from '../target.ts';

/** Of both directions, so that the same frames do for either side. */
const KEY = new Uint8Array(KEY_BYTES).fill(1);
const HANDSHAKE_MOST_BYTES = 64 << 10;
/** A refusal, and nothing else. */
const ANSWER_MOST_BYTES = 300;

/** What the first byte of an input says; the second one, where the bytes are cut that come at a time. */
const KEYED = 1;
const JOINER = 2;
const CIRCUMSTANCES = 2;

export const sealed: Target = {
  name: 'sealed',
  weight: 2,
  bytesMax: 4_000,
  subject() {
    const host = new Host();
    return {
      corpus: CORPUS.map((bytes) => Uint8Array.of(KEYED, 0, ...bytes)),
      prepare(input, random) {
        input[0] = random.integer(0, KEYED | JOINER);
        input[1] = random.integer(0, 255);
        const frame = input.subarray(CIRCUMSTANCES);
        if (frame.length >= FRAME_HEADER && random.chance(0.3)) setU32(frame, 0, frame.length);
      },
      take: (input) => host.take(input[0] ?? 0, input[1] ?? 0, input.subarray(CIRCUMSTANCES)),
      check: () => undefined,
    };
  },
};

/** What data loop and socket do for the encryption, and a main thread that makes no TLS. */
class Host {
  readonly #received = new FrameIntake(new Uint8Array(RECEIVE_BYTES));
  readonly #encryption: LinkEncryption;
  readonly #frame = new FrameView();
  #taken: Uint8Array[] = [];
  #connection = 0;
  #handshakeBytes = 0;
  #refusals = 0;

  constructor() {
    const consume = (bytes: Uint8Array, offset: number, length: number) => {
      const taken = this.#frame.set(bytes, offset, length);
      if (taken > 0) this.#taken.push(this.#frame.copy(0, taken));
      return taken;
    };
    const names = { service: 'files', self: 'a', peer: 'b' };
    this.#encryption = new LinkEncryption(new ByteQueue(new Uint8Array(FRAME_MAX)), consume, names, {
      ask: (ask) => {
        if (ask.ask === 'take') this.#handshakeBytes += ask.bytes.length;
      },
      secured: () => undefined,
      refused: () => {
        this.#refusals++;
      },
    });
  }

  take(circumstances: number, cut: number, bytes: Uint8Array): void {
    const isKeyed = (circumstances & KEYED) !== 0;
    this.#connection++;
    this.#handshakeBytes = this.#refusals = 0;
    this.#taken = [];
    this.#received.clear();
    this.#encryption.begin((circumstances & JOINER) !== 0 ? 'joiner' : 'primary', 0);
    if (isKeyed) {
      const keys = { joiner: KEY, primary: KEY };
      this.#encryption.takeNews({ connection: this.#connection, news: 'keys', keys });
    }
    const isOpen = this.#receive(bytes.subarray(0, cut)) && this.#receive(bytes.subarray(cut));
    const expected = isKeyed ? openedBy(bytes) : [];
    deepEqual(this.#taken, expected.slice(0, this.#taken.length), 'only what was sealed is taken');
    if (isOpen) equal(this.#taken.length, expected.length, 'all that was sealed is taken');
    ok(this.#handshakeBytes <= HANDSHAKE_MOST_BYTES, 'a handshake has an end');
    ok(this.#refusals <= 1, 'a connection is told of once');
    ok(this.#encryption.wire.used <= ANSWER_MOST_BYTES, 'who says something is told no more than why it is in vain');
    ok(isOpen || this.#refusals > 0 || isKeyed || this.#encryption.problem !== '', 'an end has a reason');
  }

  #receive(bytes: Uint8Array): boolean {
    this.#received.bytes.set(bytes, this.#received.filled);
    this.#received.filled += bytes.length;
    return this.#received.drain(this.#encryption.consume);
  }
}

/** The frames that are whole and genuine, up to where something else comes. */
function openedBy(bytes: Uint8Array): Uint8Array[] {
  const opener = new Opener(KEY);
  const frame = new FrameView();
  const content = new Uint8Array(bytes.length);
  let filled = 0;
  for (let at = 0; at < bytes.length; at += frame.length) {
    if (frame.set(bytes, at, bytes.length - at) <= 0) break;
    // Until the first sealed frame there may be others.
    if (frame.type !== LINK_FRAME.SEALED && filled === 0) continue;
    const length = frame.type === LINK_FRAME.SEALED ? opener.open(frame, content, filled) : -1;
    if (length < 0) break;
    filled += length;
  }
  opener.free();
  const frames: Uint8Array[] = [];
  for (let at = 0; at < filled; at += frame.length) {
    if (frame.set(content, at, filled - at) <= 0) break;
    frames.push(frame.copy(0, frame.length));
  }
  return frames;
}

function frameOf(type: number, length: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER + length).fill(5);
  writeFrameHeader(frame, 0, frame.length, type, 0, 1);
  return frame;
}

/** A stream of frames, cut into pieces of this length, sealed. */
function sealedIn(pieceBytes: number, ...frames: Uint8Array[]): Uint8Array {
  const sealer = new Sealer(KEY);
  const stream = joinBytes(...frames);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < stream.length; at += pieceBytes) {
    const length = Math.min(pieceBytes, stream.length - at);
    const into = new Uint8Array(length + 100);
    pieces.push(into.slice(0, sealer.seal(stream, at, length, into, 0)));
  }
  sealer.free();
  return joinBytes(...pieces);
}

function refusal(): Uint8Array {
  const queue = new ByteQueue(new Uint8Array(100));
  writeRefuse(queue, 'no');
  return queue.bytes.slice(0, queue.used);
}

const [NOTE, BYTES, TLS] = [frameOf(LINK_FRAME.ACK, 8), frameOf(ENTRY.BYTES, 100), frameOf(LINK_FRAME.TLS, 50)];

const CORPUS = [
  sealedIn(1_000, NOTE),
  sealedIn(1_000, NOTE, BYTES, NOTE),
  sealedIn(30, BYTES, NOTE, BYTES, NOTE),
  joinBytes(TLS, TLS, sealedIn(50, BYTES, NOTE)),
  joinBytes(sealedIn(1_000, NOTE), TLS),
  joinBytes(sealedIn(1_000, NOTE), BYTES),
  frameOf(LINK_FRAME.TLS, 0),
  joinBytes(...Array.from({ length: 60 }, () => TLS)),
  frameOf(LINK_FRAME.CHALLENGE, 16),
  refusal(),
  BYTES,
];
