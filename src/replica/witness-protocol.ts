// What replica and witness say to each other: one datagram a request, one an answer, both sealed with the service's key. Nothing
// here remembers anything: a request that is lost, repeated or late is harmless, because of what a change is (`view.ts`).
//
// request: magic u32 | version u8 | kind u8 | service 8 | sequence u32 | from | for a change: expected u32, flags u8, view | seal
// answer:  magic u32 | version u8 | problem u8 | service 8 | sequence u32 | from | views u8 (0 or 1), the view | seal
// from, and every member: index u8, life u32. view: epoch u32, primary, count u8, backups. seal: 32 bytes over all before it.
// Big-endian.
import { assert } from '../errors.ts';
import { equalBytes, getU32, setU32 } from '../wire/bytes.ts';
import {
  type Member,
  sameMember,
  type View,
  WITNESS_PROBLEMS,
  type WitnessAnswer,
  type WitnessRequest,
} from './view.ts';

export const SERVICE_ID_BYTES = 8;
export const SEAL_BYTES = 32;
export const BACKUPS_MAX = 7;

const REQUEST_MAGIC = 0x46545751; // "FTWQ"
const ANSWER_MAGIC = 0x46545741; // "FTWA"
const VERSION = 1;
const KIND_READ = 0;
const KIND_CHANGE = 1;
const FLAG_REFOUND = 1;

const SERVICE_AT = 6;
const MEMBER_BYTES = 5;
const HEADER_BYTES = SERVICE_AT + SERVICE_ID_BYTES + 4 + MEMBER_BYTES;
const VIEW_BYTES_MAX = 4 + MEMBER_BYTES + 1 + BACKUPS_MAX * MEMBER_BYTES;
/** No message is longer. */
export const WITNESS_MESSAGE_BYTES_MAX = HEADER_BYTES + 5 + VIEW_BYTES_MAX + SEAL_BYTES;

/** The keyed hash of `bytes`, SEAL_BYTES long, which the caller brings. */
export type Seal = (bytes: Uint8Array) => Uint8Array;

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** @param service SERVICE_ID_BYTES made from the service's name. */
export function encodeRequest(service: Uint8Array, request: WitnessRequest, seal: Seal): Uint8Array {
  const { sequence, from, change } = request;
  const writer = new Writer();
  writer.header(REQUEST_MAGIC, change === undefined ? KIND_READ : KIND_CHANGE, service, sequence, from);
  if (change !== undefined) {
    writer.u32(change.expected);
    writer.u8(change.refound ? FLAG_REFOUND : 0);
    writer.view(change.next);
  }
  return writer.sealed(seal);
}

/** The service that a request is for, so that its key can be found; undefined: this is no request. */
export function serviceOfRequest(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < HEADER_BYTES + SEAL_BYTES || bytes.length > WITNESS_MESSAGE_BYTES_MAX) return undefined;
  if (getU32(bytes, 0) !== REQUEST_MAGIC || bytes[4] !== VERSION) return undefined;
  return bytes.subarray(SERVICE_AT, SERVICE_AT + SERVICE_ID_BYTES);
}

export function decodeRequest(bytes: Uint8Array, seal: Seal): Decoded<WitnessRequest> {
  const refusal = refusalOf(bytes, REQUEST_MAGIC, seal);
  if (refusal !== '') return { ok: false, reason: refusal };
  const kind = bytes[5];
  const reader = new Reader(bytes, SERVICE_AT + SERVICE_ID_BYTES);
  const sequence = reader.u32();
  const from = reader.member();
  if (kind === KIND_READ) return reader.ended({ sequence, from });
  if (kind !== KIND_CHANGE) return { ok: false, reason: 'kind' };
  const expected = reader.u32();
  const flags = reader.u8();
  if (flags > FLAG_REFOUND) return { ok: false, reason: 'flags' };
  const next = reader.view();
  if (next === undefined) return { ok: false, reason: 'view' };
  return reader.ended({ sequence, from, change: { expected, next, refound: flags === FLAG_REFOUND } });
}

/** @param to who asked: another life of the same replica does not take the answer. */
export function encodeAnswer(service: Uint8Array, to: Member, answer: WitnessAnswer, seal: Seal): Uint8Array {
  const writer = new Writer();
  writer.header(ANSWER_MAGIC, WITNESS_PROBLEMS.indexOf(answer.problem), service, answer.sequence, to);
  writer.u8(answer.view === undefined ? 0 : 1);
  if (answer.view !== undefined) writer.view(answer.view);
  return writer.sealed(seal);
}

/** @param self who asked. */
export function decodeAnswer(bytes: Uint8Array, service: Uint8Array, self: Member, seal: Seal): Decoded<WitnessAnswer> {
  const refusal = refusalOf(bytes, ANSWER_MAGIC, seal);
  if (refusal !== '') return { ok: false, reason: refusal };
  if (!equalBytes(bytes, SERVICE_AT, service, 0, SERVICE_ID_BYTES)) return { ok: false, reason: 'service' };
  const problem = WITNESS_PROBLEMS[bytes[5] ?? 0];
  if (problem === undefined) return { ok: false, reason: 'problem' };
  const reader = new Reader(bytes, SERVICE_AT + SERVICE_ID_BYTES);
  const sequence = reader.u32();
  if (!sameMember(reader.member(), self)) return { ok: false, reason: 'life' };
  const views = reader.u8();
  const view = views === 1 ? reader.view() : undefined;
  if (views > 1 || (views === 1 && view === undefined)) return { ok: false, reason: 'view' };
  return reader.ended({ sequence, view, problem });
}

/** Why `bytes` are not a message of this kind and key; '' when they are. */
function refusalOf(bytes: Uint8Array, magic: number, seal: Seal): string {
  if (bytes.length < HEADER_BYTES + SEAL_BYTES || bytes.length > WITNESS_MESSAGE_BYTES_MAX) return 'length';
  if (getU32(bytes, 0) !== magic || bytes[4] !== VERSION) return 'version';
  const end = bytes.length - SEAL_BYTES;
  const expected = seal(bytes.subarray(0, end));
  // Every byte is looked at, so that the time it takes tells nothing.
  let difference = 0;
  for (let i = 0; i < SEAL_BYTES; i++) difference |= (bytes[end + i] ?? 0) ^ (expected[i] ?? 0);
  return difference === 0 ? '' : 'seal';
}

class Writer {
  readonly #bytes = new Uint8Array(WITNESS_MESSAGE_BYTES_MAX);
  #at = 0;

  header(magic: number, kind: number, service: Uint8Array, sequence: number, member: Member): void {
    this.u32(magic);
    this.u8(VERSION);
    this.u8(kind);
    this.#bytes.set(service, this.#at);
    this.#at += SERVICE_ID_BYTES;
    this.u32(sequence);
    this.member(member);
  }

  u8(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  u32(value: number): void {
    setU32(this.#bytes, this.#at, value);
    this.#at += 4;
  }

  member({ index, life }: Member): void {
    this.u8(index);
    this.u32(life);
  }

  view({ epoch, primary, backups }: View): void {
    assert(backups.length <= BACKUPS_MAX, 'a view fits into a datagram');
    this.u32(epoch);
    this.member(primary);
    this.u8(backups.length);
    for (const backup of backups) this.member(backup);
  }

  sealed(seal: Seal): Uint8Array {
    this.#bytes.set(seal(this.#bytes.subarray(0, this.#at)), this.#at);
    return this.#bytes.subarray(0, this.#at + SEAL_BYTES);
  }
}

/** Reads fields up to the seal. What lies beyond reads as 0, and `ended` tells. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#end = bytes.length - SEAL_BYTES;
    this.#at = at;
  }

  u8(): number {
    const at = this.#advance(1);
    return at < 0 ? 0 : (this.#bytes[at] ?? 0);
  }

  u32(): number {
    const at = this.#advance(4);
    return at < 0 ? 0 : getU32(this.#bytes, at);
  }

  member(): Member {
    return { index: this.u8(), life: this.u32() };
  }

  view(): View | undefined {
    const epoch = this.u32();
    const primary = this.member();
    const count = this.u8();
    if (epoch === 0 || count > BACKUPS_MAX) return undefined;
    return { epoch, primary, backups: Array.from({ length: count }, () => this.member()) };
  }

  /** `value`, if exactly all fields were read for it. */
  ended<T>(value: T): Decoded<T> {
    return this.#at === this.#end ? { ok: true, value } : { ok: false, reason: 'length' };
  }

  /** @returns where the field begins, or -1 when there is none. */
  #advance(length: number): number {
    const at = this.#at;
    this.#at += length;
    return this.#at <= this.#end ? at : -1;
  }
}
