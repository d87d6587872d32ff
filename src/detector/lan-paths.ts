// Does the LAN carry anything between the two hosts? Some of the paths of heartbeats lead over it: a carrier that is there says
// nothing of a cable that is dead in one direction, or of a switch beyond.

/** So long without a heartbeat on any path over the LAN, and this direction of it carries nothing. */
const LAN_SILENCE_MS = 1000;

export class LanPaths {
  readonly #leadsOverLan: readonly boolean[];
  #heardAtMs = Number.NEGATIVE_INFINITY;

  /** @param leadsOverLan for each path whether it leads over the LAN that the clients come by. */
  constructor(leadsOverLan: readonly boolean[]) {
    this.#leadsOverLan = leadsOverLan;
  }

  /** Something of the peer has come on this path. */
  heard(path: number, nowMs: number): void {
    if (this.#leadsOverLan[path]) this.#heardAtMs = nowMs;
  }

  /** True as well where no path leads over the LAN: then nothing is known of it. */
  hears(nowMs: number): boolean {
    return nowMs - this.#heardAtMs <= LAN_SILENCE_MS || !this.#leadsOverLan.includes(true);
  }
}
