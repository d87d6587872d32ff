/** What the numbers are held against: the least ratio to the direct path, the most added latency, the longest middle stall. */
import type { Load } from '../src/experiments/stall-round.ts';
import type { Direction, Rate } from './results.ts';

/** At 1 Gb/s it is the bound of FT-TCP (DSN 2003); unshaped, every host of the lab and the client share the same processors. */
export const RATIO_GOALS: Readonly<Record<Rate, Readonly<Record<Direction, number>>>> = {
  '1gbit': { up: 0.98, down: 0.98 },
  unshaped: { up: 0.4, down: 0.5 },
};
export const ADDED_P50_GOAL_US = 200;
/** From the promotion to the client's next data, at the 95th percentile. */
export const RESUMPTION_P95_GOAL_MS = 20;
/** `pingpong` has none: what is lost in the dead window waits for the client's own timer. */
export const STALL_P50_GOALS_MS: Readonly<Partial<Record<Load, number>>> = { up: 20, down: 20, echo: 20 };
