/**
 * Points of a connection's sequence plot, in bounded memory: the whole run, thinned out as it grows longer, and all that
 * happened close to the first fault. Pure.
 */

export const KINDS = [
  'clientData',
  'serviceAck',
  'serviceData',
  'clientRetransmission',
  'serviceRetransmission',
] as const;
export type Kind = (typeof KINDS)[number];

/** `position` counts bytes of that direction's stream from 0. */
export interface Point {
  atMs: number;
  position: number;
  kind: Kind;
}

const WHOLE_POINTS_MAX = 3000;
const BEFORE_FAULT_POINTS_MAX = 6000;
const CLOSE_UP_POINTS_MAX = 20_000;
const CLOSE_UP_AFTER_MS = 400;

export class Series {
  /** Thinned out, per kind. */
  readonly #whole = KINDS.map(() => new Thinned(WHOLE_POINTS_MAX));
  /** Before the fault a ring of the latest points; after it only appended to. */
  readonly #close: Point[] = [];
  #ringAt = 0;
  #faultMs = Number.POSITIVE_INFINITY;

  fault(atMs: number): void {
    if (this.#faultMs !== Number.POSITIVE_INFINITY) return;
    this.#faultMs = atMs;
    this.#close.push(...this.#close.splice(0, this.#ringAt));
  }

  add(atMs: number, position: number, kind: Kind): void {
    this.#whole[KINDS.indexOf(kind)]?.add(atMs, position);
    if (this.#faultMs === Number.POSITIVE_INFINITY) {
      this.#close[this.#ringAt] = { atMs, position, kind };
      this.#ringAt = (this.#ringAt + 1) % BEFORE_FAULT_POINTS_MAX;
    } else if (atMs <= this.#faultMs + CLOSE_UP_AFTER_MS && this.#close.length < CLOSE_UP_POINTS_MAX) {
      this.#close.push({ atMs, position, kind });
    }
  }

  get whole(): Point[] {
    return this.#whole.flatMap((thinned, index) => {
      const kind = KINDS[index];
      return kind === undefined ? [] : thinned.points.map(([atMs, position]) => ({ atMs, position, kind }));
    });
  }

  get closeUp(): Point[] {
    return this.#faultMs === Number.POSITIVE_INFINITY ? [] : this.#close;
  }
}

/** Keeps every n-th point, n doubling whenever the room is used up. */
class Thinned {
  readonly #max: number;
  #points: [number, number][] = [];
  #every = 1;
  #seen = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get points(): readonly [number, number][] {
    return this.#points;
  }

  add(atMs: number, position: number): void {
    if (this.#seen++ % this.#every !== 0) return;
    this.#points.push([atMs, position]);
    if (this.#points.length < this.#max) return;
    this.#points = this.#points.filter((_, index) => index % 2 === 0);
    this.#every *= 2;
  }
}
