// SYNs that came while a server recovered: they are answered when it has, rather than when their clients' timers repeat them.

/** Of a frame with options, and a little more. */
const FRAME_MOST = 256;

export class HeldSyns {
  /** By client and ports; of each client the latest. */
  readonly #frames = new Map<string, Uint8Array>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get isEmpty(): boolean {
    return this.#frames.size === 0;
  }

  /** @returns false when there is no room for one more. */
  hold(who: string, frame: Uint8Array): boolean {
    if (frame.length > FRAME_MOST || (this.#frames.size >= this.#most && !this.#frames.has(who))) return false;
    this.#frames.set(who, frame.slice());
    return true;
  }

  takeAll(take: (frame: Uint8Array) => void): void {
    const frames = [...this.#frames.values()];
    this.#frames.clear();
    for (const frame of frames) take(frame);
  }
}
