/** Everything that `fttcp experiment` can do. A new experiment is one more line here. */
import { coldRecovery } from './cold-recovery.ts';
import type { Documented, Experiment, ExperimentSettings } from './experiment.ts';
import { failover } from './failover.ts';
import { FIGURES } from './figures.ts';
import { gap } from './gap.ts';
import { overhead } from './overhead.ts';
import { scalability } from './scalability.ts';
import { table1 } from './table1.ts';

export const EXPERIMENTS = {
  ...FIGURES,
  gap,
  table1,
  overhead,
  failover,
  scalability,
  'cold-recovery': coldRecovery,
};

export type ExperimentName = keyof typeof EXPERIMENTS;
export const EXPERIMENT_NAMES = Object.keys(EXPERIMENTS) as ExperimentName[];

/** From the programs that they need, besides the lab's, to their Debian packages. */
export function programsFor(
  names: readonly ExperimentName[],
  settings: Pick<ExperimentSettings, 'service'>,
): Record<string, string> {
  const experiments: readonly Experiment[] = names.map((name) => EXPERIMENTS[name]);
  return Object.assign({}, ...experiments.map((one) => one.programs?.(settings)));
}

type ResultOf<It> = It extends Experiment<infer Result> ? Result : never;

/** What is written down of each, and what `--json` prints. */
export type PaperResults = { [Name in ExperimentName]: Documented<ResultOf<(typeof EXPERIMENTS)[Name]>> };
