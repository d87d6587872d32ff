// The conversation on the replication link, before and beside the log. The primary challenges whoever connects; the joiner
// answers with a keyed hash over both sides' nonces; the primary proves itself likewise and admits it, or says why not.

import type { ByteQueue } from '../log/byte-queue.ts';
import { FRAME_HEADER, LINK_FRAME } from '../log/entry.ts';
import { type FrameView, setU64, writeFrameHeader } from '../log/frame.ts';
import { setU32 } from '../wire/bytes.ts';
import type { Member } from './view.ts';

export const NONCE_BYTES = 16;
export const PROOF_BYTES = 32;
const PROTOCOL_VERSION = 4;

const CHALLENGE_LENGTH = FRAME_HEADER + NONCE_BYTES;
const HELLO_INDEX = FRAME_HEADER + 8;
const HELLO_LIFE = FRAME_HEADER + 12;
const HELLO_NONCE = FRAME_HEADER + 16;
const HELLO_PROOF = HELLO_NONCE + NONCE_BYTES;
const HELLO_LENGTH = HELLO_PROOF + PROOF_BYTES;
const WELCOME_EPOCH = FRAME_HEADER;
const WELCOME_PROOF = FRAME_HEADER + 4;
const WELCOME_LENGTH = WELCOME_PROOF + PROOF_BYTES;
const ACK_LENGTH = FRAME_HEADER + 8;
const PROGRESS_SAID = FRAME_HEADER + 8;
const PROGRESS_LENGTH = FRAME_HEADER + 16;
const REFUSE_TEXT_MOST = 200;

/** Keyed hash of the joined parts, PROOF_BYTES long. */
export type Prove = (label: string, parts: readonly Uint8Array[]) => Uint8Array;

export class LinkSession {
  readonly #queue: ByteQueue;
  readonly #prove: Prove;
  readonly #service: number;
  readonly #self: Member;
  readonly #ownNonce: Uint8Array;
  #peerNonce: Uint8Array = new Uint8Array(NONCE_BYTES);
  #peer: Member = { index: 0, life: 0 };
  #greeted = false;

  /** @param nonce fresh randomness for this connection of the link. */
  constructor(queue: ByteQueue, prove: Prove, service: number, self: Member, nonce: Uint8Array) {
    this.#queue = queue;
    this.#prove = prove;
    this.#service = service;
    this.#self = self;
    this.#ownNonce = nonce;
  }

  /** Who has said HELLO. */
  get peer(): Member {
    return this.#peer;
  }

  sendChallenge(): void {
    const at = this.#begin(LINK_FRAME.CHALLENGE, CHALLENGE_LENGTH);
    this.#queue.bytes.set(this.#ownNonce, at + FRAME_HEADER);
  }

  /** Answers the primary's challenge, of which there is one: whoever sends more does not read the answers. */
  sendHello(challenge: FrameView): boolean {
    if (challenge.length !== CHALLENGE_LENGTH || this.#greeted) return false;
    this.#greeted = true;
    this.#peerNonce = challenge.copy(FRAME_HEADER, NONCE_BYTES);
    const at = this.#begin(LINK_FRAME.HELLO, HELLO_LENGTH);
    setU32(this.#queue.bytes, at + FRAME_HEADER, PROTOCOL_VERSION);
    setU32(this.#queue.bytes, at + FRAME_HEADER + 4, this.#service);
    setU32(this.#queue.bytes, at + HELLO_INDEX, this.#self.index);
    setU32(this.#queue.bytes, at + HELLO_LIFE, this.#self.life);
    this.#queue.bytes.set(this.#ownNonce, at + HELLO_NONCE);
    const said = this.#queue.bytes.subarray(at + FRAME_HEADER, at + HELLO_PROOF);
    this.#queue.bytes.set(this.#prove('hello', [this.#peerNonce, said]), at + HELLO_PROOF);
    return true;
  }

  /** @returns '' or why the joiner is not to be admitted. */
  checkHello(hello: FrameView): string {
    if (hello.length !== HELLO_LENGTH) return 'malformed greeting';
    if (hello.u32(FRAME_HEADER) !== PROTOCOL_VERSION) return 'another version of the replication protocol';
    if (hello.u32(FRAME_HEADER + 4) !== this.#service) return 'another service';
    this.#peerNonce = hello.copy(HELLO_NONCE, NONCE_BYTES);
    this.#peer = { index: hello.u32(HELLO_INDEX), life: hello.u32(HELLO_LIFE) };
    const proof = this.#prove('hello', [this.#ownNonce, hello.copy(FRAME_HEADER, HELLO_PROOF - FRAME_HEADER)]);
    return sameBytes(proof, hello.copy(HELLO_PROOF, PROOF_BYTES)) ? '' : 'another key';
  }

  sendWelcome(epoch: number): void {
    const at = this.#begin(LINK_FRAME.WELCOME, WELCOME_LENGTH);
    setU32(this.#queue.bytes, at + WELCOME_EPOCH, epoch);
    const said = this.#queue.bytes.subarray(at + WELCOME_EPOCH, at + WELCOME_PROOF);
    this.#queue.bytes.set(this.#prove('welcome', [this.#peerNonce, this.#ownNonce, said]), at + WELCOME_PROOF);
  }

  /** @returns the epoch of the view that this host now belongs to, or -1 when the primary has not proved itself. */
  checkWelcome(welcome: FrameView): number {
    if (welcome.length !== WELCOME_LENGTH) return -1;
    const said = welcome.copy(WELCOME_EPOCH, WELCOME_PROOF - WELCOME_EPOCH);
    const proof = this.#prove('welcome', [this.#ownNonce, this.#peerNonce, said]);
    return sameBytes(proof, welcome.copy(WELCOME_PROOF, PROOF_BYTES)) ? welcome.u32(WELCOME_EPOCH) : -1;
  }

  sendRefuse(reason: string): void {
    writeRefuse(this.#queue, reason);
  }

  /** As it may be shown to people: whoever sends it has proved nothing. */
  static readRefuse(refuse: FrameView): string {
    const length = Math.min(REFUSE_TEXT_MOST, refuse.length - FRAME_HEADER);
    const text = String.fromCharCode(...refuse.copy(FRAME_HEADER, length));
    return text.replace(/[^ -~]/g, '?');
  }

  sendAck(position: number): void {
    const at = this.#begin(LINK_FRAME.ACK, ACK_LENGTH);
    setU64(this.#queue.bytes, at + FRAME_HEADER, position);
  }

  /** The position of ACK and DIVERGED. */
  static readPosition(ack: FrameView): number {
    return ack.length === ACK_LENGTH ? ack.u64(FRAME_HEADER) : Number.NaN;
  }

  /** @param fed position in the client's stream. @param said position in the server's stream. */
  sendProgress(connection: number, fed: number, said: number): void {
    const at = this.#begin(LINK_FRAME.PROGRESS, PROGRESS_LENGTH, connection);
    setU64(this.#queue.bytes, at + FRAME_HEADER, fed);
    setU64(this.#queue.bytes, at + PROGRESS_SAID, said);
  }

  /** Both NaN where the frame is malformed. */
  static readProgress(progress: FrameView): { fed: number; said: number } {
    if (progress.length !== PROGRESS_LENGTH) return { fed: Number.NaN, said: Number.NaN };
    return { fed: progress.u64(FRAME_HEADER), said: progress.u64(PROGRESS_SAID) };
  }

  sendDiverged(connection: number, position: number): void {
    const at = this.#begin(LINK_FRAME.DIVERGED, ACK_LENGTH, connection);
    setU64(this.#queue.bytes, at + FRAME_HEADER, position);
  }

  sendLeave(): void {
    this.#begin(LINK_FRAME.LEAVE, FRAME_HEADER);
  }

  #begin(type: number, length: number, connection = 0): number {
    return beginFrame(this.#queue, type, length, connection);
  }
}

/** Says why the connection ends here: also to whom no session has begun with. */
export function writeRefuse(queue: ByteQueue, reason: string): void {
  const text = Uint8Array.from(reason, (character) => character.charCodeAt(0) & 0x7f);
  const at = beginFrame(queue, LINK_FRAME.REFUSE, FRAME_HEADER + text.length, 0);
  queue.bytes.set(text, at + FRAME_HEADER);
}

function beginFrame(queue: ByteQueue, type: number, length: number, connection: number): number {
  const at = queue.reserve(length);
  if (at < 0) throw new Error('broken invariant: the link is read, so its small frames find room');
  writeFrameHeader(queue.bytes, at, length, type, 0, connection);
  queue.commit(at, length);
  return at;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
