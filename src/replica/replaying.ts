// The replay of a cold backup: the retained log from its beginning, in order, into a wrap with a server that has just been started, as fast
// as that takes it. ADR 22
import { ENTRY, LINK_FRAME } from '../log/entry.ts';
import { FrameView } from '../log/frame.ts';
import type { SouthWrap } from '../south/south-wrap.ts';
import { Standstill } from '../south/standstill.ts';
import type { Retained, RetainedReading } from './retained.ts';

/** Applied in one turn: the clients of the front are to be answered meanwhile. */
const TURN_BYTES = 512 << 10;

export interface ReplayProgress {
  /** Of the log. */
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly connections: number;
  readonly elapsedMs: number;
}

export class Replaying {
  readonly south: SouthWrap;
  readonly #retained: Retained;
  readonly #reading: RetainedReading;
  readonly #isComplete: boolean;
  readonly #isWanted: (connection: number) => boolean;
  readonly #patienceMs: number;
  readonly #startedAtMs: number;
  readonly #frame = new FrameView();
  readonly #standstill = new Standstill();
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;
  #connections = 0;
  #problem = '';

  /**
   * @param south a wrap that does not speak, behind which the server was started.
   * @param isWanted whether a connection is to be replayed; undefined: all are, and nothing may be missing from the log.
   * @param patienceMs a server that takes nothing of a connection for so long will not.
   */
  constructor(
    south: SouthWrap,
    retained: Retained,
    isWanted: ((connection: number) => boolean) | undefined,
    patienceMs: number,
    nowMs: number,
  ) {
    this.south = south;
    this.#retained = retained;
    this.#reading = retained.openReader();
    this.#isComplete = isWanted === undefined;
    this.#isWanted = isWanted ?? (() => true);
    this.#patienceMs = patienceMs;
    this.#startedAtMs = nowMs;
  }

  /** Up to here the log has been replayed. */
  get position(): number {
    return this.#reading.end - (this.#block.length - this.#at);
  }

  /** What is left of the log. */
  get leftBytes(): number {
    return this.#retained.held - this.position;
  }

  /** Why it cannot go on; '' if it can. */
  get problem(): string {
    return this.#problem || this.#reading.problem;
  }

  progress(nowMs: number): ReplayProgress {
    return {
      bytes: this.position,
      bytesTotal: this.#retained.held,
      connections: this.#connections,
      elapsedMs: nowMs - this.#startedAtMs,
    };
  }

  /** @returns whether it got further. */
  turn(nowMs: number): boolean {
    let applied = 0;
    while (applied < TURN_BYTES && this.problem === '' && this.#hasNext()) {
      const taken = this.#frame.set(this.#block, this.#at, this.#block.length - this.#at);
      if (taken <= 0) this.#problem = 'the retained log holds something that is no frame';
      else if (!this.#apply(nowMs)) break;
      this.#at += Math.max(0, taken);
      applied += taken;
    }
    // Nobody holds windows by what this server has taken.
    this.south.reportProgress(() => {});
    return applied > 0;
  }

  #hasNext(): boolean {
    if (this.#at === this.#block.length) {
      this.#block = this.#reading.next();
      this.#at = 0;
    }
    return this.#at < this.#block.length;
  }

  /** A connection is replayed as a whole, or not at all: which, is decided where it begins. */
  #isLeftOut({ type, connection }: FrameView): boolean {
    if (connection === 0 || this.#isComplete) return false;
    return type === ENTRY.OPEN ? !this.#isWanted(connection) : !this.south.isKnown(connection);
  }

  /** @returns false when the server must take more first. */
  #apply(nowMs: number): boolean {
    const frame = this.#frame;
    if (frame.type >= LINK_FRAME.CHALLENGE || this.#isLeftOut(frame)) return true;
    if (!this.south.canReplay(frame)) {
      if (this.#standstill.look(this.position, nowMs) < this.#patienceMs) return false;
      this.south.giveUp(frame.connection);
    }
    const before = this.south.connectionsOpened;
    this.#problem = this.south.fromLog(frame, nowMs);
    if (this.south.connectionsOpened > before) this.#connections++;
    return true;
  }
}
