/** When the primary loses its power: as the seed decides, somewhere in the client's work. Pure. */
import { Random } from '../src/lab/random.ts';
import type { BackupKind } from '../src/lab/service.ts';
import type { Load } from './servers.ts';

/** What is the same in every round. */
export interface Conditions {
  readonly seed: number;
  readonly backup: BackupKind;
  readonly load: Load;
}

export interface RoundPlan extends Conditions {
  /** Names. */
  readonly server: string;
  readonly client: string;
  /** From 1. */
  readonly round: number;
  /** The power-off of the primary, from the client's start. */
  readonly atMs: number;
}

/** By then a client has begun. */
const FIRST_MS = 100;
/** A client that is a little faster than the last time still works then. */
const LAST_SHARE = 0.95;
const NEARER = 0.8;

/** Of one client. The share of its work that is done then is the round's own; how long the work takes is learnt from the rounds before. */
export class Moments {
  readonly #seeds: readonly number[];
  #lengthMs: number;

  constructor({ seed, load }: Conditions, server: string, client: string) {
    this.#seeds = [seed, ...Buffer.from(`${server}, ${client}`)];
    this.#lengthMs = 1000 * load.seconds;
  }

  /** @param attempt from 1: each further one is nearer */
  of(round: number, attempt = 1): number {
    const lastMs = LAST_SHARE * this.#lengthMs;
    const firstMs = Math.min(FIRST_MS, lastMs);
    const share = new Random(...this.#seeds, round).next() * NEARER ** (attempt - 1);
    return Math.round(firstMs + share * (lastMs - firstMs));
  }

  /** @param lengthMs how long the client took, without the takeover */
  learn(lengthMs: number): void {
    this.#lengthMs = lengthMs;
  }
}

/** As `lab run --at` takes it. */
export function faultText({ atMs }: RoundPlan): string {
  return `${atMs}ms:power-off:primary`;
}

export function planText({ server, client, round, atMs }: RoundPlan): string {
  return `${server}, ${client}, round ${round}: power-off at ${atMs} ms`;
}
