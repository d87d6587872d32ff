/**
 * The daemon's end of the memory that it shares with the server's processes (native/north/layout.h): what they record is taken from
 * one ring, what they are to replay is put into one ring each. Made by the main thread, used by the data worker.
 */
import { addressOf } from '../linux/memory.ts';
import { mapShared, openSharedFile, wakeFutex } from '../linux/shared-file.ts';
import type { ReplayRings } from '../north/distributor.ts';
import { type NorthDivergence, readDivergence, textAt } from '../north/divergence.ts';
import * as layout from '../north/layout.ts';
import { FIRST_PROCESS } from '../north/layout.ts';

/** @returns its descriptor, which the server is to inherit. */
export function createNorthMemory(): number {
  const fd = openSharedFile('fttcp-north', layout.MEMORY_BYTES);
  const header = new Uint32Array(mapShared(fd, 0, layout.SLOTS_OFFSET));
  header[layout.HEADER_MAGIC / 4] = layout.NORTH_MAGIC;
  header[layout.HEADER_VERSION / 4] = layout.NORTH_VERSION;
  header[layout.HEADER_NEXT_PROCESS / 4] = FIRST_PROCESS + 1;
  return fd;
}

/** The memory's words, which others change at any time. */
class Words {
  readonly #words: Int32Array;
  readonly #address: number;

  constructor(memory: ArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#address = addressOf(new Uint8Array(memory));
  }

  get(offset: number): number {
    return Atomics.load(this.#words, offset >> 2) >>> 0;
  }

  set(offset: number, value: number): void {
    Atomics.store(this.#words, offset >> 2, value);
  }

  /** Sets a word, and wakes who waits for it if somebody said so. */
  advance(offset: number, value: number, waits: number): void {
    this.set(offset, value);
    if (Atomics.load(this.#words, waits >> 2) !== 0) this.wake(offset);
  }

  wake(offset: number): void {
    wakeFutex(this.#address + offset);
  }
}

/** The ring that all processes record into. */
export class RecordingRing {
  readonly #words: Words;
  readonly #bytes: Uint8Array;

  constructor(fd: number) {
    this.#words = new Words(mapShared(fd, 0, layout.SLOTS_OFFSET));
    this.#bytes = new Uint8Array(mapShared(fd, layout.RECORDING_OFFSET, layout.RECORDING_BYTES));
  }

  get used(): number {
    return (this.#head - this.#tail) >>> 0;
  }

  /**
   * Hands over what there is, oldest first, in contiguous pieces.
   * @param take returns false to leave a piece, and all after it, where it is.
   */
  drain(mostAtOnce: number, take: (bytes: Uint8Array, offset: number, length: number) => boolean): void {
    const head = this.#head;
    for (let tail = this.#tail; tail !== head; ) {
      const at = tail % layout.RECORDING_BYTES;
      const length = Math.min((head - tail) >>> 0, layout.RECORDING_BYTES - at, mostAtOnce);
      if (!take(this.#bytes, at, length)) return;
      tail = (tail + length) >>> 0;
      this.#words.advance(
        layout.HEADER_RECORDING + layout.ENDS_TAIL,
        tail,
        layout.HEADER_RECORDING + layout.ENDS_WRITER_WAITS,
      );
    }
  }

  get #head(): number {
    return this.#words.get(layout.HEADER_RECORDING + layout.ENDS_HEAD);
  }

  get #tail(): number {
    return this.#words.get(layout.HEADER_RECORDING + layout.ENDS_TAIL);
  }
}

interface OpenRing {
  readonly slot: number;
  readonly bytes: Uint8Array;
  ended: boolean;
}

export class NorthMemory implements ReplayRings {
  readonly recording: RecordingRing;
  readonly #fd: number;
  readonly #memory: ArrayBuffer;
  readonly #words: Words;
  readonly #isGone: (pid: number) => boolean;
  /** By process. */
  readonly #rings = new Map<number, OpenRing>();
  #lastProcess = FIRST_PROCESS;
  /** Mapped once each. */
  readonly #bytesOfSlot: (Uint8Array | undefined)[] = [];

  /** @param isGone whether the enclosure has no such process any more. */
  constructor(fd: number, isGone: (pid: number) => boolean) {
    this.#fd = fd;
    this.#isGone = isGone;
    this.#memory = mapShared(fd, 0, layout.RECORDING_OFFSET);
    this.#words = new Words(this.#memory);
    this.recording = new RecordingRing(fd);
  }

  /** The server's processes have waited for this. */
  begin(mode: 'record' | 'replay'): void {
    this.#words.set(layout.HEADER_MODE, mode === 'record' ? layout.MODE.RECORD : layout.MODE.REPLAY);
    this.#words.wake(layout.HEADER_MODE);
  }

  open(process: number): boolean {
    if (this.#rings.has(process)) return true;
    const slot = this.#freeSlot();
    if (slot === undefined) return false;
    this.#lastProcess = Math.max(this.#lastProcess, process);
    const at = slotOffset(slot);
    const ends = at + layout.SLOT_ENDS;
    for (const field of [layout.ENDS_HEAD, layout.ENDS_TAIL, layout.ENDS_READER_WAITS])
      this.#words.set(ends + field, 0);
    this.#words.set(at + layout.SLOT_PID, 0);
    this.#words.set(at + layout.SLOT_PROCESS, process);
    this.#bytesOfSlot[slot] ??= new Uint8Array(
      mapShared(this.#fd, layout.REPLAY_OFFSET + slot * layout.REPLAY_BYTES, layout.REPLAY_BYTES),
    );
    this.#rings.set(process, { slot, bytes: this.#bytesOfSlot[slot], ended: false });
    return true;
  }

  put(process: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const ring = this.#rings.get(process);
    if (ring === undefined) return true;
    const ends = slotOffset(ring.slot) + layout.SLOT_ENDS;
    const head = this.#words.get(ends + layout.ENDS_HEAD);
    const left = layout.REPLAY_BYTES - (head % layout.REPLAY_BYTES);
    const pad = left < length ? left : 0;
    const free = layout.REPLAY_BYTES - ((head - this.#words.get(ends + layout.ENDS_TAIL)) >>> 0);
    // There is always room to say that it is over.
    if (free < pad + length + 2 * layout.RECORD_HEADER) return false;
    if (pad > 0) writeHeader(ring.bytes, head % layout.REPLAY_BYTES, pad, layout.CALL_PAD);
    const at = (head + pad) % layout.REPLAY_BYTES;
    ring.bytes.set(bytes.subarray(offset, offset + length), at);
    this.#advance(ring, (head + pad + length) >>> 0);
    return true;
  }

  end(lastOrder: number): boolean {
    this.#words.set(layout.HEADER_ORDER_LAST, lastOrder);
    this.#words.set(layout.HEADER_ORDER, lastOrder);
    this.#words.set(layout.HEADER_NEXT_PROCESS, this.#lastProcess + 1);
    for (const ring of this.#rings.values()) this.#end(ring);
    return true;
  }

  /** Given to processes, and not taken yet; of those that have come to their end, or are gone by then, nothing. */
  get replayBytes(): number {
    let bytes = 0;
    for (const { slot, ended } of this.#rings.values()) {
      const ends = slotOffset(slot) + layout.SLOT_ENDS;
      const left = (this.#words.get(ends + layout.ENDS_HEAD) - this.#words.get(ends + layout.ENDS_TAIL)) >>> 0;
      const isOver = ended && (left <= 2 * layout.RECORD_HEADER || this.#isOfGone(slot));
      if (!isOver) bytes += left;
    }
    return bytes;
  }

  get divergences(): number {
    return this.#words.get(layout.HEADER_DIVERGENCES);
  }

  /** The first one, which the others may follow from. */
  get firstDivergence(): NorthDivergence {
    return readDivergence(new Uint8Array(this.#memory, layout.HEADER_DIVERGENCE));
  }

  /** Programs that processes have become or started, and that are not recorded. */
  get unprotectedPrograms(): number {
    return this.#words.get(layout.HEADER_UNPROTECTED);
  }

  get firstUnprotectedProgram(): string {
    const header = new Uint8Array(this.#memory);
    return textAt(header, layout.HEADER_UNPROTECTED_NAME, layout.HEADER_UNPROTECTED_NAME_BYTES);
  }

  #end(ring: OpenRing): void {
    if (ring.ended) return;
    ring.ended = true;
    const ends = slotOffset(ring.slot) + layout.SLOT_ENDS;
    const head = this.#words.get(ends + layout.ENDS_HEAD);
    const left = layout.REPLAY_BYTES - (head % layout.REPLAY_BYTES);
    const pad = left < layout.RECORD_HEADER ? left : 0;
    if (pad > 0) writeHeader(ring.bytes, head % layout.REPLAY_BYTES, pad, layout.CALL_PAD);
    writeHeader(ring.bytes, (head + pad) % layout.REPLAY_BYTES, layout.RECORD_HEADER, layout.CALL_END);
    this.#advance(ring, (head + pad + layout.RECORD_HEADER) >>> 0);
  }

  #advance(ring: OpenRing, head: number): void {
    const ends = slotOffset(ring.slot) + layout.SLOT_ENDS;
    this.#words.advance(ends + layout.ENDS_HEAD, head, ends + layout.ENDS_READER_WAITS);
  }

  #isOfGone(slot: number): boolean {
    const pid = this.#words.get(slotOffset(slot) + layout.SLOT_PID);
    return pid !== 0 && this.#isGone(pid);
  }

  #freeSlot(): number | undefined {
    for (let slot = 0; slot < layout.SLOTS; slot++) {
      if (this.#words.get(slotOffset(slot) + layout.SLOT_PROCESS) === 0) return slot;
    }
    for (const [process, { slot }] of this.#rings) {
      if (!this.#isOfGone(slot)) continue;
      this.#rings.delete(process);
      return slot;
    }
    return undefined;
  }
}

function slotOffset(slot: number): number {
  return layout.SLOTS_OFFSET + slot * layout.SLOT_BYTES;
}

function writeHeader(bytes: Uint8Array, offset: number, length: number, call: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  view.setUint16(layout.RECORD_LENGTH, length, true);
  view.setUint16(layout.RECORD_CALL, call, true);
}
