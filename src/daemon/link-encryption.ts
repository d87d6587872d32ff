/**
 * Stands between the replica and the link's socket where the link is encrypted, on the data worker. A connection begins with frames of a
 * TLS handshake, whose bytes the main thread makes and takes (`link-handshake.ts`). With the keys that came of it all frames of the
 * replica are sealed (`link-seal.ts`), and nothing is taken that is not. docs/protocol.md, "The encrypted link".
 *
 * Until the peer has sealed a frame it is a stranger, who may say little, and not for long.
 */
import { allocate } from '../linux/memory.ts';
import { ByteQueue } from '../log/byte-queue.ts';
import { FRAME_HEADER, FRAME_MAX, LINK_FRAME } from '../log/entry.ts';
import { FrameView, writeFrameHeader } from '../log/frame.ts';
import { LinkSession, writeRefuse } from '../replica/link-session.ts';
import { type Consume, FrameIntake } from './frame-intake.ts';
import type { HandshakeAsk, HandshakeNames, HandshakeNews, LinkKeys, LinkSide } from './link-handshake.ts';
import { Opener, SEAL_OVERHEAD, SEALED_MOST, Sealer } from './link-seal.ts';
import { RECEIVE_BYTES, type ReplicationLink } from './replication-link.ts';

const WIRE_BYTES = 8 * FRAME_MAX;
/** A handshake between two hosts of a service takes less than 4 KB either way. */
const HANDSHAKE_MOST_BYTES = 64 << 10;
const HANDSHAKE_MOST_MS = 5000;
/** Of it in one frame. */
const PART_MOST_BYTES = FRAME_MAX - FRAME_HEADER;
const REFUSE_TEXT_MOST = 200;
const FORGED = 'what came over the link was not sealed by the peer';

export interface EncryptionPorts {
  /** To the main thread. */
  ask(ask: HandshakeAsk): void;
  /** The link can be used now. */
  secured(): void;
  /** The connection leads to nothing, and why: the operator has to do something about it. */
  refused(reason: string): void;
}

export class LinkEncryption {
  /** What goes out: to be sent as it is. */
  readonly wire = new ByteQueue(allocate(WIRE_BYTES));
  /** Takes what comes in. */
  readonly consume: Consume = (bytes, offset, length) => this.#take(bytes, offset, length);
  readonly #outgoing: ByteQueue;
  readonly #consumeFrames: Consume;
  readonly #names: HandshakeNames;
  readonly #ports: EncryptionPorts;
  readonly #frame = new FrameView();
  readonly #opened = new FrameIntake(allocate(RECEIVE_BYTES + FRAME_MAX));
  #connection = 0;
  #side: LinkSide | undefined;
  /** The main thread has a handshake for this connection. */
  #begun = false;
  #deadlineMs = 0;
  #handshakeBytes = 0;
  #sealer: Sealer | undefined;
  #opener: Opener | undefined;
  /** The peer has sealed a frame. */
  #isProven = false;
  #problem = '';
  #recordsSealed = 0;
  #recordsOpened = 0;

  /**
   * @param outgoing the frames that are to be sealed.
   * @param consume takes the frames that were.
   */
  constructor(outgoing: ByteQueue, consume: Consume, names: HandshakeNames, ports: EncryptionPorts) {
    this.#outgoing = outgoing;
    this.#consumeFrames = consume;
    this.#names = names;
    this.#ports = ports;
  }

  /** Why the connection has to end; '' as long as it has not. */
  get problem(): string {
    return this.#problem;
  }

  get counters(): { linkRecordsSealed: number; linkRecordsOpened: number } {
    return { linkRecordsSealed: this.#recordsSealed, linkRecordsOpened: this.#recordsOpened };
  }

  /** A connection stands. */
  begin(side: LinkSide, nowMs: number): void {
    this.end();
    this.#connection++;
    this.#side = side;
    this.#deadlineMs = nowMs + HANDSHAKE_MOST_MS;
    // A primary waits for what a stranger has to say before it has the main thread do anything.
    if (side === 'joiner') this.#beginHandshake(side);
  }

  /** The connection has ended. */
  end(): void {
    this.#endHandshake();
    this.#sealer?.free();
    this.#opener?.free();
    this.#side = this.#sealer = this.#opener = undefined;
    this.#handshakeBytes = 0;
    this.#isProven = false;
    this.#problem = '';
    this.wire.clear();
    this.#opened.clear();
  }

  /** From the main thread. */
  takeNews(news: HandshakeNews): void {
    if (this.#side === undefined || news.connection !== this.#connection || this.#problem !== '') return;
    if (news.news === 'send') this.#sendHandshake(news.bytes);
    else if (news.news === 'keys') this.#secure(news.keys, this.#side);
    else this.#refuse(news.reason);
  }

  /** Time passes. @returns why the connection has to end; '' if it has not. */
  turn(nowMs: number): string {
    if (this.#side !== undefined && !this.#isProven && this.#problem === '' && nowMs >= this.#deadlineMs) {
      const seconds = HANDSHAKE_MOST_MS / 1000;
      this.#refuse(`${this.#names.peer} has not made itself known by TLS within ${seconds} s: does it have tls too?`);
    }
    return this.#problem;
  }

  /** Seals what is queued, and has it sent as far as it goes now. @returns '' or why the connection has ended. */
  flush(link: ReplicationLink): string {
    for (;;) {
      const isAllSealed = this.#seal();
      const reason = link.flush();
      if (reason !== '' || isAllSealed || this.wire.used > 0) return reason;
    }
  }

  /** @returns whether there was room for all. */
  #seal(): boolean {
    const queue = this.#outgoing;
    while (this.#sealer !== undefined && queue.used > 0) {
      const from = queue.readOffset;
      const length = Math.min(queue.readable, SEALED_MOST);
      const at = this.wire.reserve(SEAL_OVERHEAD + length);
      if (at < 0) return false;
      this.wire.commit(at, this.#sealer.seal(queue.bytes, from, length, this.wire.bytes, at));
      queue.consume(length);
      this.#recordsSealed++;
    }
    return true;
  }

  #take(bytes: Uint8Array, offset: number, length: number): number {
    let done = 0;
    while (done < length) {
      const taken = this.#frame.set(bytes, offset + done, length - done);
      if (taken === 0) break;
      if (!(taken > 0 ? this.#takeFrame(this.#frame) : this.#fail())) return -1;
      done += taken;
    }
    return this.#opened.drain(this.#consumeFrames) ? done : -1;
  }

  #takeFrame(frame: FrameView): boolean {
    if (frame.type === LINK_FRAME.SEALED) return this.#open(frame);
    if (this.#isProven) return this.#fail();
    switch (frame.type) {
      case LINK_FRAME.TLS:
        return this.#takeHandshake(frame);
      case LINK_FRAME.CHALLENGE: {
        const { self, peer } = this.#names;
        return this.#refuse(`${self} encrypts the link and ${peer} does not: give tls to both, or to neither`);
      }
      case LINK_FRAME.REFUSE:
        this.#ports.refused(LinkSession.readRefuse(frame));
        return false;
      default:
        return this.#fail();
    }
  }

  #open(frame: FrameView): boolean {
    const { bytes, filled } = this.#opened;
    const length = this.#opener?.open(frame, bytes, filled) ?? -1;
    if (length < 0) return this.#fail();
    this.#opened.filled += length;
    this.#recordsOpened++;
    this.#isProven = true;
    this.#endHandshake();
    return true;
  }

  #takeHandshake(frame: FrameView): boolean {
    if (this.#side === undefined) return false;
    this.#handshakeBytes += frame.length;
    if (this.#handshakeBytes > HANDSHAKE_MOST_BYTES) return this.#refuse('the TLS handshake has no end');
    // The other side had more to say than was needed.
    if (this.#opener !== undefined) return true;
    if (!this.#begun) this.#beginHandshake(this.#side);
    const bytes = frame.copy(FRAME_HEADER, frame.length - FRAME_HEADER);
    this.#ports.ask({ connection: this.#connection, ask: 'take', bytes });
    return true;
  }

  #beginHandshake(side: LinkSide): void {
    this.#begun = true;
    this.#ports.ask({ connection: this.#connection, ask: 'begin', side });
  }

  #endHandshake(): void {
    if (this.#begun) this.#ports.ask({ connection: this.#connection, ask: 'end' });
    this.#begun = false;
  }

  #sendHandshake(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += PART_MOST_BYTES) {
      const part = bytes.subarray(from, from + PART_MOST_BYTES);
      const length = FRAME_HEADER + part.length;
      const at = this.wire.reserve(length);
      // Who does not read is waited for no longer than any other.
      if (at < 0) return;
      writeFrameHeader(this.wire.bytes, at, length, LINK_FRAME.TLS, 0, 0);
      this.wire.bytes.set(part, at + FRAME_HEADER);
      this.wire.commit(at, length);
    }
  }

  #secure(keys: LinkKeys, side: LinkSide): void {
    this.#sealer = new Sealer(keys[side]);
    this.#opener = new Opener(keys[side === 'joiner' ? 'primary' : 'joiner']);
    this.#ports.secured();
  }

  /** Nothing comes of the connection, and both hosts are told why. */
  #refuse(reason: string): false {
    this.#problem = reason;
    this.#ports.refused(reason);
    const said = reason.slice(0, REFUSE_TEXT_MOST);
    if (this.wire.reserve(FRAME_HEADER + said.length) >= 0) writeRefuse(this.wire, said);
    return false;
  }

  #fail(): false {
    this.#problem = FORGED;
    return false;
  }
}
