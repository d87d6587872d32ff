/**
 * The data loop's end of the retained log: what is appended goes into a ring in shared memory, and a thread
 * (`retained-worker.ts`) brings it to the disk. Nothing here waits for the disk, but `close`.
 */
import { Worker } from 'node:worker_threads';
import { assert } from '../errors.ts';
import { setU64 } from '../log/frame.ts';
import { RecordRing } from './record-ring.ts';
import { CLOSE, RetainedBoard, type RetainedProblem } from './retained-board.ts';
import type { RetainedWriterOptions } from './retained-writer.ts';
import { BLOCK_MOST } from './segment-file.ts';

export const RETAINED_THREAD = 'fttcp-retained';

/** Kinds of records in the ring. The frames of a life follow its RESET. */
export const RECORD = { FRAMES: 0, ROLL: 1, RESET: 2 } as const;
/** Life and epoch, u64 each. */
export const RESET_BYTES = 16;

/** What both ends share. */
export interface RetainedMemory {
  readonly ring: SharedArrayBuffer;
  readonly board: SharedArrayBuffer;
}

export interface RetainedWorkerData extends Omit<RetainedWriterOptions, 'epoch'> {
  readonly memory: RetainedMemory;
  readonly directory: string;
  /** Signalled when `problem` has changed and, with `sync: batch`, `stored`: wakes the data loop. */
  readonly wakeFd: number;
}

/** Room that frames leave to what must not wait. */
const SPARE_BYTES = 64 << 10;
const NOTHING = new Uint8Array(0);

/** @param ringBytes a power of two, 2 MiB or more. */
export function retainedMemory(ringBytes: number): RetainedMemory {
  assert(ringBytes >= 2 * BLOCK_MOST + SPARE_BYTES, 'the ring of a retained log has room for two blocks');
  return { ring: RecordRing.memory(ringBytes), board: new RetainedBoard().memory };
}

/** Ends by itself after `RetainedLog.close`; an `error` of it is a broken invariant. */
export function startRetainedWorker(workerData: RetainedWorkerData): Worker {
  return new Worker(new URL('./retained-worker.js', import.meta.url), { workerData, name: RETAINED_THREAD });
}

export class RetainedLog {
  readonly #ring: RecordRing;
  readonly #board: RetainedBoard;
  readonly #command = new Uint8Array(RESET_BYTES);
  /** Counts the logs that were begun here; 0 before the first. */
  #life = 0;
  #held = 0;
  #segmentStart = 0;

  constructor(memory: RetainedMemory) {
    this.#ring = new RecordRing(memory.ring);
    this.#board = new RetainedBoard(memory.board);
  }

  /** After the last byte that was appended: memory has it. */
  get held(): number {
    return this.#held;
  }

  /** Before this position the files have everything; with `sync: batch`, the disk. */
  get stored(): number {
    return this.#board.stored(this.#life, this.#held);
  }

  /** Where the present segment began, or will begin. */
  get segmentStart(): number {
    return this.#segmentStart;
  }

  get bytesOnDisk(): number {
    return this.#board.bytesOnDisk;
  }

  /** Why nothing is written at present. It is tried again and again, and nothing is lost meanwhile. */
  get problem(): RetainedProblem {
    return this.#board.problem;
  }

  /** A log from position 0 on; the old one is deleted, and what the ring has of it is not written any more. */
  reset(epoch: number): void {
    this.#life++;
    this.#held = 0;
    this.#segmentStart = 0;
    this.#board.lifeWanted = this.#life;
    this.#board.unbound = false;
    setU64(this.#command, 0, this.#life);
    setU64(this.#command, 8, epoch);
    this.#putCommand(RECORD.RESET, this.#command);
  }

  /** Whether the largest block can be appended now. */
  get hasRoom(): boolean {
    return this.#ring.hasRoom(BLOCK_MOST, SPARE_BYTES);
  }

  /** Takes whole frames, BLOCK_MOST bytes at most. @returns false when the ring has no room for them. */
  append(bytes: Uint8Array, offset: number, length: number): boolean {
    assert(this.#life > 0, 'a log has been begun');
    assert(length > 0 && length <= BLOCK_MOST, 'a block of the retained log has its size');
    if (!this.#ring.put(RECORD.FRAMES, bytes, offset, length, SPARE_BYTES)) return false;
    this.#held += length;
    this.#board.ring();
    return true;
  }

  /** From now on this log may take all of the disk. */
  unbind(): void {
    this.#board.unbound = true;
    this.#board.ring();
  }

  /** What is appended from now on goes into a new segment. */
  roll(): void {
    if (this.#segmentStart === this.#held) return;
    this.#segmentStart = this.#held;
    this.#putCommand(RECORD.ROLL, NOTHING);
  }

  /** Deletes an earlier segment than the present one. @returns false when too much is to be deleted already: ask again. */
  drop(start: number): boolean {
    assert(start < this.#segmentStart, 'the present segment is not dropped');
    if (!this.#board.putDrop(this.#life, start)) return false;
    this.#board.ring();
    return true;
  }

  /** Waits until everything is written, and ends the thread. @returns false when that took too long: the rest is given up. */
  close(timeoutMs: number): boolean {
    this.#board.closing = CLOSE.WHEN_WRITTEN;
    this.#board.ring();
    if (this.#board.waitUntilClosed(timeoutMs)) return true;
    this.#board.closing = CLOSE.NOW;
    this.#board.ring();
    return false;
  }

  #putCommand(kind: number, bytes: Uint8Array): void {
    assert(this.#ring.put(kind, bytes, 0, bytes.length, 0), 'the ring has room for commands');
    this.#board.ring();
  }
}
