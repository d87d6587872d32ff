/** The campaign in a thread of its own, so that an input that is never done with is noticed from outside. */
import { parentPort, workerData } from 'node:worker_threads';
import { fuzz } from './campaign.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets.ts';

export interface FuzzWorkerData {
  readonly targets: readonly string[];
  readonly inputs: number;
  readonly seed: number;
  readonly episode: number | undefined;
  /** Inputs given, and place in `targets` and episode of the last one. */
  readonly progress: Int32Array;
}

const { targets: names, inputs, seed, episode, progress } = workerData as FuzzWorkerData;
const targets = names.flatMap((name) => TARGETS.filter((target) => target.name === name));

const result = await fuzz({
  targets,
  inputs,
  seed,
  ...(episode === undefined ? {} : { episode }),
  progress(target: Target, current: number) {
    progress[1] = targets.indexOf(target);
    progress[2] = current;
    Atomics.add(progress, 0, 1);
  },
});
parentPort?.postMessage(result);
