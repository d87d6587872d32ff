/** What is fuzzed: a decoder, or a machine behind decoders, that is given bytes which somebody else has made. */
import type { Random } from '../src/lab/random.ts';

export interface Target {
  readonly name: string;
  /** Of all inputs, in parts: a target whose inputs are slow gets fewer of them. */
  readonly weight: number;
  /** Longer inputs are cut. */
  readonly bytesMax: number;
  /** Made afresh for each episode: inputs of one episode meet what those before them have left. */
  subject(random: Random): Subject;
}

export interface Subject {
  /** Valid messages, which are mutated. */
  readonly corpus: readonly Uint8Array[];
  /** Makes a mutated input harder to turn away, where it lies: right numbers, lengths, checksums, seals. Not always. */
  prepare(input: Uint8Array, random: Random): void;
  /** Gives the input to the decoder, and throws whatever is wrong with what comes of it. It leaves the input as it is. */
  take(input: Uint8Array): void | Promise<void>;
  /** After the last input: what has to hold whatever came. */
  check(): void;
  close?(): Promise<void>;
}

/** A subject that has neither memory nor anything to repair. */
export function stateless(corpus: readonly Uint8Array[], take: (input: Uint8Array) => void): Subject {
  return { corpus, prepare: () => undefined, take, check: () => undefined };
}
