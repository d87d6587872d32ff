// The thread of the retained log: takes what the data loop has put into the ring, a block at a time, and writes it. A block that the
// disk does not take is kept and tried again; the ring fills up behind it, and so the data loop learns that it must wait.
import { workerData } from 'node:worker_threads';
import { monotonicMs } from '../linux/clock.ts';
import { signalEventFd } from '../linux/eventfd.ts';
import { nameThread } from '../linux/thread-name.ts';
import { getU64 } from '../log/frame.ts';
import { RecordRing } from './record-ring.ts';
import { CLOSE, type Drop, RetainedBoard, type RetainedProblem } from './retained-board.ts';
import { RECORD, RESET_BYTES, RETAINED_THREAD, type RetainedWorkerData } from './retained-log.ts';
import { RetainedWriter, type Written } from './retained-writer.ts';
import { BLOCK_MOST } from './segment-file.ts';

const RETRY_MS = 100;
const GATHER_MS = 2;

class RetainedStore {
  readonly #data: RetainedWorkerData;
  readonly #ring: RecordRing;
  readonly #board: RetainedBoard;
  /** What is to be written next. */
  readonly #block = new Uint8Array(BLOCK_MOST);
  #blockLength = 0;
  readonly #moment = new Int32Array(new SharedArrayBuffer(4));
  readonly #reset = new Uint8Array(RESET_BYTES);
  /** Of the log whose frames are gathered; 0 before the first. */
  #life = 0;
  /** Undefined until the directory is ready for this life. */
  #writer: RetainedWriter | undefined;
  #drops: Drop[] = [];
  #retryAtMs = 0;

  constructor(data: RetainedWorkerData) {
    this.#data = data;
    this.#ring = new RecordRing(data.memory.ring);
    this.#board = new RetainedBoard(data.memory.board);
  }

  run(): void {
    for (;;) {
      const bell = this.#board.bell;
      if (this.#mayEnd()) break;
      if (this.#turn()) continue;
      this.#board.waitForBell(bell, this.#hasToWrite ? this.#retryAtMs - monotonicMs() : Number.POSITIVE_INFINITY);
      // Nobody waits for the disk: what comes within a moment goes into the same block.
      if (this.#data.sync === 'none') Atomics.wait(this.#moment, 0, 0, GATHER_MS);
    }
    this.#writer?.close();
    this.#board.closed();
  }

  get #hasToWrite(): boolean {
    return this.#blockLength > 0 || (this.#life > 0 && this.#writer === undefined);
  }

  #mayEnd(): boolean {
    const { closing } = this.#board;
    if (closing === CLOSE.NOW) return true;
    return closing === CLOSE.WHEN_WRITTEN && !this.#hasToWrite && !this.#ring.peek();
  }

  /** @returns whether there may be more to do at once. */
  #turn(): boolean {
    this.#gather();
    this.#dropSegments();
    if (this.#hasToWrite) return monotonicMs() >= this.#retryAtMs && this.#write();
    return this.#ring.peek() && this.#obey();
  }

  /** Takes frames up to the next command, as many as a block may have. Those of a log that is over are not kept. */
  #gather(): void {
    const isOver = this.#board.lifeWanted !== this.#life;
    if (isOver) this.#blockLength = 0;
    while (this.#ring.peek() && this.#ring.kind === RECORD.FRAMES) {
      const { length } = this.#ring;
      if (this.#blockLength + length > BLOCK_MOST) break;
      this.#ring.take(this.#block, this.#blockLength);
      if (!isOver) this.#blockLength += length;
    }
  }

  #obey(): boolean {
    if (this.#ring.kind === RECORD.ROLL) {
      this.#ring.take(this.#reset, 0);
      this.#writer?.roll();
    } else if (this.#ring.kind === RECORD.RESET) {
      this.#ring.take(this.#reset, 0);
      this.#life = getU64(this.#reset, 0);
      this.#writer?.close();
      this.#writer = undefined;
      this.#retryAtMs = 0;
    }
    return true;
  }

  #write(): boolean {
    const written = this.#bringToDisk();
    if (!written.ok) {
      this.#retryAtMs = monotonicMs() + RETRY_MS;
      this.#report(written.problem);
      return false;
    }
    this.#blockLength = 0;
    this.#report('none');
    return true;
  }

  #bringToDisk(): Written {
    if (this.#writer === undefined) {
      const epoch = getU64(this.#reset, 8);
      const created = RetainedWriter.create(this.#data.directory, { ...this.#data, epoch });
      if (!created.ok) return created;
      this.#writer = created.writer;
      this.#board.beginLife(this.#life);
    }
    if (this.#board.unbound) this.#writer.unbind();
    return this.#blockLength === 0 ? { ok: true } : this.#writer.append(this.#block, 0, this.#blockLength);
  }

  /** A segment that is still being written, or still in the ring, is dropped later. */
  #dropSegments(): void {
    for (let drop = this.#board.takeDrop(); drop !== undefined; drop = this.#board.takeDrop()) this.#drops.push(drop);
    if (this.#drops.length === 0) return;
    const writer = this.#writer;
    this.#drops = this.#drops.filter(({ life, start }) => {
      if (life !== this.#life) return life > this.#life;
      if (writer === undefined || start >= writer.segmentStart) return true;
      const dropped = writer.drop(start);
      this.#report(dropped.ok ? this.#board.problem : dropped.problem);
      this.#retryAtMs = 0;
      return false;
    });
  }

  #report(problem: RetainedProblem): void {
    if (this.#writer !== undefined) this.#board.publish(this.#writer.position, this.#writer.bytesOnDisk);
    const isNews = this.#board.problem !== problem;
    this.#board.problem = problem;
    if (isNews || this.#data.sync === 'batch') signalEventFd(this.#data.wakeFd);
  }
}

nameThread(RETAINED_THREAD);
new RetainedStore(workerData as RetainedWorkerData).run();
