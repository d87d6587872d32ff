// The failure detector: is the peer silent? A pure function of arrival times. What is decided upon a suspicion is the business
// of `replica`; a suspicion is not a fact.
//
// A detector that itself woke late counts no silence: what arrived meanwhile is drained before it judges, and the time that it
// overslept is not held against the peer. A host that was paused or starved is the one to doubt itself.

const BUCKETS = 2000;
/** A detector that sleeps for longer than this share of the timeout has overslept. */
const PUNCTUAL_SHARE = 0.2;
/** How many times the longest gap of late is silence. */
const GAPS_PER_TIMEOUT = 3;
/** Per heartbeat: at two a millisecond a long gap has faded to a third after half a second. */
const GAP_FADES = 0.999;

export class SilenceDetector {
  readonly #timeoutLeastMs: number;
  readonly #timeoutMostMs: number;
  /** The longest gap of late, fading. */
  #recentGapMs = 0;
  #heardAtMs = Number.NaN;
  #wokeAtMs = Number.NaN;
  /** Silence up to the last waking: time since the peer was heard, without what this detector overslept. */
  #countedMs = 0;
  /** Gaps between heartbeats, by tenths of a millisecond: what each timeout would have suspected. */
  readonly #gaps = new Uint32Array(BUCKETS + 1);
  #beats = 0;
  #longestGapMs = 0;

  /**
   * @param leastMs silence that is a suspicion.
   * @param mostMs where it is greater, the detector learns: silence is a suspicion only from three times the longest gap of late
   * on, and at most from this on.
   */
  constructor(leastMs: number, mostMs: number = leastMs) {
    this.#timeoutLeastMs = leastMs;
    this.#timeoutMostMs = mostMs;
  }

  /** Silence that is a suspicion at present. */
  get timeoutMs(): number {
    return Math.min(this.#timeoutMostMs, Math.max(this.#timeoutLeastMs, GAPS_PER_TIMEOUT * this.#recentGapMs));
  }

  /** A heartbeat has arrived. */
  heard(nowMs: number): void {
    if (!Number.isNaN(this.#heardAtMs)) this.#count(nowMs - this.#heardAtMs);
    this.#heardAtMs = nowMs;
    this.#wokeAtMs = nowMs;
    this.#countedMs = 0;
    this.#beats++;
  }

  /** The detector runs, having drained all that had arrived. Call this before `suspects`, as often as it wakes. */
  woke(nowMs: number): void {
    this.#countedMs = this.silenceMs(nowMs);
    this.#wokeAtMs = nowMs;
  }

  /** A peer that was never heard is not suspected: it may not have started yet. */
  suspects(nowMs: number): boolean {
    return this.silenceMs(nowMs) > this.timeoutMs;
  }

  /** Silence that counts, ms: of each sleep no more than a punctual one would have taken. NaN when the peer was never heard. */
  silenceMs(nowMs: number): number {
    return this.#countedMs + Math.min(nowMs - this.#wokeAtMs, this.#timeoutLeastMs * PUNCTUAL_SHARE);
  }

  /** Milliseconds since the peer was heard last; NaN when it never was. */
  sinceHeardMs(nowMs: number): number {
    return nowMs - this.#heardAtMs;
  }

  get beats(): number {
    return this.#beats;
  }

  get longestGapMs(): number {
    return this.#longestGapMs;
  }

  /** The share of gaps that a timeout would have taken for silence: how often it would have suspected falsely, per heartbeat. */
  falseSuspicionRate(timeoutMs: number): number {
    if (this.#beats < 2) return 0;
    let longer = 0;
    for (let i = Math.min(BUCKETS, Math.floor(timeoutMs * 10)); i <= BUCKETS; i++) longer += this.#gaps[i] ?? 0;
    return longer / (this.#beats - 1);
  }

  /** The gap that all but `share` of the gaps stayed below, ms. */
  gapQuantileMs(share: number): number {
    const allowed = (this.#beats - 1) * share;
    let longer = 0;
    for (let i = BUCKETS; i >= 0; i--) {
      longer += this.#gaps[i] ?? 0;
      if (longer > allowed) return (i + 1) / 10;
    }
    return 0;
  }

  #count(gapMs: number): void {
    const bucket = Math.min(BUCKETS, Math.floor(gapMs * 10));
    this.#gaps[bucket] = (this.#gaps[bucket] ?? 0) + 1;
    this.#longestGapMs = Math.max(this.#longestGapMs, gapMs);
    this.#recentGapMs = Math.max(gapMs, this.#recentGapMs * GAP_FADES);
  }
}
