/**
 * When a backup acknowledges what it holds: at once, unless its server is behind in the recording. Then the clients are to wait, rather than that it
 * falls behind further. docs/adr/0028. Pure.
 */

/** At a failover clients wait as long as that, too. What the server has been asked by then is still to come on top. */
const BEHIND_MS = 25;

export class Hesitation {
  readonly #mostMs: number;
  #sinceMs = Number.POSITIVE_INFINITY;

  /** @param ackTimeoutMs after which its primary gives up a backup that acknowledges nothing */
  constructor(ackTimeoutMs: number) {
    this.#mostMs = ackTimeoutMs / 4;
  }

  /** @param lagMs for how long the server has had before it what it takes next; 0 when it has taken all */
  holdsBack(lagMs: number, nowMs: number): boolean {
    if (lagMs < BEHIND_MS) {
      this.#sinceMs = Number.POSITIVE_INFINITY;
      return false;
    }
    this.#sinceMs = Math.min(this.#sinceMs, nowMs);
    const isTooLong = nowMs - this.#sinceMs >= this.#mostMs;
    if (isTooLong) this.#sinceMs = nowMs;
    return !isTooLong;
  }
}
