/** How fast a backup takes over, against the floor that the paper names. Pure. */
import type { Documented } from '../experiment.ts';
import { type FailoverResult, failover } from '../failover.ts';
import type { FailoverStalls } from '../stall-round.ts';
import { type Claim, EXCEEDED, inShape, measuredIn, milliseconds, notReproduced, type Verdict } from './claim.ts';

/** Of the paper's timers. */
const FLOOR_MS = 10;

export function failoverClaim(result: Documented<FailoverResult>): Claim {
  const all = result.variants.flatMap(({ loads }) => Object.values(loads));
  const promotedMs = greatest(all.map(({ promotedP50Ms }) => promotedP50Ms));
  const stallMs = greatest(all.map(({ p50Ms }) => p50Ms));
  return {
    title: 'The time of a fail-over',
    claim:
      `A crash is noticed by a timer, and the timers of the paper's kernel count in steps of ${FLOOR_MS} ms: that was the floor of its fail-over. Then the ` +
      'server recovers, and the clients wait for a timer of their own, unless the backup snoops. Here the primary loses its power in the middle of a load, and ' +
      "the stall is what the client's packets show.",
    theirs: `at least ${FLOOR_MS} ms, and then the recovery`,
    ours: `slowest medians: promoted after ${milliseconds(promotedMs)}, stall ${milliseconds(stallMs)}`,
    verdict: verdictOf(all, promotedMs, greatest(all.map(({ detectedP50Ms }) => detectedP50Ms))),
    goals: [],
    ...measuredIn(failover, result),
    name: 'failover',
    pictures: { failover: 'How long a client stalls at a power-off of the primary' },
  };
}

function verdictOf(all: readonly FailoverStalls[], promotedMs: number | null, detectedMs: number | null): Verdict {
  const sum = (pick: (one: FailoverStalls) => number) => all.reduce((total, one) => total + pick(one), 0);
  const failed = sum((one) => one.failed);
  if (failed > 0 || promotedMs === null) {
    return notReproduced(
      `in ${failed} of ${sum(({ n }) => n)} rounds the connection was lost, or a byte was wrong, or nobody took over`,
    );
  }
  if (promotedMs < FLOOR_MS) return EXCEEDED;
  return inShape(
    `every connection goes on, but the slowest median takeover, after ${milliseconds(promotedMs)}, is not under the paper's floor of ` +
      `${FLOOR_MS} ms; the slowest median detection alone takes ${milliseconds(detectedMs)}, by a timeout that hosts sharing processors must bear`,
  );
}

function greatest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
