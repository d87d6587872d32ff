// The failure detector: is the peer silent? A pure function of arrival times. What is decided upon a suspicion is the business
// of `replica`; a suspicion is not a fact.
//
// A detector that itself woke late counts no silence: what arrived meanwhile is drained before it judges, and the time that it
// overslept is not held against the peer. A host that was paused or starved is the one to doubt itself.
//
// It wakes once per interval between heartbeats and takes what has arrived since: a heartbeat counts as heard when it is taken, up
// to an interval after it arrived. So silence is never overstated, and a suspicion comes at most an interval later.
//
// A host whose kernel answers while its daemon is silent has not crashed: something keeps its daemon from running, most likely for a
// moment. It is given more time, where the detector may learn.
import { GapHistogram } from './gap-histogram.ts';

/** A detector that sleeps for longer than this share of the timeout has overslept. */
const PUNCTUAL_SHARE = 0.2;
/** How many times the longest gap of late is silence. */
const GAPS_PER_TIMEOUT = 3;
/** Per heartbeat: at two a millisecond a long gap has faded to a third after half a second. */
const GAP_FADES = 0.999;
/** So long after a peer's start its program is still being compiled, and its heartbeats are late. */
const WARM_UP_MS = 1000;
const WARM_UP_FACTOR = 6;

export class SilenceDetector {
  readonly #timeoutLeastMs: number;
  readonly #timeoutMostMs: number;
  /** The longest gap of late, fading. */
  #recentGapMs = 0;
  #heardAtMs = Number.NaN;
  #wokeAtMs = Number.NaN;
  /** Silence up to the last waking: time since the peer was heard, without what this detector overslept. */
  #countedMs = 0;
  #warmUntilMs = Number.NEGATIVE_INFINITY;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  /** Gaps between heartbeats as they were taken, but those of a peer that starts. */
  readonly gaps = new GapHistogram();

  /**
   * @param leastMs silence that is a suspicion.
   * @param mostMs where it is greater, the detector learns: silence is a suspicion only from three times the longest gap of late
   * on, or while the peer's kernel does not answer, and at most from this on.
   */
  constructor(leastMs: number, mostMs: number = leastMs) {
    this.#timeoutLeastMs = leastMs;
    this.#timeoutMostMs = mostMs;
  }

  /** Silence has lasted for half the timeout: it is time to ask the peer's kernel. */
  wonders(nowMs: number): boolean {
    return this.#timeoutMostMs > this.#timeoutLeastMs && 2 * this.silenceMs(nowMs) >= this.#timeoutLeastMs;
  }

  /** The peer's kernel has answered. */
  answered(nowMs: number): void {
    this.#answeredAtMs = nowMs;
  }

  /** Silence that is a suspicion at present. */
  timeoutMs(nowMs: number): number {
    if (2 * (nowMs - this.#answeredAtMs) <= this.#timeoutLeastMs) return this.#timeoutMostMs;
    const learntMs = Math.min(
      this.#timeoutMostMs,
      Math.max(this.#timeoutLeastMs, GAPS_PER_TIMEOUT * this.#recentGapMs),
    );
    return nowMs < this.#warmUntilMs ? Math.max(learntMs, WARM_UP_FACTOR * this.#timeoutLeastMs) : learntMs;
  }

  /** The peer has started: the heartbeat that is to be told next is the first of a new life. */
  peerStarted(nowMs: number): void {
    this.#heardAtMs = Number.NaN;
    this.#warmUntilMs = nowMs + WARM_UP_MS;
  }

  /** A heartbeat was taken. */
  heard(nowMs: number): void {
    if (!Number.isNaN(this.#heardAtMs)) this.#learn(nowMs - this.#heardAtMs, nowMs);
    this.#heardAtMs = nowMs;
    this.#wokeAtMs = nowMs;
    this.#countedMs = 0;
  }

  /** The detector runs, having drained all that had arrived. Call this before `suspects`, as often as it wakes. */
  woke(nowMs: number): void {
    this.#countedMs = this.silenceMs(nowMs);
    this.#wokeAtMs = nowMs;
  }

  /** A peer that was never heard is not suspected: it may not have started yet. */
  suspects(nowMs: number): boolean {
    return this.silenceMs(nowMs) > this.timeoutMs(nowMs);
  }

  /** Silence that counts, ms: of each sleep no more than a punctual one would have taken. NaN when the peer was never heard. */
  silenceMs(nowMs: number): number {
    return this.#countedMs + Math.min(nowMs - this.#wokeAtMs, this.#timeoutLeastMs * PUNCTUAL_SHARE);
  }

  /** Milliseconds since the peer was heard last; NaN when it never was. */
  sinceHeardMs(nowMs: number): number {
    return nowMs - this.#heardAtMs;
  }

  #learn(gapMs: number, nowMs: number): void {
    this.#recentGapMs = Math.max(gapMs, this.#recentGapMs * GAP_FADES);
    if (nowMs >= this.#warmUntilMs) this.gaps.add(gapMs);
  }
}
