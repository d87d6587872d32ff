// A replay: the recording, as it comes from the log in pieces of any length, is given out to the processes that it is of. Where one of them
// is so far behind that its ring is full, the rest waits, since the recording is one sequence.
import { CALL_PAD, FIRST_PROCESS, RECORD_MAX } from './layout.ts';
import { RecordView } from './records.ts';

/** Where the records of each process go. */
export interface ReplayRings {
  /** Makes a ring for a process that is about to be. @returns false while there is no place for it. */
  open(process: number): boolean;
  /** @returns false while there is no room. A process that has no ring any more has room for everything. */
  put(process: number, bytes: Uint8Array, offset: number, length: number): boolean;
  /** Nothing follows: every process goes live at the end of its ring. @returns false while there is no room to say so. */
  end(lastOrder: number): boolean;
}

export class Distributor {
  readonly #rings: ReplayRings;
  readonly #bytesMax: number;
  readonly #record = new RecordView();
  #waiting = new Uint8Array(64 << 10);
  #from = 0;
  #to = 0;
  #opened = false;
  #isHeldUp = false;
  #lastOrder = 0;
  #ending = false;
  #ended = false;

  /** @param bytesMax of what waits for room. */
  constructor(rings: ReplayRings, bytesMax: number) {
    this.#rings = rings;
    this.#bytesMax = bytesMax;
  }

  /** Bytes that wait: for room, or for the rest of a record. */
  get waitingBytes(): number {
    return this.#to - this.#from;
  }

  /** Of the bytes that wait, those at the end that are the beginning of a record. */
  get tornBytes(): number {
    let from = this.#from;
    for (let length = 0; ; from += length) {
      length = this.#record.set(this.#waiting, from, this.#to - from);
      if (length <= 0) return this.#to - from;
    }
  }

  /** Nothing waits but, it may be, the beginning of a record. */
  get hasGivenAll(): boolean {
    return this.waitingBytes < RECORD_MAX && !this.#isHeldUp;
  }

  /** @returns '' or why this recording cannot be replayed here. */
  take(bytes: Uint8Array, offset: number, length: number): string {
    if (this.waitingBytes + length > this.#bytesMax) return 'the replay of the server is too far behind';
    this.#reserve(length);
    this.#waiting.set(bytes.subarray(offset, offset + length), this.#to);
    this.#to += length;
    return this.give();
  }

  /** The recording is over: what is whole of it is still given out. */
  end(): void {
    this.#ending = true;
    this.give();
  }

  /** Gives out what there is room for. @returns '' or why the recording cannot be. */
  give(): string {
    const record = this.#record;
    if (!this.#opened) this.#opened = this.#rings.open(FIRST_PROCESS);
    while (this.#opened && this.#from < this.#to) {
      const length = record.set(this.#waiting, this.#from, this.#to - this.#from);
      if (length < 0) return 'the recording makes no sense here';
      if (length === 0) break;
      this.#isHeldUp = !this.#giveOne(record);
      if (this.#isHeldUp) return '';
      this.#from += length;
    }
    // The beginning of a record whose rest was lost with the primary is nothing that anybody has seen.
    if (this.#ending && !this.#ended) this.#ended = this.#rings.end(this.#lastOrder);
    return '';
  }

  #giveOne(record: RecordView): boolean {
    if (record.call === CALL_PAD) return true;
    const { child, order } = record;
    if (child !== 0 && !this.#rings.open(child)) return false;
    if (!this.#rings.put(record.process, record.bytes, record.offset, record.length)) return false;
    if (order !== 0) this.#lastOrder = order;
    return true;
  }

  #reserve(length: number): void {
    if (this.#from === this.#to) this.#from = this.#to = 0;
    if (this.#to + length <= this.#waiting.length) return;
    const left = this.waitingBytes;
    let size = this.#waiting.length;
    while (size < left + length) size *= 2;
    const larger = size === this.#waiting.length ? this.#waiting : new Uint8Array(size);
    larger.set(this.#waiting.subarray(this.#from, this.#to));
    this.#waiting = larger;
    this.#from = 0;
    this.#to = left;
  }
}
