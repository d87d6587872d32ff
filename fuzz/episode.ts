/**
 * Episodes: inputs that follow one another to one subject. Seed, target and number decide an episode, so that any can be had again,
 * alone. Most are short; every so often one is long, and memory is measured in it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Random } from '../src/lab/random.ts';
import { mutated } from './mutation.ts';
import type { Subject, Target } from './target.ts';

const SHORT_MAX = 200;
const LONG = 8_000;
/** Of so many episodes the last is long. */
const LONG_EVERY = 64;
/** Memory is first measured when tables and buffers have had the time to fill. */
const WARM = LONG / 2;
/** Compiled code, and what its optimisation has learnt, is memory too. */
const GROWTH_MAX_BYTES = 4 << 20;

export interface EpisodeName {
  readonly target: Target;
  readonly seed: number;
  readonly episode: number;
}

/** What went wrong, and at which input. */
export interface Finding {
  readonly problem: string;
  readonly input: number;
}

/** Hears of every input before the target does. */
export type Witness = (input: Uint8Array) => void;

export function episodeLength(episode: number): number {
  if (episode % LONG_EVERY === LONG_EVERY - 1) return LONG;
  return new Random(episode).integer(1, SHORT_MAX);
}

/** @param most inputs, where that is less than the episode has. */
export async function runEpisode(name: EpisodeName, most: number, witness: Witness): Promise<Finding | undefined> {
  const { target } = name;
  const length = Math.min(most, episodeLength(name.episode));
  const random = randomOf(name, 1);
  let memoryBytes = 0;
  return withSubject(name, length, async (subject, i) => {
    if (length === LONG && i === WARM) memoryBytes = memoryInUse();
    const input = mutated(subject.corpus, random, target.bytesMax);
    subject.prepare(input, random);
    witness(input);
    await taken(subject, input);
    if (length !== LONG || i !== LONG - 1) return;
    const grownBytes = memoryInUse() - memoryBytes;
    if (grownBytes > GROWTH_MAX_BYTES) throw new Error(`memory grew by ${grownBytes} bytes in ${LONG - WARM} inputs`);
  });
}

/** Gives inputs that were recorded to a subject as the episode had it. */
export async function replayEpisode(name: EpisodeName, inputs: readonly Uint8Array[]): Promise<Finding | undefined> {
  return withSubject(name, inputs.length, (subject, i) => taken(subject, inputs[i] ?? new Uint8Array(0)));
}

async function withSubject(
  name: EpisodeName,
  length: number,
  step: (subject: Subject, i: number) => void | Promise<void>,
): Promise<Finding | undefined> {
  let subject: Subject | undefined;
  let i = 0;
  try {
    subject = name.target.subject(randomOf(name, 0));
    for (; i < length; i++) {
      const pending = step(subject, i);
      if (pending !== undefined) await pending;
    }
    subject.check();
    return undefined;
  } catch (error) {
    return { problem: error instanceof Error ? (error.stack ?? error.message) : String(error), input: i };
  } finally {
    await subject?.close?.();
  }
}

async function taken(subject: Subject, input: Uint8Array): Promise<void> {
  const pending = subject.take(input);
  if (pending !== undefined) await pending;
}

/** @param use what the numbers are for: the subject, or the inputs. */
function randomOf({ target, seed, episode }: EpisodeName, use: number): Random {
  return new Random(seed, ...Array.from(target.name, (letter) => letter.charCodeAt(0)), episode, use);
}

let collect: (() => void) | undefined;

function memoryInUse(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  // What lies outside of the heap is given back only after a collection, by another thread: the next one waits for it.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
