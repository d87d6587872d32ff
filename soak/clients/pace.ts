/** Time for clients: when their time is up, how fast they go, and the middle of a second. */
import { setTimeout as sleep } from 'node:timers/promises';

const SLICE_MS = 5;

export class Pace {
  readonly #startMs = performance.now();
  readonly #durationMs: number;
  readonly #bytesPerMs: number;

  constructor(durationMs: number, bytesPerMs: number) {
    this.#durationMs = durationMs;
    this.#bytesPerMs = bytesPerMs;
  }

  get isOver(): boolean {
    return performance.now() - this.#startMs >= this.#durationMs;
  }

  /** Bytes that may have been moved by now. */
  get allowed(): number {
    return Math.floor((performance.now() - this.#startMs) * this.#bytesPerMs);
  }

  /** Waits until more than `moved` bytes may have been moved. */
  async keep(moved: number): Promise<void> {
    while (moved >= this.allowed) await sleep(SLICE_MS);
  }
}

/** Returns in a part of the second whose time of day, to the second, two hosts agree on. */
export async function middleOfSecond(): Promise<void> {
  const ms = Date.now() % 1000;
  if (ms < 200 || ms > 600) await sleep((1200 - ms) % 1000);
}

export { sleep };
