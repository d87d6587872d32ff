/**
 * The daemon's end of the file in which a server's processes choose (north/choices.ts): on a primary what they choose goes into the log, on a
 * backup what the log has of it goes to the server's own processes. Made by the main thread, used by the data worker.
 */
import { FttcpError } from '../errors.ts';
import { nameOfErrno } from '../linux/errors.ts';
import { readAt, write } from '../linux/io.ts';
import { allocate } from '../linux/memory.ts';
import { mapShared, openAppendFile, punchHole } from '../linux/shared-file.ts';
import type { LogWriter } from '../log/log-writer.ts';
import * as layout from '../north/choices.ts';
import { CHOICES_KEPT, KIND } from '../north/choices.ts';
import type { ChoicesPort } from '../south/context.ts';

/** A replay that can wait does so when its server is behind by so much, */
const AHEAD_BYTES = CHOICES_KEPT / 4;
/** and a backup whose server is behind by so much is of no use. */
const BEHIND_BYTES = CHOICES_KEPT / 2;
/** Memory is given back in pieces of at least so much. */
const PIECE_BYTES = 1 << 20;
const READ_BYTES = 256 << 10;

/** @returns its descriptor, which the server is to inherit. */
export function createChoicesFile(): number {
  const fd = openAppendFile('fttcp-choices', layout.HEAD_BYTES);
  const head = new Head(fd);
  head.begin();
  return fd;
}

/** What the daemon tells the processes, which read it at any time. */
class Head {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;

  constructor(fd: number) {
    const memory = mapShared(fd, 0, layout.HEAD_BYTES);
    this.#words = new Int32Array(memory);
    this.#longs = new BigInt64Array(memory);
  }

  begin(): void {
    for (const field of [layout.HEAD_START, layout.HEAD_KEPT, layout.HEAD_TAKEN]) this.set(field, layout.HEAD_BYTES);
    Atomics.store(this.#words, layout.HEAD_VERSION >> 2, layout.CHOICES_VERSION);
    Atomics.store(this.#words, layout.HEAD_MAGIC >> 2, layout.CHOICES_MAGIC);
  }

  live(): void {
    Atomics.store(this.#words, layout.HEAD_LIVE >> 2, 1);
  }

  set(field: number, at: number): void {
    Atomics.store(this.#longs, field >> 3, BigInt(at));
  }
}

export class ChoicesFile implements ChoicesPort {
  readonly #fd: number;
  readonly #log: LogWriter;
  readonly #head: Head;
  readonly #bytes = allocate(READ_BYTES);
  readonly #record = allocate(layout.RECORD_MOST);
  readonly #outstanding = new layout.Outstanding();
  /** Up to here the records were taken. */
  #at = layout.HEAD_BYTES;
  /** The same, but for those that are taken a second time, for a joiner. */
  #followed = layout.HEAD_BYTES;
  /** No record before this place belongs to one after it. */
  #start = layout.HEAD_BYTES;
  /** From here on they are kept. */
  #kept = layout.HEAD_BYTES;
  /** Where some of those in between begin, about a piece apart, ascending. */
  readonly #pieces: number[] = [];
  #isLive = false;
  /** The log has no room for what was chosen. */
  #isBehind = false;

  constructor(fd: number, log: LogWriter) {
    this.#fd = fd;
    this.#log = log;
    this.#head = new Head(fd);
  }

  /** Once in each turn of the data loop. @param chooses the server is not to repeat what another one did */
  turn(chooses: boolean): void {
    this.#drain();
    // Not before somebody asks: until then no packet needs to be kept waiting for a look at the file.
    if (!chooses || this.#isLive || this.#at === layout.HEAD_BYTES) return;
    this.#isLive = true;
    this.#outstanding.end();
    this.#tell();
    this.#head.live();
  }

  /** Whether the server's packets can be read: nothing stands in the way of what their senders may have chosen. */
  get canReadServer(): boolean {
    return !this.#isBehind;
  }

  /** Rule 2: brings what was chosen until now into the log. @returns false when it has no room for all of it. */
  drainForPacket(): boolean {
    if (this.#isLive) this.#drain();
    return !this.#isBehind;
  }

  /** Why nobody can join: what the server has chosen so far is not known any more. '' if it is. */
  get incomplete(): string {
    if (this.#kept === layout.HEAD_BYTES) return '';
    return `the server has chosen more since its start than the last ${CHOICES_KEPT >> 20} MiB that are kept`;
  }

  /** A joiner's server is given all that this one has chosen, and was given, before anything else is read from it. */
  logBegins(): void {
    if (!this.#isLive) return;
    this.#at = layout.HEAD_BYTES;
    this.#drain();
  }

  hasRoom(): boolean {
    return this.#outstanding.bytes < AHEAD_BYTES;
  }

  take(bytes: Uint8Array, offset: number, length: number): string {
    if (layout.recordAt(bytes, offset, length) !== length) return 'a choice that is none';
    if (bytes[offset + layout.RECORD_KIND] === KIND.ASKS) return 'a question in place of a choice';
    if (this.#outstanding.bytes > BEHIND_BYTES)
      return 'the server has not asked for what the primary chose: does it use choose() there, and the same names?';
    this.#record.set(bytes.subarray(offset, offset + length));
    this.#record[layout.RECORD_KIND] = KIND.GIVEN;
    const written = write(this.#fd, this.#record, 0, length);
    if (written === length) return '';
    return `the primary's choices cannot be kept (${written < 0 ? nameOfErrno(written) : 'out of memory'})`;
  }

  #drain(): void {
    const before = this.#at;
    this.#isBehind = false;
    for (let taken = -1; taken !== 0 && !this.#isBehind; ) {
      taken = this.#takeRecords(readAt(this.#fd, this.#bytes, 0, READ_BYTES, this.#at));
    }
    if (this.#at !== before) this.#tell();
  }

  /** @param available bytes at the file's place `#at`. @returns how many of them are whole records that were taken. */
  #takeRecords(available: number): number {
    const from = this.#at;
    for (let offset = 0; ; offset = this.#at - from) {
      const length = layout.recordAt(this.#bytes, offset, available - offset);
      if (length < 0) {
        throw new FttcpError(
          'choices-damaged',
          'a process of the server has written something to the descriptor FTTCP_CHOICES that is no record: only hooks may write there',
        );
      }
      if (length === 0) return offset;
      const kind = this.#bytes[offset + layout.RECORD_KIND];
      if (this.#at === this.#followed) this.#follow(kind, offset, length);
      this.#isBehind = this.#isLive && kind !== KIND.ASKS && !this.#log.hasRoom(length);
      if (this.#isBehind) return offset;
      if (this.#isLive && kind !== KIND.ASKS) this.#log.choice(this.#bytes, offset, length);
      this.#at += length;
    }
  }

  #follow(kind: number | undefined, offset: number, length: number): void {
    const name = layout.nameAt(this.#bytes, offset);
    if (kind === KIND.ASKS) this.#outstanding.asked(name, this.#at);
    if (kind === KIND.GIVEN) this.#outstanding.given(name, this.#at, length);
    if (this.#at >= (this.#pieces.at(-1) ?? layout.HEAD_BYTES) + PIECE_BYTES) this.#pieces.push(this.#at);
    this.#followed += length;
    if (this.#outstanding.isEmpty) this.#start = this.#followed;
  }

  /** Tells the processes how far it was taken, and gives the memory of what is too old back. */
  #tell(): void {
    const before = this.#kept;
    while ((this.#pieces[0] ?? this.#at) <= this.#at - CHOICES_KEPT) this.#kept = this.#pieces.shift() ?? this.#at;
    this.#outstanding.forget(this.#kept);
    if (this.#outstanding.isEmpty) this.#start = this.#followed;
    this.#head.set(layout.HEAD_START, Math.max(this.#kept, this.#start));
    this.#head.set(layout.HEAD_KEPT, this.#kept);
    this.#head.set(layout.HEAD_TAKEN, this.#at);
    if (this.#kept > before) punchHole(this.#fd, before, this.#kept - before);
  }
}
