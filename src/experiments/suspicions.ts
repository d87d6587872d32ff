/** How often a detection timeout would have taken a living host for dead, by the arrivals of its datagrams. Pure. */
import { GapHistogram } from '../detector/gap-histogram.ts';
import { SilenceDetector } from '../detector/silence.ts';

export interface SuspicionRate {
  readonly timeoutMs: number;
  /** What the detector itself would have suspected. */
  readonly seen: number;
  readonly perHour: number;
  /** Where the tail of the gaps says more, that. */
  readonly expectedPerHour: number;
}

export const TIMEOUTS_MS = [1, 2, 3, 5, 8, 10, 15, 20, 25, 50] as const;
const HOUR_MS = 3_600_000;
/** As the daemon's detector, which wakes as often as a heartbeat is due; and never so rarely that it would doubt itself. */
const WAKES_EVERY_MS = 0.5;
const WAKES_PER_TIMEOUT = 5;

/** @param arrivalsMs ascending, by one clock */
export function suspicionRates(arrivalsMs: readonly number[]): SuspicionRate[] {
  const gaps = new GapHistogram();
  arrivalsMs.forEach((atMs, index) => {
    const before = arrivalsMs[index - 1];
    if (before !== undefined) gaps.add(atMs - before);
  });
  return TIMEOUTS_MS.map((timeoutMs) => {
    const seen = suspicionsOf(arrivalsMs, timeoutMs);
    const expectedPerHour = Number(gaps.suspicionsPerHour(timeoutMs).toPrecision(4));
    return { timeoutMs, seen, perHour: Math.round((seen / gaps.observedMs) * HOUR_MS), expectedPerHour };
  });
}

/** The detector is given the arrivals as it would have met them, waking punctually. */
export function suspicionsOf(arrivalsMs: readonly number[], timeoutMs: number): number {
  const detector = new SilenceDetector(timeoutMs);
  const everyMs = Math.min(WAKES_EVERY_MS, timeoutMs / WAKES_PER_TIMEOUT);
  const endMs = arrivalsMs.at(-1) ?? 0;
  let taken = 0;
  let suspected = false;
  let suspicions = 0;
  for (let nowMs = arrivalsMs[0] ?? endMs; nowMs <= endMs; nowMs += everyMs) {
    for (; (arrivalsMs[taken] ?? Number.POSITIVE_INFINITY) <= nowMs; taken++) detector.heard(nowMs);
    detector.woke(nowMs);
    const suspects = detector.suspects(nowMs);
    if (suspects && !suspected) suspicions++;
    suspected = suspects;
  }
  return suspicions;
}
