/** All of it: each target has its share of the inputs, in episodes; the first failure of a target is shrunk, and told. */
import { setImmediate } from 'node:timers/promises';
import { type EpisodeName, episodeLength, replayEpisode, runEpisode } from './episode.ts';
import { shrunk } from './shrink.ts';
import type { Target } from './target.ts';

export interface CampaignOptions {
  readonly targets: readonly Target[];
  readonly inputs: number;
  readonly seed: number;
  /** Only this episode, whole. */
  readonly episode?: number;
  /** Hears of each episode that begins, and how many inputs the target was given before. */
  readonly begins?: (target: Target, episode: number, inputs: number) => void;
}

export interface Failure {
  readonly target: string;
  readonly episode: number;
  readonly problem: string;
  /** In hexadecimal, the last is the one that fails; none where it takes the whole episode. */
  readonly inputs: readonly string[];
  /** Repeats the episode. */
  readonly command: string;
}

export interface CampaignResult {
  readonly ok: boolean;
  readonly seed: number;
  /** Given, to all targets. */
  readonly inputs: number;
  readonly targets: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
}

export async function fuzz(options: CampaignOptions): Promise<CampaignResult> {
  const { targets, seed } = options;
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  const given: Record<string, number> = {};
  const failures: Failure[] = [];
  for (const target of targets) {
    const share = Math.ceil((options.inputs * target.weight) / weights);
    const { inputs, failure } = await fuzzTarget(target, share, options);
    given[target.name] = inputs;
    if (failure !== undefined) failures.push(failure);
  }
  const inputs = Object.values(given).reduce((sum, count) => sum + count, 0);
  return { ok: failures.length === 0, seed, inputs, targets: given, failures };
}

export function repeatCommand(target: string, seed: number, episode: number): string {
  return `npm run fuzz -- --target ${target} --seed ${seed} --episode ${episode}`;
}

async function fuzzTarget(
  target: Target,
  share: number,
  { seed, episode: only, begins }: CampaignOptions,
): Promise<{ inputs: number; failure: Failure | undefined }> {
  let inputs = 0;
  const first = only ?? 0;
  const most = only === undefined ? share : episodeLength(only);
  for (let episode = first; inputs < most; episode++) {
    const name = { target, seed, episode };
    begins?.(target, episode, inputs);
    // Inputs follow one another without a turn of the event loop, and others want theirs.
    await setImmediate();
    const finding = await runEpisode(name, most - inputs, () => {
      inputs++;
    });
    if (finding !== undefined) return { inputs, failure: await failureOf(name, finding.problem) };
  }
  return { inputs, failure: undefined };
}

/** The episode once more, its inputs kept this time, and then with fewer of them. */
async function failureOf(name: EpisodeName, problem: string): Promise<Failure> {
  const { target, seed, episode } = name;
  const inputs: Uint8Array[] = [];
  const again = await runEpisode(name, episodeLength(episode), (input) => inputs.push(input.slice()));
  const problemOf = async (some: readonly Uint8Array[]) => (await replayEpisode(name, some))?.problem;
  // What memory has come to takes all of them.
  const fewer = (await problemOf(inputs)) === undefined ? [] : await shrunk(inputs, again?.problem ?? '', problemOf);
  return {
    target: target.name,
    episode,
    problem,
    inputs: fewer.map((input) => Buffer.from(input).toString('hex')),
    command: repeatCommand(target.name, seed, episode),
  };
}
