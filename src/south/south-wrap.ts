// The south-side wrap (FT-TCP, DSN'03, §3): everything between the server's TCP and the wire. Read the parts in this order:
// client-side.ts (LAN → server), server-side.ts (server → release barrier), virtual-client.ts and replay.ts (a backup),
// takeover.ts (promotion). Sans I/O: packets and the time come in as arguments, packets leave through the ports.
import type { FrameView } from '../log/frame.ts';
import type { LogWriter } from '../log/log-writer.ts';
import { AddressResolution } from './address-resolution.ts';
import { Backpressure } from './backpressure.ts';
import { Budget } from './budget.ts';
import { ClientSide } from './client-side.ts';
import type { Connection } from './connection.ts';
import { ConnectionTable } from './connection-table.ts';
import {
  type Checksum,
  type ChoicesPort,
  COUNTERS,
  type Counters,
  type NorthPort,
  type PacketPorts,
  type ServerFate,
  type SouthConfig,
  type SouthContext,
} from './context.ts';
import { Emitter } from './emitter.ts';
import { Existence } from './existence.ts';
import type { HalfOpen } from './half-open.ts';
import { HeldResets } from './held-resets.ts';
import { HeldSyns } from './held-syns.ts';
import { IcmpErrors } from './icmp-errors.ts';
import { Neighbours } from './neighbours.ts';
import { diverge } from './output-comparison.ts';
import { Reassembly } from './reassembly.ts';
import { Refusal } from './refusal.ts';
import { LAN_FRAME_MAX, type ReleaseQueue } from './release-queue.ts';
import { Replay } from './replay.ts';
import { ServerSide } from './server-side.ts';
import { Snooping } from './snooping.ts';
import { Takeover } from './takeover.ts';
import { VirtualClient } from './virtual-client.ts';

/** A finished connection is kept for late segments as long as TIME-WAIT lasts on Linux, and a little more. */
const CLOSED_KEPT_MS = 65_000;
const RESET_KEPT_MS = 1_000;
const HALF_OPEN_KEPT_MS = 75_000;
const SWEEP_INTERVAL_MS = 500;
/** Connections for which the server's TCP is asked in one sweep. */
const ASKED_PER_SWEEP = 128;

export interface SouthParts {
  readonly config: SouthConfig;
  readonly ports: PacketPorts;
  readonly log: LogWriter;
  readonly release: ReleaseQueue;
  readonly checksum: Checksum;
  readonly north: NorthPort;
  readonly choices: ChoicesPort;
  readonly serverFate: () => ServerFate;
  /** There is no server: a cold backup retains the log, and stands in when it takes over. */
  readonly retains: boolean;
  /** Memory of one frame, for packets that the virtual client makes. */
  readonly scratch: Uint8Array;
  /** Memory of another one, for a frame that came in fragments. */
  readonly reassembled: Uint8Array;
}

export class SouthWrap {
  readonly #context: SouthContext;
  readonly #emitter: Emitter;
  readonly #virtualClient: VirtualClient;
  readonly #heldResets: HeldResets;
  readonly #replay: Replay;
  readonly #takeover: Takeover;
  readonly #backpressure: Backpressure;
  readonly #existence: Existence;
  readonly #snooping: Snooping;
  readonly #clientSide: ClientSide;
  readonly #serverSide: ServerSide;
  readonly #sendLan: PacketPorts['lan'];
  #snoops = false;
  #sweptAtMs = 0;

  constructor(parts: SouthParts) {
    const { limits, hashKey } = parts.config;
    const context: SouthContext = {
      config: parts.config,
      ports: parts.ports,
      log: parts.log,
      release: parts.release,
      checksum: parts.checksum,
      north: parts.north,
      choices: parts.choices,
      connections: new ConnectionTable<Connection>(limits.connections, hashKey),
      byId: new Map(),
      halfOpen: new ConnectionTable<HalfOpen>(limits.halfOpen, hashKey),
      heldSyns: new HeldSyns(limits.halfOpen),
      neighbours: new Neighbours(),
      counters: Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counters,
      budget: new Budget(limits.totalBytes),
      unfedBytes: 0,
      progressed: new Set(),
      diverged: [],
      noted: [],
      serverFate: parts.serverFate,
      killedBy: '',
      serverEnded: false,
      claimant: '',
      speaking: false,
      standingIn: false,
      retains: parts.retains,
      nextConnectionId: 1,
    };
    this.#context = context;
    this.#sendLan = (bytes, offset, length) => parts.ports.lan(bytes, offset, length);
    this.#emitter = new Emitter(context);
    this.#virtualClient = new VirtualClient(context, parts.scratch);
    this.#heldResets = new HeldResets(context, this.#virtualClient);
    this.#replay = new Replay(context, this.#virtualClient, this.#heldResets);
    this.#takeover = new Takeover(context, this.#emitter, this.#virtualClient);
    this.#backpressure = new Backpressure(context, this.#emitter, this.#virtualClient);
    this.#existence = new Existence(this.#virtualClient);
    this.#snooping = new Snooping(context);
    const icmpErrors = new IcmpErrors(context, this.#takeover);
    this.#clientSide = new ClientSide(context, {
      emitter: this.#emitter,
      resolution: new AddressResolution(context, this.#emitter),
      icmpErrors,
      reassembly: new Reassembly(parts.reassembled),
      virtualClient: this.#virtualClient,
      takeover: this.#takeover,
      backpressure: this.#backpressure,
    });
    this.#serverSide = new ServerSide(context, {
      virtualClient: this.#virtualClient,
      takeover: this.#takeover,
      refusal: new Refusal(context, parts.scratch),
      icmpErrors,
      backpressure: this.#backpressure,
      existence: this.#existence,
    });
  }

  get counters(): Readonly<Counters> {
    return this.#context.counters;
  }

  get speaking(): boolean {
    return this.#context.speaking;
  }

  /** Clients are answered in place of a server that cannot be fed yet. */
  get isStandingIn(): boolean {
    return this.#context.standingIn;
  }

  /** The server was killed by this, and its clients are not to know: another host has to speak. '' while it lives. */
  get killedBy(): string {
    return this.#context.killedBy;
  }

  get connections(): Iterable<Connection> {
    return this.#context.byId.values();
  }

  /** Memory of the connections' buffers beyond what each has for itself, bytes. */
  get keptBytes(): number {
    return this.#context.budget.usedBytes;
  }

  /** Primary: what the backup's server has still to take, as last heard, bytes. */
  get unfedBytes(): number {
    return this.#context.unfedBytes;
  }

  /** Frames that wait at the release barrier. */
  get waitingFrames(): number {
    return this.#context.release.count;
  }

  get connectionCount(): number {
    return this.#context.connections.size;
  }

  /** False once any connection was opened: the server's state is no longer its initial one. */
  get pristine(): boolean {
    return this.connectionsOpened === 0;
  }

  /** So many connections were opened since the server's start. */
  get connectionsOpened(): number {
    return this.#context.nextConnectionId - 1;
  }

  isKnown(connection: number): boolean {
    return this.#context.byId.has(connection);
  }

  /** Whether anything waits for a time within the next milliseconds. */
  get hasTimers(): boolean {
    return this.#virtualClient.hasWork || this.#takeover.hasWork;
  }

  /** Whether a packet of the server can be taken now: room in the release queue and in the log. */
  get canReadServer(): boolean {
    const { log, release } = this.#context;
    return log.hasRoom(0) && release.reserve() >= 0;
  }

  /** Whether a frame of the LAN can be taken now. */
  get canReadLan(): boolean {
    return this.#context.log.hasRoom(LAN_FRAME_MAX);
  }

  /** A frame from the LAN at offset 0 of `bytes`. */
  fromLan(bytes: Uint8Array, length: number, nowMs: number): void {
    if (this.#context.speaking) this.#clientSide.fromLan(bytes, length, nowMs);
    else if (this.#snoops) this.#snooping.hear(bytes, length);
  }

  /** Backup: whether what the clients send is heard and kept. */
  snoop(on: boolean): void {
    this.#snoops = on;
    if (!on) this.#snooping.forget();
  }

  /** A packet of the server, read to `offset + TUN_HEADROOM` of the release queue's memory. */
  fromTun(offset: number, length: number, nowMs: number): void {
    this.#serverSide.fromTun(offset, length, nowMs);
  }

  /** An entry of the log. @returns '' or why it is refused. */
  fromLog(entry: FrameView, nowMs: number): string {
    return this.#replay.apply(entry, nowMs);
  }

  /** Replay: whether there is room for what an entry brings, or its connection has come to its end here. */
  canReplay(entry: FrameView): boolean {
    return this.#replay.hasRoom(entry);
  }

  /** Replay: the server takes no more of what the client has said, although its predecessor did: the two differ (rule 4). */
  giveUp(id: number): void {
    const connection = this.#context.byId.get(id);
    if (connection === undefined) return;
    diverge(connection, connection.outLocalNxt, this.#context);
    this.#virtualClient.reset(connection);
  }

  /** Replay: no connection can be gone on with. Their clients are told when this wrap speaks. */
  giveUpAll(): void {
    for (const connection of this.#context.connections) this.#virtualClient.reset(connection);
  }

  /** Hands what was snooped, and the log does not hold, to the wrap that speaks next. */
  bequeathSnooped(heir: SouthWrap, nowMs: number): void {
    heir.snoop(true);
    this.#snooping.takeAll((frame) => heir.fromLan(frame, frame.length, nowMs));
    this.snoop(false);
  }

  /** Connections that a takeover goes on with. */
  get unfinishedCount(): number {
    let count = 0;
    for (const connection of this.#context.connections) if (!connection.finished) count++;
    return count;
  }

  /**
   * Starts to speak.
   * @param standIn the server cannot be fed yet: until `feed`, clients are answered in its place.
   */
  speak(nowMs: number, standIn: boolean): void {
    this.#context.speaking = true;
    this.#context.standingIn = standIn;
    this.#emitter.announce();
    this.#snooping.takeAll((frame) => this.#clientSide.fromSnooped(frame, nowMs));
    this.snoop(false);
    this.#takeover.takeOverAll(nowMs);
  }

  /** The server can be fed: it is given what was kept for it. */
  feed(nowMs: number): void {
    this.#context.standingIn = false;
    this.#takeover.feedAll(nowMs);
    this.bequeathSyns(this, nowMs);
  }

  /** Hands the SYNs that were held to the wrap that speaks now. */
  bequeathSyns(heir: SouthWrap, nowMs: number): void {
    this.#context.heldSyns.takeAll((frame) => heir.fromLan(frame, frame.length, nowMs));
  }

  /** What the log holds and the server that recovers was not given, or has not repeated, bytes; a handshake counts as one. */
  get recoveringBytes(): number {
    return this.#takeover.unfedBytes + this.#context.north.leftBytes;
  }

  /** The server program was found dead by other means than its packets. */
  serverKilled(signal: string): void {
    this.#context.killedBy ||= signal;
    this.#serverSide.forgetHeld();
  }

  /** The server program has ended as it wanted to. */
  serverEnded(nowMs: number): void {
    this.#context.serverEnded = true;
    this.#serverSide.passHeld(nowMs);
  }

  /** Falls silent: nothing that waits at the barrier may leave any more. */
  silence(): void {
    this.#context.speaking = false;
    this.#context.release.clear();
  }

  /** Backup: reports, once per batch, how far this host's server has come. */
  reportProgress(report: (connection: Connection) => void): void {
    const { progressed } = this.#context;
    for (const connection of progressed) report(connection);
    progressed.clear();
  }

  /** Reports, once per batch, where the two servers' outputs differ. */
  reportDiverged(report: (connection: Connection) => void): void {
    const { diverged } = this.#context;
    for (const connection of diverged) report(connection);
    diverged.length = 0;
  }

  /** Reports, once, who claims the service address for himself. */
  reportClaimant(report: (mac: string) => void): void {
    const { claimant } = this.#context;
    if (claimant === '') return;
    this.#context.claimant = '';
    report(claimant);
  }

  /** Primary: the backup has found that its server's output differs. */
  backupDiverged(id: number, position: number): void {
    const connection = this.#context.byId.get(id);
    if (connection !== undefined && position >= 0) diverge(connection, position, this.#context);
  }

  /** Primary: the backup's server has come so far. */
  backupProgress(id: number, { fed, said }: { fed: number; said: number }, nowMs: number): void {
    const connection = this.#context.byId.get(id);
    if (connection === undefined) return;
    this.#backpressure.fed(connection, fed, nowMs);
    this.#backpressure.said(connection, said);
  }

  /** Primary: a client has been held back for long by a backup whose server gets no further with it. */
  get isHeldTooLong(): boolean {
    return this.#backpressure.isTooLong;
  }

  /** Primary: no backup is left in the view. */
  backupGone(nowMs: number): void {
    this.#backpressure.end(nowMs);
  }

  announce(): void {
    this.#emitter.announce();
  }

  /** Appends an entry that stands for nothing: whoever waits for it knows that the backup still listens. */
  appendNoop(): void {
    this.#context.log.noop();
  }

  /** Appends the clients' latest ACKs and windows; once per batch. */
  appendNotes(): void {
    const { log, noted } = this.#context;
    let kept = 0;
    for (const connection of noted) {
      if (!log.hasRoom(0)) {
        noted[kept++] = connection;
        continue;
      }
      connection.noteDue = false;
      log.clientAck(connection.id, connection.outUna, connection.outWireEdge, connection.tsRecent);
    }
    noted.length = kept;
  }

  /** Sends one frame, if the barrier lets one through. @returns whether it has. */
  releaseNext(acknowledged: number): boolean {
    const sent = this.#context.release.releaseNext(acknowledged, this.#sendLan);
    if (sent) this.#context.counters.released++;
    return sent;
  }

  tick(nowMs: number): void {
    this.#virtualClient.tick(nowMs);
    this.#heldResets.tick(nowMs);
    this.#letSynsIn(nowMs);
    this.#takeover.tick(nowMs);
    if (this.#snoops) this.#snooping.trim();
    if (nowMs - this.#sweptAtMs < SWEEP_INTERVAL_MS) return;
    this.#sweptAtMs = nowMs;
    for (const connection of this.#context.byId.values()) {
      connection.input.rest();
      connection.output.rest();
    }
    if (this.#context.speaking) this.#sweep(nowMs);
    else this.#virtualClient.reportRest();
  }

  #letSynsIn(nowMs: number): void {
    const { speaking, standingIn, north, heldSyns } = this.#context;
    if (!heldSyns.isEmpty && speaking && !standingIn && !north.replays) this.bequeathSyns(this, nowMs);
  }

  /** Forgets what is over. The backup does so when it reads CLOSED. */
  #sweep(nowMs: number): void {
    const { byId, halfOpen, log, counters } = this.#context;
    this.#backpressure.sweep(nowMs);
    let asked = 0;
    for (const syn of [...halfOpen]) {
      if (nowMs - syn.seenAtMs > HALF_OPEN_KEPT_MS) halfOpen.delete(syn);
    }
    for (const connection of [...byId.values()]) {
      if (!log.hasRoom(0)) return;
      if (connection.finished && connection.closedAtMs < 0) connection.closedAtMs = nowMs;
      this.#takeover.watch(connection, nowMs);
      if (connection.vanished) counters.vanished++;
      if (connection.vanished || isOver(connection, nowMs)) {
        this.#forget(connection);
      } else if (asked < ASKED_PER_SWEEP && this.#existence.isDue(connection, nowMs)) {
        asked++;
        this.#existence.ask(connection, nowMs);
      }
    }
  }

  #forget(connection: Connection): void {
    const { byId, log } = this.#context;
    byId.delete(connection.id);
    this.#virtualClient.forget(connection);
    log.closed(connection.id);
  }
}

/** A server's TCP gives a handshake up that is not finished, and says nothing of it. */
function isOver(connection: Connection, nowMs: number): boolean {
  if (!connection.finished) return !connection.handshakeDone && nowMs - connection.openedAtMs > HALF_OPEN_KEPT_MS;
  const keptMs = connection.resetByClient || connection.resetByServer ? RESET_KEPT_MS : CLOSED_KEPT_MS;
  return nowMs - connection.closedAtMs >= keptMs;
}
