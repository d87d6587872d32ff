// The data worker's scheduling: real-time while it has time to spare, so that a single request is not kept waiting, and ordinary
// under bulk load. A real-time thread that keeps a core busy would bring the kernel's real-time throttling upon every real-time
// thread of that core, the detector's first of all: silence of 50 ms, and a false suspicion.
import { setNormal, setRealtime } from '../linux/scheduling.ts';

/** Below the detector's. */
const PRIORITY = 10;
const WINDOW_MS = 20;
const BUSY_ENTER = 0.5;
const BUSY_LEAVE = 0.3;

export class DataPriority {
  #realtime: boolean;
  #windowAtMs: number;
  #waitedMs = 0;

  /** @param allowed false leaves the scheduling alone. */
  constructor(allowed: boolean, nowMs: number) {
    this.#realtime = allowed && setRealtime(PRIORITY).ok;
    this.#windowAtMs = allowed && this.#realtime ? nowMs : Number.POSITIVE_INFINITY;
  }

  /** A turn of the loop has begun. @param waitedMs how long the loop slept before it. */
  turn(nowMs: number, waitedMs: number): void {
    this.#waitedMs += waitedMs;
    const elapsedMs = nowMs - this.#windowAtMs;
    if (elapsedMs < WINDOW_MS) return;
    const busy = 1 - this.#waitedMs / elapsedMs;
    if (this.#realtime && busy > BUSY_ENTER) this.#realtime = !setNormal().ok;
    else if (!this.#realtime && busy < BUSY_LEAVE) this.#realtime = setRealtime(PRIORITY).ok;
    this.#windowAtMs = nowMs;
    this.#waitedMs = 0;
  }
}
