/**
 * Memory that the data loop and the thread of the retained log share beside the ring: how far the log is stored, what is wrong, the
 * bell that wakes the thread, and the segments that it is to delete. Those do not wait in the ring: a full disk may be what they end.
 */
import type { WriteProblem } from './retained-writer.ts';

export type RetainedProblem = 'none' | WriteProblem;

const PROBLEMS: readonly RetainedProblem[] = ['none', 'full-by-bound', 'no-space', 'io-error'];
const DROPS = 256;

// Integers.
const BELL = 0;
const CLOSING = 1;
const CLOSED = 2;
/** Lives of the log: asked for, and begun on the disk. */
const LIFE_WANTED = 3;
const LIFE = 4;
/** Modulo 2³²: the rest follows, since no ring is so large. */
const STORED = 5;
const PROBLEM = 6;
const DROPS_PUT = 7;
const DROPS_TAKEN = 8;
const UNBOUND = 9;
const INTS = 10;
/** After them, a number of 64 bits. */
const BYTES_ON_DISK = 0;
/** Then floats: life and start of each drop. */
const FLOATS_FROM = 4 * INTS + 8;

/** Whether the thread is to end, and when. */
export const CLOSE = { NOT: 0, WHEN_WRITTEN: 1, NOW: 2 } as const;

/** A segment that is not needed any more, and the life of the log in which it began there. */
export interface Drop {
  readonly life: number;
  readonly start: number;
}

export class RetainedBoard {
  readonly memory: SharedArrayBuffer;
  readonly #ints: Int32Array;
  readonly #bytesOnDisk: BigInt64Array;
  readonly #drops: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(FLOATS_FROM + 16 * DROPS)) {
    this.memory = memory;
    this.#ints = new Int32Array(memory, 0, INTS);
    this.#bytesOnDisk = new BigInt64Array(memory, 4 * INTS, 1);
    this.#drops = new Float64Array(memory, FLOATS_FROM, 2 * DROPS);
  }

  /** Data loop: there is something to do. */
  ring(): void {
    Atomics.add(this.#ints, BELL, 1);
    Atomics.notify(this.#ints, BELL);
  }

  get bell(): number {
    return Atomics.load(this.#ints, BELL);
  }

  /** Thread: waits until the bell has been rung since it was looked at. */
  waitForBell(seen: number, timeoutMs: number): void {
    Atomics.wait(this.#ints, BELL, seen, timeoutMs);
  }

  /** Data loop, before the ring has it: what the log was before this life need not be written. */
  set lifeWanted(life: number) {
    Atomics.store(this.#ints, LIFE_WANTED, life);
  }

  /** Data loop: whether the log may take all of the disk. */
  set unbound(yes: boolean) {
    Atomics.store(this.#ints, UNBOUND, Number(yes));
  }

  get unbound(): boolean {
    return Atomics.load(this.#ints, UNBOUND) !== 0;
  }

  get lifeWanted(): number {
    return Atomics.load(this.#ints, LIFE_WANTED);
  }

  /** Thread: the old log is gone. */
  beginLife(life: number): void {
    this.publish(0, 0);
    Atomics.store(this.#ints, LIFE, life);
  }

  /** Thread: so much of the present life is on the disk. */
  publish(stored: number, bytesOnDisk: number): void {
    Atomics.store(this.#bytesOnDisk, BYTES_ON_DISK, BigInt(bytesOnDisk));
    Atomics.store(this.#ints, STORED, stored | 0);
  }

  /** Data loop: the position up to which this life of the log is stored; `held` is what the thread has been given of it. */
  stored(life: number, held: number): number {
    if (Atomics.load(this.#ints, LIFE) !== life) return 0;
    return held - ((held - Atomics.load(this.#ints, STORED)) >>> 0);
  }

  get bytesOnDisk(): number {
    return Number(Atomics.load(this.#bytesOnDisk, BYTES_ON_DISK));
  }

  /** Thread: why it writes nothing at present. */
  set problem(problem: RetainedProblem) {
    Atomics.store(this.#ints, PROBLEM, PROBLEMS.indexOf(problem));
  }

  get problem(): RetainedProblem {
    return PROBLEMS[Atomics.load(this.#ints, PROBLEM)] ?? 'none';
  }

  /** Data loop. @returns false when the thread has not yet taken the earlier ones. */
  putDrop(life: number, start: number): boolean {
    const put = Atomics.load(this.#ints, DROPS_PUT);
    if ((put - Atomics.load(this.#ints, DROPS_TAKEN)) >>> 0 === DROPS) return false;
    const slot = (put >>> 0) % DROPS;
    this.#drops[2 * slot] = life;
    this.#drops[2 * slot + 1] = start;
    Atomics.store(this.#ints, DROPS_PUT, put + 1);
    return true;
  }

  takeDrop(): Drop | undefined {
    const taken = Atomics.load(this.#ints, DROPS_TAKEN);
    if (Atomics.load(this.#ints, DROPS_PUT) === taken) return undefined;
    const slot = (taken >>> 0) % DROPS;
    const drop = { life: this.#drops[2 * slot] ?? 0, start: this.#drops[2 * slot + 1] ?? 0 };
    Atomics.store(this.#ints, DROPS_TAKEN, taken + 1);
    return drop;
  }

  set closing(when: number) {
    Atomics.store(this.#ints, CLOSING, when);
  }

  get closing(): number {
    return Atomics.load(this.#ints, CLOSING);
  }

  /** Thread: the last that it says. */
  closed(): void {
    Atomics.store(this.#ints, CLOSED, 1);
    Atomics.notify(this.#ints, CLOSED);
  }

  /** Data loop. @returns false when the time was too short. */
  waitUntilClosed(timeoutMs: number): boolean {
    return Atomics.wait(this.#ints, CLOSED, 0, timeoutMs) !== 'timed-out';
  }
}
