/**
 * What an unkind cable does to the frames of one direction: loses, delays, reorders, doubles and marks them, as a seed decides. Pure: frames are
 * known by the slot of memory that holds them, and time is told.
 */
import { FttcpError } from '../errors.ts';
import { parseTimeMs } from './clock.ts';
import { Random } from './random.ts';

export interface Unkindness {
  /** Shares of the frames, 0 to 1. */
  readonly loss: number;
  readonly duplicate: number;
  /** Frames that those behind them overtake. */
  readonly reorder: number;
  /** Frames that are marked as having met congestion, where their sender understands that. RFC 3168 */
  readonly mark: number;
  readonly delayMs: number;
  /** The delay differs by up to so much either way; the order stays. */
  readonly jitterMs: number;
  readonly seed: number;
}

const KIND: Unkindness = { loss: 0, duplicate: 0, reorder: 0, mark: 0, delayMs: 0, jitterMs: 0, seed: 1 };
/** A frame that is overtaken is late by up to this and the jitter. */
const OVERTAKEN_MS = 1;
const EXAMPLE = 'loss=1%,delay=5ms,jitter=2ms,reorder=1%,duplicate=0.1%,mark=1%,seed=7';

/** `loss=1%,delay=5ms` → … @throws FttcpError `usage` */
export function parseUnkindness(text: string): Unkindness {
  const found: Partial<Record<keyof Unkindness, number>> = {};
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=');
    if (isShare(name)) found[name] = parseShare(value, part);
    else if (name === 'delay' || name === 'jitter') found[`${name}Ms`] = parseTimeMs(value);
    else if (name === 'seed' && /^\d+$/.test(value)) found.seed = Number(value);
    else throw new FttcpError('usage', `--cable does not understand "${part}": write for example ${EXAMPLE}.`);
  }
  const unkindness = { ...KIND, ...found };
  if (unkindness.jitterMs > unkindness.delayMs) {
    throw new FttcpError('usage', '--cable: the jitter is no more than the delay, which it makes longer or shorter.');
  }
  return unkindness;
}

function isShare(name: string): name is 'loss' | 'duplicate' | 'reorder' | 'mark' {
  return ['loss', 'duplicate', 'reorder', 'mark'].includes(name);
}

function parseShare(value: string, part: string): number {
  const share = /^\d+(\.\d+)?%$/.test(value) ? Number(value.slice(0, -1)) / 100 : Number.NaN;
  if (share <= 1) return share;
  throw new FttcpError('usage', `--cable: a share is from 0% to 100%, as in ${EXAMPLE}: "${part}" is not.`);
}

/** One direction of the cable. */
export class UnkindQueue {
  readonly #unkindness: Unkindness;
  readonly #random: Random;
  /** Of its own, so that marks change nothing of what else becomes of a frame. */
  readonly #markRandom: Random;
  /** A heap by due time, then by arrival. */
  readonly #heap: { readonly dueMs: number; readonly arrival: number; readonly slot: number }[] = [];
  #arrivals = 0;
  #lastDueMs = 0;

  /** @param direction the two of a cable draw different numbers of one seed */
  constructor(unkindness: Unkindness, direction: number) {
    this.#unkindness = unkindness;
    this.#random = new Random(unkindness.seed, direction);
    this.#markRandom = new Random(unkindness.seed, direction, 1);
  }

  /** When the next frame is due; infinite when there is none. */
  get nextMs(): number {
    return this.#heap[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Decides whether the next frame is marked. */
  marks(): boolean {
    return this.#markRandom.chance(this.#unkindness.mark);
  }

  /**
   * Decides what becomes of the frame in `slot`.
   * @returns how often it will be taken out: 0 when it is lost.
   */
  add(slot: number, nowMs: number): number {
    const { loss, duplicate } = this.#unkindness;
    // Always as many draws: the fate of a frame hangs on its place alone.
    const lost = this.#random.chance(loss);
    const doubled = this.#random.chance(duplicate);
    const dueMs = this.#dueMs(nowMs);
    if (lost) return 0;
    this.#push(dueMs, slot);
    if (doubled) this.#push(dueMs, slot);
    return doubled ? 2 : 1;
  }

  /** The slot of the next frame that is due, or -1. */
  take(nowMs: number): number {
    const [first] = this.#heap;
    if (first === undefined || first.dueMs > nowMs) return -1;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    return first.slot;
  }

  #dueMs(nowMs: number): number {
    const { reorder, delayMs, jitterMs } = this.#unkindness;
    const jitter = (2 * this.#random.next() - 1) * jitterMs;
    const overtaken = this.#random.chance(reorder);
    const heldBackMs = this.#random.next() * (OVERTAKEN_MS + jitterMs);
    const dueMs = Math.max(nowMs + delayMs + jitter, this.#lastDueMs);
    if (overtaken) return dueMs + heldBackMs;
    this.#lastDueMs = dueMs;
    return dueMs;
  }

  #push(dueMs: number, slot: number): void {
    const heap = this.#heap;
    const added = { dueMs, arrival: this.#arrivals++, slot };
    let at = heap.length;
    heap.push(added);
    for (let parent = (at - 1) >> 1; at > 0; parent = (at - 1) >> 1) {
      const above = heap[parent];
      if (above === undefined || !isBefore(added, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = added;
  }

  /** Puts `entry` at the top and lets it sink to its place. */
  #sink(entry: { readonly dueMs: number; readonly arrival: number; readonly slot: number }): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const [left, right] = [heap[child], heap[child + 1]];
      const least = right !== undefined && left !== undefined && isBefore(right, left) ? child + 1 : child;
      const below = heap[least];
      if (below === undefined || !isBefore(below, entry)) break;
      heap[at] = below;
      at = least;
    }
    heap[at] = entry;
  }
}

function isBefore(
  one: { readonly dueMs: number; readonly arrival: number },
  other: { readonly dueMs: number; readonly arrival: number },
): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.arrival < other.arrival);
}
