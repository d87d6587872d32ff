/** Everything that `fttcp experiment` can do. A new experiment is one more line here. */
import type { Documented, Experiment } from './experiment.ts';
import { FIGURES } from './figures.ts';
import { gap } from './gap.ts';
import { table1 } from './table1.ts';

export const EXPERIMENTS = {
  ...FIGURES,
  gap,
  table1,
};

export type ExperimentName = keyof typeof EXPERIMENTS;
export const EXPERIMENT_NAMES = Object.keys(EXPERIMENTS) as ExperimentName[];

type ResultOf<It> = It extends Experiment<infer Result> ? Result : never;

/** What is written down of each, and what `--json` prints. */
export type PaperResults = { [Name in ExperimentName]: Documented<ResultOf<(typeof EXPERIMENTS)[Name]>> };
