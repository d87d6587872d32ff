/** The witness of the simulated world: the real rule, datagrams that take their time and may be lost, an end and a new start. */
import { changed, type View, type WitnessAnswer, type WitnessRequest } from '../src/replica/view.ts';
import type { Random } from './random.ts';

type Datagram = { readonly at: number; readonly host: number } & (
  | { readonly request: WitnessRequest }
  | { readonly answer: WitnessAnswer }
);

export class ModelWitness {
  view: View | undefined;
  up = true;
  /** It answers, but cannot store anything. */
  full = false;
  /** Share of datagrams that are lost, either way. */
  loss = 0;
  /** Hosts that do not reach it, and that it does not reach. */
  readonly unreachable = new Set<number>();
  /** Every view that there was. */
  readonly views: View[] = [];
  readonly #random: Random;
  readonly #flying: Datagram[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get nextAt(): number {
    return Math.min(...this.#flying.map(({ at }) => at), Number.POSITIVE_INFINITY);
  }

  ask(host: number, request: WitnessRequest, nowMs: number): void {
    this.#fly({ at: this.#arrival(nowMs), host, request });
  }

  /** Datagrams arrive, requests are answered. */
  turn(nowMs: number, deliver: (host: number, answer: WitnessAnswer) => void): void {
    for (const datagram of this.#flying.filter(({ at }) => at <= nowMs)) {
      this.#flying.splice(this.#flying.indexOf(datagram), 1);
      const { host } = datagram;
      if (this.unreachable.has(host)) continue;
      if ('answer' in datagram) deliver(host, datagram.answer);
      else if (this.up) this.#fly({ at: this.#arrival(nowMs), host, answer: this.#answer(datagram.request) });
    }
  }

  #answer({ sequence, from, change }: WitnessRequest): WitnessAnswer {
    const next = change === undefined ? this.view : changed(this.view, from, change);
    if (next === this.view) return { sequence, view: this.view, problem: '' };
    if (this.full) return { sequence, view: this.view, problem: 'disk-full' };
    this.view = next;
    if (next !== undefined) this.views.push(next);
    return { sequence, view: next, problem: '' };
  }

  #arrival(nowMs: number): number {
    return nowMs + 0.1 + (this.#random.chance(0.1) ? 3 * this.#random.next() : 0);
  }

  #fly(datagram: Datagram): void {
    if (!this.#random.chance(this.loss)) this.#flying.push(datagram);
  }
}
