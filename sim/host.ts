/**
 * One host of the simulated world: the pure rooms as the data loop wires them (src/daemon/data-loop.ts), with a model server behind
 * the TUN. A turn is a generator that stops wherever the power may go, or all threads may come to stand still.
 */
import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ByteQueue } from '../src/log/byte-queue.ts';
import { LINK_FRAME } from '../src/log/entry.ts';
import { FrameView } from '../src/log/frame.ts';
import { LogWriter } from '../src/log/log-writer.ts';
import type { ReplicaEvent } from '../src/replica/events.ts';
import type { Health } from '../src/replica/health.ts';
import type { Prove } from '../src/replica/link-session.ts';
import { type Listening, type RecoveryConfig, Replica } from '../src/replica/replica.ts';
import type { WitnessAnswer, WitnessRequest } from '../src/replica/view.ts';
import { NO_CHOICES, NO_NORTH, type SouthLimits } from '../src/south/context.ts';
import { LAN_FRAME_MAX, ReleaseQueue, TUN_HEADROOM } from '../src/south/release-queue.ts';
import { SouthWrap } from '../src/south/south-wrap.ts';
import type { LinkEnd } from './link.ts';
import { ModelRetained } from './model-retained.ts';
import { ModelServer, type ServerOptions } from './model-server.ts';

/** Packets taken from one source before the others get their turn. */
const BATCH = 16;
const QUEUE_BYTES = 640 << 10;

/** As a service has it whose configuration says nothing of it. */
export const RECOVERY: RecoveryConfig = { snoop: 'never', takeover: 'first', recoveryDelayMs: 0 };

/** A pair of which one runs no server. */
export interface ColdOptions {
  /** From when it is wanted until it listens, ms. */
  readonly serverStartsMs: number;
  readonly replayClosed: boolean;
  /** `unprotect` if it is left out. */
  readonly onLogFull?: 'unprotect' | 'stall';
}

export interface HostOptions {
  readonly index: number;
  readonly serviceIp: Uint8Array;
  readonly serviceMac: Uint8Array;
  readonly limits: SouthLimits;
  readonly catchUpTimeoutMs: number;
  readonly hashKey: Uint32Array;
  readonly onDivergence: 'reset' | 'continue';
  readonly nudge: boolean;
  readonly recovery: RecoveryConfig;
  /** Undefined: its backup is hot. */
  readonly cold: ColdOptions | undefined;
  /** It starts as the primary from this log. */
  readonly left: ModelRetained | undefined;
  readonly server: ServerOptions;
  readonly timeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly key: string;
  readonly life: number;
  readonly witnessed: boolean;
}

/** What the world does for a host, and wants to see. */
export interface HostPorts {
  /** Whether the LAN takes the frame. */
  lan(host: Host, bytes: Uint8Array, offset: number, length: number): boolean;
  /** The link gives these bytes to the other side. */
  send(host: Host, bytes: Uint8Array): void;
  closeLink(host: Host): void;
  askWitness(host: Host, request: WitnessRequest): void;
  /** A backup has received this entry whole. */
  held(host: Host, entry: FrameView): void;
  /** Whether the TUN drops this packet. */
  tunDrops(): boolean;
  /** How far the server is behind in a recording. */
  lagMs(): number;
}

export class Host {
  readonly index: number;
  readonly life: number;
  readonly log = new LogWriter(new ByteQueue(new Uint8Array(QUEUE_BYTES)));
  readonly release = new ReleaseQueue(new Uint8Array(QUEUE_BYTES));
  readonly replica: Replica;
  readonly server: ModelServer;
  readonly link: LinkEnd;
  readonly events: ReplicaEvent[] = [];
  /** Frames of the LAN that wait to be read. */
  readonly fromLan: Uint8Array[] = [];
  readonly fromWitness: WitnessAnswer[] = [];
  alive = true;
  listening: Listening = 'no';
  nextTurnAt = 0;
  lastTurnAt = 0;
  /** The host stands still until then, all its threads. */
  pausedUntil = 0;
  /** Since when it sends no heartbeats. */
  quietSince = Number.POSITIVE_INFINITY;
  /** Since when its data loop stands still while its other threads go on. */
  stalledSince = Number.POSITIVE_INFINITY;
  readonly #options: HostOptions;
  readonly retained: ModelRetained;
  /** Cold: when the server that is wanted will listen. */
  #serverAt = Number.POSITIVE_INFINITY;
  readonly #pollBarrierMs: number;
  readonly #ports: HostPorts;
  readonly #frame = new FrameView();
  readonly #lanFrame = new Uint8Array(LAN_FRAME_MAX);

  constructor(options: HostOptions, link: LinkEnd, ports: HostPorts, nowMs: number) {
    this.index = options.index;
    this.life = options.life;
    this.#pollBarrierMs = Math.min(2, options.timeoutMs / 4);
    this.link = link;
    this.#ports = ports;
    this.server = new ModelServer(options.server);
    this.#options = options;
    this.retained = options.left ?? new ModelRetained();
    const { index, timeoutMs, ackTimeoutMs, catchUpTimeoutMs, cold } = options;
    this.replica = new Replica(
      {
        self: { index, life: options.life },
        witnessed: options.witnessed,
        peerIndex: 1 - index,
        startAsPrimary: options.left !== undefined,
        service: 7,
        timeoutMs,
        ackTimeoutMs,
        catchUpTimeoutMs,
        ...options.recovery,
        ...(cold === undefined ? {} : { cold: { retained: this.retained, onLogFull: 'unprotect', ...cold } }),
      },
      this.#newSouth(cold !== undefined),
      this.log,
      {
        event: (event) => {
          this.events.push(event);
          if (event.event === 'server-wanted') this.#serverAt = this.lastTurnAt + (cold?.serverStartsMs ?? 0);
        },
        flushLink: () => this.#flush(),
        closeLink: () => ports.closeLink(this),
        listen: (what) => {
          this.listening = what;
        },
        askWitness: (request) => ports.askWitness(this, request),
        logBegins: () => {},
        refusesJoiner: () => '',
        lagMs: ports.lagMs,
      },
      proverFor(options.key),
      nowMs,
    );
  }

  /** @param retains there is no server behind it. */
  #newSouth(retains: boolean): SouthWrap {
    return new SouthWrap({
      config: this.#options,
      ports: {
        lan: (bytes, offset, length) => this.alive && this.#ports.lan(this, bytes, offset, length),
        tun: (bytes, offset, length) => {
          if (!retains && !this.#ports.tunDrops()) this.server.fromWrap(bytes, offset, length, this.lastTurnAt);
        },
        tunApart: (head, headLength, payload, offset, length) => {
          const bytes = new Uint8Array(headLength + length);
          bytes.set(head.subarray(0, headLength));
          bytes.set(payload.subarray(offset, offset + length), headLength);
          if (!retains && !this.#ports.tunDrops()) this.server.fromWrap(bytes, 0, bytes.length, this.lastTurnAt);
        },
      },
      log: this.log,
      release: this.release,
      north: NO_NORTH,
      choices: NO_CHOICES,
      checksum: (seed, bytes, offset, length) => crc32(bytes.subarray(offset, offset + length), seed),
      serverFate: () => this.server.fate,
      retains,
      scratch: new Uint8Array(LAN_FRAME_MAX),
      reassembled: new Uint8Array(LAN_FRAME_MAX),
    });
  }

  /** What clients talk to. */
  get south(): SouthWrap {
    return this.replica.south;
  }

  get name(): string {
    return this.life <= 2 ? `host ${this.index}` : `host ${this.index} in life ${this.life}`;
  }

  /** As in the data loop: while there is a barrier it sleeps briefly, so that no pause hides in its sleep. */
  get pollMs(): number {
    if (this.log.active) return this.#pollBarrierMs;
    return this.south.hasTimers || this.replica.serverSouth.hasTimers ? 2 : 20;
  }

  /**
   * One turn of the data loop. Each `yield` is a place where the power may go, or where the host may stand still for a while: so the
   * time is looked at wherever the data loop does.
   */
  *turn(clock: () => number, health: () => Health): Generator<void> {
    const nowMs = clock();
    const pausedMs = Math.max(0, nowMs - this.lastTurnAt - this.pollMs);
    this.lastTurnAt = nowMs;
    this.retained.turn();
    if (nowMs >= this.#serverAt) {
      this.#serverAt = Number.POSITIVE_INFINITY;
      this.replica.serverStarted(this.#newSouth(false), nowMs);
    }
    for (let i = 0; i < BATCH && this.replica.canReadLan && this.fromLan.length > 0; i++) {
      const frame = this.fromLan.shift() as Uint8Array;
      this.#lanFrame.set(frame);
      this.south.fromLan(this.#lanFrame, frame.length, nowMs);
      yield;
    }
    this.south.appendNotes();
    this.server.turn(nowMs);
    for (let i = 0; i < BATCH && this.replica.serverSouth.canReadServer && this.server.toWrap.length > 0; i++) {
      const packet = this.server.toWrap.shift() as Uint8Array;
      const offset = this.release.reserve();
      this.release.bytes.set(packet, offset + TUN_HEADROOM);
      this.replica.serverSouth.fromTun(offset, packet.length, nowMs);
      yield;
    }
    this.#flush();
    yield;
    this.#receive(nowMs);
    for (const answer of this.fromWitness.splice(0)) this.replica.fromWitness(answer, nowMs);
    yield;
    this.replica.tick(nowMs, pausedMs, health());
    yield;
    this.#flush();
    yield;
    while (this.replica.releaseNext(nowMs, clock() - nowMs)) yield;
    yield;
  }

  /** As ReplicationLink does: whole frames are consumed until nothing more is. */
  #receive(nowMs: number): void {
    const { link } = this;
    if (!this.replica.canReadLink) return;
    link.arrive(nowMs);
    while (link.connected && link.received.length > 0) {
      const { received } = link;
      // A backup holds what is whole before it acts upon it: it may speak for it in the same call.
      if (this.replica.role === 'backup') this.#watch(received);
      const taken = this.replica.fromLink(received, 0, received.length, nowMs);
      if (taken < 0) {
        this.#ports.closeLink(this);
        this.replica.linkDown('the peer does not speak the replication protocol');
        return;
      }
      if (taken === 0) break;
      if (link.connected) link.consumed(taken);
    }
    this.#noticeEnd();
  }

  #noticeEnd(): void {
    const { ended } = this.link;
    if (ended === '') return;
    this.link.reset();
    this.replica.linkDown(ended);
  }

  #watch(received: Uint8Array): void {
    for (let at = 0; at < received.length; at += this.#frame.length) {
      if (this.#frame.set(received, at, received.length - at) <= 0) return;
      if (this.#frame.type < LINK_FRAME.CHALLENGE) this.#ports.held(this, this.#frame);
    }
  }

  #flush(): void {
    const { queue } = this.log;
    if (!this.link.connected || this.link.blocked) return;
    while (queue.used > 0) {
      const { readOffset, readable } = queue;
      this.#ports.send(this, queue.bytes.slice(readOffset, readOffset + readable));
      queue.consume(readable);
    }
  }
}

function proverFor(key: string): Prove {
  return (label, parts) => {
    const hmac = createHmac('sha256', key).update(label);
    for (const part of parts) hmac.update(part);
    return new Uint8Array(hmac.digest());
  };
}
