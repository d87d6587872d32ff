// Whether a server that recovers has been given all that the log holds.
import type { SouthWrap } from '../south/south-wrap.ts';
import { Standstill } from '../south/standstill.ts';

export class Settling {
  readonly #stillness = new Standstill();

  /** All but `mostBytes` of its input, or it takes no more for so long: it may not want to. */
  has(south: SouthWrap, mostBytes: number, patienceMs: number, nowMs: number): boolean {
    const bytes = south.recoveringBytes;
    return bytes <= mostBytes || this.#stillness.look(bytes, nowMs) >= patienceMs;
  }
}
