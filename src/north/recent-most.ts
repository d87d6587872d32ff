/** The largest of the values of the last minute, and up to a minute longer. Pure. */

const RECENT_MS = 60_000;

export class RecentMost {
  #sinceMs = 0;
  #most = 0;
  #mostBefore = 0;

  add(value: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#most = Math.max(this.#most, value);
  }

  at(nowMs: number): number {
    this.#turn(nowMs);
    return Math.max(this.#most, this.#mostBefore);
  }

  #turn(nowMs: number): void {
    if (nowMs - this.#sinceMs < RECENT_MS) return;
    this.#mostBefore = nowMs - this.#sinceMs < 2 * RECENT_MS ? this.#most : 0;
    this.#most = 0;
    this.#sinceMs = nowMs;
  }
}
