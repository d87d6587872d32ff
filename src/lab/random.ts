/** Randomness that a seed decides: the same one gives the same numbers on every machine. Pure. */
import { assert } from '../errors.ts';

/** A 32-bit mixer with a counter, after SplitMix: short, and good enough to choose by. */
export class Random {
  #state = 0x9e3779b9;

  constructor(...seeds: readonly number[]) {
    for (const seed of seeds) this.#state = mix(this.#state ^ seed) >>> 0;
  }

  /** 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    return mix(this.#state) / 2 ** 32;
  }

  /** Both ends included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.integer(0, choices.length - 1)];
    assert(chosen !== undefined, 'there is something to choose from');
    return chosen;
  }
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
