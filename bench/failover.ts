/** Failover: under each load in turn the primary's host loses its power, again and again, over a LAN of 1 Gb/s. */
import type { MeasureSettings } from '../src/experiments/measured-run.ts';
import {
  LOADS,
  type Load,
  roundInWords,
  type StallRound,
  stallRound,
  stallsOf,
} from '../src/experiments/stall-round.ts';
import type { FailoverResult } from './results.ts';

const RATE = '1gbit';

export async function measureFailover(settings: MeasureSettings): Promise<FailoverResult> {
  const count = settings.quick ? 5 : 15;
  const rounds: Record<Load, StallRound[]> = { up: [], down: [], echo: [], pingpong: [] };
  // Load by load within a round: a machine that gets slower slows all of them.
  for (let index = 0; index < count; index++) {
    for (const load of LOADS) {
      const round = await stallRound(load, index, { rate: RATE }, settings);
      rounds[load].push(round);
      settings.tell(`failover ${load} ${index + 1}/${count}: ${roundInWords(round)}`);
    }
  }
  return {
    up: stallsOf(rounds.up),
    down: stallsOf(rounds.down),
    echo: stallsOf(rounds.echo),
    pingpong: stallsOf(rounds.pingpong),
  };
}
