// The gaps between heartbeats, and what they advise: how often would a timeout have taken one of them for silence? Beyond the
// longest gaps seen, the tail is continued as a power law (Hill's estimator over the longest ones): schedulers and networks have
// heavy tails, and an exponential one would promise too much.

/** Timeouts that are judged, ms. */
export const CANDIDATE_TIMEOUTS_MS = [2, 3, 5, 8, 10, 15, 20, 25, 50] as const;
/** Fewer heartbeats than this within the timeout, and one late packet is a suspicion. */
export const INTERVALS_PER_TIMEOUT_MIN = 4;
/** Advised is the shortest timeout that would suspect falsely less often than this. */
const PER_HOUR_MOST = 0.01;
/** Heartbeats of a shorter time advise nothing. */
export const ADVICE_AFTER_MS = 600_000;

const BUCKETS = 2000;
const BUCKETS_PER_MS = 10;
/** So many of the longest gaps make the tail. */
const TAIL_GAPS = 20;
const HOUR_MS = 3_600_000;

export class GapHistogram {
  /** By tenths of a millisecond; the last one holds all that are longer. */
  readonly #buckets = new Uint32Array(BUCKETS + 1);
  #count = 0;
  #observedMs = 0;
  #longestMs = 0;

  add(gapMs: number): void {
    const bucket = Math.min(BUCKETS, Math.floor(gapMs * BUCKETS_PER_MS));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
    this.#observedMs += gapMs;
    this.#longestMs = Math.max(this.#longestMs, gapMs);
  }

  get count(): number {
    return this.#count;
  }

  /** The time that the gaps cover. */
  get observedMs(): number {
    return this.#observedMs;
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  /** The gap that all but `share` of the gaps stayed below, ms. */
  quantileMs(share: number): number {
    const bucket = this.#bucketWithLonger(this.#count * share);
    return bucket < 0 ? 0 : (bucket + 1) / BUCKETS_PER_MS;
  }

  /** How many gaps a timeout would have taken for silence; those within its own tenth of a millisecond count. */
  longerThan(timeoutMs: number): number {
    let longer = 0;
    for (let i = Math.floor(timeoutMs * BUCKETS_PER_MS); i <= BUCKETS; i++) longer += this.#buckets[i] ?? 0;
    return longer;
  }

  /** False suspicions that a timeout would make in an hour: as seen, or by the tail where that says more. NaN before any gap. */
  suspicionsPerHour(timeoutMs: number): number {
    const perObserved = Math.max(this.longerThan(timeoutMs), this.#tail(timeoutMs));
    return (perObserved / this.#observedMs) * HOUR_MS;
  }

  /**
   * The shortest candidate of at least four intervals that would hardly ever suspect falsely. NaN while too little was heard to tell,
   * infinity when none of them would do.
   */
  advisedTimeoutMs(intervalMs: number): number {
    if (this.#observedMs < ADVICE_AFTER_MS) return Number.NaN;
    for (const timeoutMs of CANDIDATE_TIMEOUTS_MS) {
      if (timeoutMs >= INTERVALS_PER_TIMEOUT_MIN * intervalMs && this.suspicionsPerHour(timeoutMs) < PER_HOUR_MOST)
        return timeoutMs;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Gaps longer than a timeout that the longest ones let expect. */
  #tail(timeoutMs: number): number {
    const first = Math.max(1, this.#bucketWithLonger(TAIL_GAPS - 1));
    const firstMs = first / BUCKETS_PER_MS;
    let gaps = 0;
    let logarithms = 0;
    for (let i = first; i <= BUCKETS; i++) {
      const count = this.#buckets[i] ?? 0;
      if (count === 0) continue;
      gaps += count;
      const upToMs = i < BUCKETS ? Math.min(this.#longestMs, (i + 1) / BUCKETS_PER_MS) : this.#longestMs;
      logarithms += count * Math.log(Math.max(1, upToMs / firstMs));
    }
    return gaps === 0 || timeoutMs <= firstMs ? gaps : gaps * (timeoutMs / firstMs) ** (-gaps / logarithms);
  }

  /** The highest bucket that, with those above, holds more than `count` gaps; −1 when there are not so many. */
  #bucketWithLonger(count: number): number {
    let longer = 0;
    for (let i = BUCKETS; i >= 0; i--) {
      longer += this.#buckets[i] ?? 0;
      if (longer > count) return i;
    }
    return -1;
  }
}
