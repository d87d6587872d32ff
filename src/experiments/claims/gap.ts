/** The distribution of the gap, of which each figure shows one case. Pure. */
import type { Documented } from '../experiment.ts';
import { AT_ONCE_MS } from '../figures.ts';
import { type GapResult, gap } from '../gap.ts';
import { MODE_SETTINGS, MODES } from '../modes.ts';
import { type Claim, inShape, measuredIn, milliseconds, notReproduced, type Verdict } from './claim.ts';

const SNOOPING = ['reactive', 'permanent'] as const;
/** That is a wait for a timer: Linux's least. */
const TIMER_MS = 200;

export function gapClaim(result: Documented<GapResult>): Claim {
  const { modes, goals } = result;
  const waits = MODES.map((mode) => `${MODE_SETTINGS[mode].label}: ${milliseconds(modes[mode].maxMs)}`);
  const goal = (what: string, value: number | null, most: number) => ({
    met: value !== null && value <= most,
    said: `${what} at most ${most} ms (${milliseconds(value)})`,
  });
  return {
    title: 'How long the gap is',
    claim:
      'Where in its back-off a recovery meets a client is chance, and the gap with it: without snooping it can reach 64 s, with either kind of snooping there ' +
      'is none. The figures show one case of each; here are many, with recoveries of other lengths, and the two cures that go beyond ' +
      'the paper.',
    theirs: 'no snooping: up to 64 s; snooping: none',
    ours: `longest with ${waits.join('; ')}`,
    verdict: verdictOf(result),
    goals: [
      goal("the nudge's 95th percentile", modes.nudge.p95Ms, goals.nudgeP95Ms),
      goal("the takeover first's longest stall", modes['takeover-first'].maxMs, goals.takeoverFirstMaxMs),
    ],
    ...measuredIn(gap, result),
    name: 'gap',
    pictures: {
      gap: "The client's wait after the recovery, by mode",
      'gap-by-moment': 'The wait against the moment of the recovery',
    },
  };
}

function verdictOf({ modes }: GapResult): Verdict {
  const lost = MODES.reduce((sum, mode) => sum + modes[mode].failed, 0);
  if (lost > 0) return notReproduced(`${lost} of the uploads did not survive, or nobody recovered`);
  const { never } = modes;
  if (never.maxMs === null || never.maxMs < TIMER_MS) {
    return notReproduced(
      `without snooping nobody waited for a timer: the longest wait was ${milliseconds(never.maxMs)}`,
    );
  }
  const slow = SNOOPING.filter((mode) => (modes[mode].p95Ms ?? Number.POSITIVE_INFINITY) > AT_ONCE_MS);
  if (slow.length > 0) {
    const said = slow.map(
      (mode) => `with ${MODE_SETTINGS[mode].label} the 95th percentile is ${milliseconds(modes[mode].p95Ms)}`,
    );
    return notReproduced(said.join(', and '));
  }
  const longestMs = never.samples.reduce((most, { recoveryMs }) => Math.max(most, recoveryMs), 0);
  const stragglers = SNOOPING.flatMap((mode) => modes[mode].samples).filter(({ gapMs }) => gapMs > AT_ONCE_MS).length;
  const but = stragglers === 0 ? '' : `; with snooping ${stragglers} of the clients waited all the same`;
  return inShape(
    `the wait grows with the outage, which was ${milliseconds(longestMs)} at most, where 64 s take an outage of a minute${but}`,
  );
}
