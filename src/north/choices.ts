// The file that a server's processes and the daemon share where the server uses `choose` (docs/protocol.md, section 10): a head, which
// the daemon alone writes, and records, each appended by one write. Little endian throughout, as in hooks/c/fttcp.c.
//
// A process that is to choose asks for what the primary's server has chosen by that name: the k-th that asks by a name is given the k-th
// value of that name. Once the head says that the server lives by itself, and nothing is left to be given, a process chooses, and says so.

export const CHOICES_MAGIC = 0x48435446;
export const CHOICES_VERSION = 1;

// Fields of the head.
export const HEAD_MAGIC = 0;
export const HEAD_VERSION = 4;
/** u32: 1 when the server chooses for itself. */
export const HEAD_LIVE = 8;
/** u64: no record before it belongs to one after it, so who begins to read does so here. */
export const HEAD_START = 16;
/** u64: where the records begin that are still there. */
export const HEAD_KEPT = 24;
/** u64: where those begin that the daemon has not taken. Who would be far ahead of it waits. */
export const HEAD_TAKEN = 32;
export const HEAD_BYTES = 4096;

/** So much is kept. A value that no process has asked for while so much was written after it is not given any more. */
export const CHOICES_KEPT = 64 << 20;

// A record: length u32 of all of it, kind, length of the name, form, a zero byte; the name; and the value, or who asks.
export const RECORD_KIND = 4;
const RECORD_NAME_LENGTH = 5;
const RECORD_NAME = 8;
const VALUE_MOST = 1 << 16;
export const RECORD_MOST = RECORD_NAME + 0xff + VALUE_MOST;

export const KIND = {
  /** A value that a process of this server has chosen. */
  CHOSEN: 1,
  /** A value that the primary's server has chosen. */
  GIVEN: 2,
  /** A process that is to choose, and waits. */
  ASKS: 3,
} as const;

/** @returns the length of the record at `offset`; 0 when it is not there whole; −1 when it cannot be one. */
export function recordAt(bytes: Uint8Array, offset: number, available: number): number {
  if (available < RECORD_NAME) return 0;
  const length = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(0, true);
  const kind = bytes[offset + RECORD_KIND] ?? 0;
  const nameLength = bytes[offset + RECORD_NAME_LENGTH] ?? 0;
  if (nameLength === 0 || length < RECORD_NAME + nameLength || length > RECORD_MOST) return -1;
  if (kind < KIND.CHOSEN || kind > KIND.ASKS) return -1;
  return available < length ? 0 : length;
}

/** A key: its bytes, a character each. */
export function nameAt(bytes: Uint8Array, offset: number): string {
  const from = offset + RECORD_NAME;
  return String.fromCharCode(...bytes.subarray(from, from + (bytes[offset + RECORD_NAME_LENGTH] ?? 0)));
}

/** Records that wait for another one: values for which no process has asked, and processes that have asked for a value. */
export class Outstanding {
  /** By their places in the file, ascending. */
  readonly #values = new Map<number, { readonly name: string; readonly length: number }>();
  readonly #questions = new Map<number, string>();
  #bytes = 0;
  #isOver = false;

  /** Of values that no process has asked for yet: so far is a backup's server behind. */
  get bytes(): number {
    return this.#bytes;
  }

  given(name: string, at: number, length: number): void {
    for (const [question, wanted] of this.#questions) {
      if (wanted !== name) continue;
      this.#questions.delete(question);
      return;
    }
    this.#values.set(at, { name, length });
    this.#bytes += length;
  }

  asked(name: string, at: number): void {
    for (const [place, value] of this.#values) {
      if (value.name !== name) continue;
      this.#drop(place, value.length);
      return;
    }
    if (!this.#isOver) this.#questions.set(at, name);
  }

  /** No more values will be given: who asks and finds none left chooses. */
  end(): void {
    this.#isOver = true;
    this.#questions.clear();
  }

  /** Values of long ago are not given any more. */
  forget(before: number): void {
    for (const [at, { length }] of this.#values) {
      if (at >= before) return;
      this.#drop(at, length);
    }
  }

  /** Who begins to read here misses nothing, and takes nothing for what it is not. */
  get isEmpty(): boolean {
    return this.#values.size === 0 && this.#questions.size === 0;
  }

  #drop(at: number, length: number): void {
    this.#values.delete(at);
    this.#bytes -= length;
  }
}
