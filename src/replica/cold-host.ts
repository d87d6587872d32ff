// The cold side of a host: as a backup it retains the log; as a new primary it goes on retaining, and replays. ADR 22
import { assert } from '../errors.ts';
import { FrameView, wholeFrames } from '../log/frame.ts';
import type { LogWriter } from '../log/log-writer.ts';
import type { SouthWrap } from '../south/south-wrap.ts';
import type { ReplicaEvent } from './events.ts';
import { Replaying } from './replaying.ts';
import type { Retained } from './retained.ts';
import { Settling } from './settling.ts';

/** Of a replay, what is left when clients are not heard any more. */
const LAST_BYTES = 256 << 10;
/** A server that is replayed to, and takes nothing for so long, waits for something else than time. */
const SERVER_STILL_MS = 500;
/** What a cold pair does besides. */
export interface ColdConfig {
  /** Where this host keeps the log. */
  readonly retained: Retained;
  /** A cold backup that can keep no more leaves the view, or has the service wait. */
  readonly onLogFull: 'unprotect' | 'stall';
  /** Whether connections that are over have left state, and are replayed too. */
  readonly replayClosed: boolean;
}

export class ColdHost {
  readonly #config: ColdConfig;
  readonly #log: LogWriter;
  readonly #patienceMs: number;
  readonly #tell: (event: ReplicaEvent) => void;
  readonly #frame = new FrameView();
  readonly #settling = new Settling();
  #replaying: Replaying | undefined;
  #replaysOn = false;
  #closesReplay = false;
  /** There is something to replay: this host was a backup, or goes on from what it retained as one. */
  #replays = false;
  /** Position of the retained log at which this host's own entries begin. */
  #ownFrom = 0;
  /** Position at which what the old primary's server has learnt ends: from there on this host's server learns for itself. */
  #learntTo = 0;
  #problem = '';
  #isNews = false;

  /** @param patienceMs a server that takes nothing of a connection for so long will not. */
  constructor(config: ColdConfig, log: LogWriter, patienceMs: number, tell: (event: ReplicaEvent) => void) {
    this.#config = config;
    this.#log = log;
    this.#patienceMs = patienceMs;
    this.#tell = tell;
  }

  /** Whether a batch of the link can be retained now. */
  get hasRoom(): boolean {
    return this.#config.retained.hasRoom;
  }

  /** Up to here the log may be acknowledged. */
  get safe(): number {
    return this.#config.retained.safe;
  }

  /** Rather than go on unprotected, the service waits for a backup that can retain no more. */
  get waitsWhenFull(): boolean {
    return this.#config.onLogFull === 'stall';
  }

  /** Nothing can be retained at present. */
  get isStuck(): boolean {
    return this.#problem !== '';
  }

  /** The replay, while there is one. */
  get replaying(): Replaying | undefined {
    return this.#replaying;
  }

  /** The server is to do what another one did; not any more when the log comes to what only this host has said. */
  get serverReplays(): boolean {
    return this.#replays && this.#replaying !== undefined && this.#replaying.position < this.#learntTo;
  }

  /** It has got further in this turn. */
  get replaysOn(): boolean {
    return this.#replaysOn;
  }

  /** Its last stretch: nothing new is to come in, so that there is an end. */
  get closesReplay(): boolean {
    return this.#closesReplay;
  }

  /** This host starts as the primary from the log of an earlier life. */
  get restarts(): boolean {
    return this.#config.retained.isLeft;
  }

  /** Why the log cannot be written at present, '' when it can be again; undefined unless that has changed. */
  get news(): string | undefined {
    if (!this.#isNews) return undefined;
    this.#isNews = false;
    return this.#problem;
  }

  /** This host is a backup now. */
  joined(epoch: number): void {
    this.#config.retained.begin(epoch);
  }

  /** Whole frames of the link. */
  append(bytes: Uint8Array, offset: number, length: number): void {
    this.#config.retained.append(bytes, offset, length);
  }

  /** This host speaks now, or will; it is its own backup until the server has recovered. */
  promoted(): void {
    this.#replays = true;
    this.#log.start();
    this.#config.retained.unbind();
    this.#ownFrom = this.#learntTo = this.#config.retained.held;
  }

  /** @param south a wrap for the server, which has heard of nothing yet. */
  serverStarted(front: SouthWrap, south: SouthWrap, nowMs: number): void {
    assert(this.#replaying === undefined, 'a cold host starts its server once');
    const { retained, replayClosed } = this.#config;
    if (this.restarts) {
      this.#replays = true;
      this.#learntTo = retained.held;
    }
    // Who starts from a log knows only by replaying it which connections are over.
    const isOpen = this.restarts ? () => true : (id: number) => front.isKnown(id);
    const isWanted = replayClosed ? undefined : isOpen;
    this.#replaying = new Replaying(south, retained, isWanted, this.#patienceMs, nowMs);
    if (this.#replays) this.#tell({ event: 'replaying', bytes: retained.held });
  }

  /** @returns why the replay cannot go on; '' if it can. */
  turn(isRecovering: boolean, nowMs: number): string {
    if (isRecovering) this.#retainOwn();
    const { problem } = this.#config.retained;
    this.#isNews ||= problem !== this.#problem;
    this.#problem = problem;
    if (this.#replaying === undefined || !isRecovering) return '';
    this.#replaying.south.tick(nowMs);
    this.#replaysOn = this.#replaying.turn(nowMs);
    return this.#replaying.problem;
  }

  /**
   * The wrap that is to speak, when the replay has come to its end: for the last stretch clients are not heard, and what the front
   * has said and not sent yet it sends first.
   */
  heir(front: SouthWrap, nowMs: number): SouthWrap | undefined {
    const replaying = this.#replaying;
    if (replaying === undefined || replaying.leftBytes > LAST_BYTES) return undefined;
    this.#closesReplay ||= this.#settling.has(replaying.south, LAST_BYTES, SERVER_STILL_MS, nowMs);
    if (!this.#closesReplay || replaying.leftBytes > 0 || this.#log.queue.used > 0) return undefined;
    if (front.speaking && front.waitingFrames > 0) return undefined;
    if (!this.#settling.has(replaying.south, 0, SERVER_STILL_MS, nowMs)) return undefined;
    // Clients may have been acknowledged what a power-off has taken from the log's end.
    if (this.restarts && !this.#config.retained.isDurable) replaying.south.giveUpAll();
    return replaying.south;
  }

  /** The heir speaks. */
  replayEnded(nowMs: number): void {
    assert(this.#replaying !== undefined, 'there was a replay');
    const { bytes, connections, elapsedMs } = this.#replaying.progress(nowMs);
    this.#replaying = undefined;
    this.#replaysOn = this.#closesReplay = false;
    if (!this.#replays) return;
    const perS = (amount: number) => (elapsedMs > 0 ? (amount / elapsedMs) * 1000 : 0);
    this.#tell({
      event: 'replayed',
      ...{ bytes, connections, afterMs: elapsedMs },
      megabytesPerS: perS(bytes) / 1e6,
      connectionsPerS: perS(connections),
    });
  }

  /** Brings this host's own entries into the retained log. */
  #retainOwn(): void {
    const { queue } = this.#log;
    const { retained } = this.#config;
    while (queue.used > 0 && retained.hasRoom) {
      const { bytes, readOffset, readable } = queue;
      const length = wholeFrames(this.#frame, bytes, readOffset, Math.min(readable, retained.batchBytes));
      retained.append(bytes, readOffset, length);
      queue.consume(length);
    }
    this.#log.acknowledge(Math.max(0, retained.safe - this.#ownFrom));
  }
}
