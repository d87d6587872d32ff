// The state machine of one host, sans I/O: which role it plays in which epoch, and what that means for the south-side wrap and
// for the replication link. The data loop calls `tick` in every turn and moves bytes; every decision is taken here.
//
// With `witness: none` the only assumption is that hosts crash. Going solo takes epoch + 1, promotion epoch + 2, and whoever
// hears of a higher epoch stops. A primary whose peer is alive goes solo only when the peer has accepted its removal, so that a
// lost link alone never makes two voices.

import type { Role } from '../detector/heartbeat.ts';
import { assert } from '../errors.ts';
import { LINK_FRAME } from '../log/entry.ts';
import { FrameView } from '../log/frame.ts';
import type { LogWriter } from '../log/log-writer.ts';
import type { SouthWrap } from '../south/south-wrap.ts';
import { Barrier } from './barrier.ts';
import { type Health, NO_PEER, type PeerHealth } from './health.ts';
import { LinkSession, type Prove } from './link-session.ts';

/** A first replica waits so long for a primary that may be there already. */
const START_GRACE_MS = 400;
/** The new address is announced again at these times after the promotion. */
const ANNOUNCE_AFTER_MS = [50, 200, 500, 1000, 2000];

export interface ReplicaConfig {
  readonly selfIndex: number;
  /** Undefined: there is no other replica, and nothing is protected. */
  readonly peerIndex: number | undefined;
  readonly startAsPrimary: boolean;
  readonly service: number;
  readonly timeoutMs: number;
  readonly ackTimeoutMs: number;
}

export type ReplicaEvent =
  | { readonly event: 'primary'; readonly epoch: number }
  | { readonly event: 'joined'; readonly epoch: number }
  | { readonly event: 'admitted'; readonly epoch: number }
  | { readonly event: 'refused'; readonly reason: string }
  | { readonly event: 'suspected'; readonly epoch: number; readonly reason: string; readonly silenceMs: number }
  | {
      readonly event: 'promoted';
      readonly epoch: number;
      readonly reason: string;
      readonly connections: number;
      readonly silenceMs: number;
    }
  | { readonly event: 'solo'; readonly epoch: number; readonly reason: string }
  | { readonly event: 'removing'; readonly epoch: number; readonly reason: string }
  | {
      readonly event: 'removed';
      readonly epoch: number;
      readonly reason: string;
      /** No connection was ever opened: a fresh server would know all that this one does. */
      readonly pristine: boolean;
    }
  | { readonly event: 'link-lost'; readonly reason: string }
  | { readonly event: 'log-refused'; readonly reason: string }
  | { readonly event: 'handed-over'; readonly epoch: number };

export interface ReplicaPorts {
  event(event: ReplicaEvent): void;
  /** Ends the replication link's connection, if there is one. */
  closeLink(): void;
  /** Whether frames for the service address are to be taken off the LAN. */
  listen(on: boolean): void;
}

export class Replica {
  readonly #config: ReplicaConfig;
  readonly #south: SouthWrap;
  readonly #log: LogWriter;
  readonly #ports: ReplicaPorts;
  readonly #prove: Prove;
  readonly #barrier: Barrier;
  readonly #frame = new FrameView();

  #role: Role = 'starting';
  #epoch = 0;
  #proposal = 0;
  #startedAtMs: number;
  #session: LinkSession | undefined;
  /** Primary: the peer is in the view. Backup: this host is in the view and its link is up. */
  #linked = false;
  /** Backup: log bytes received since it joined. */
  #held = 0;
  #lossReason = '';
  #refusal = '';
  #announcedAtMs = Number.NaN;
  #announcements = ANNOUNCE_AFTER_MS.length;

  constructor(
    config: ReplicaConfig,
    south: SouthWrap,
    log: LogWriter,
    ports: ReplicaPorts,
    prove: Prove,
    nowMs: number,
  ) {
    this.#config = config;
    this.#south = south;
    this.#log = log;
    this.#ports = ports;
    this.#prove = prove;
    this.#barrier = new Barrier(log, config.timeoutMs / 2);
    this.#startedAtMs = nowMs;
  }

  get role(): Role {
    return this.#role;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get proposal(): number {
    return this.#proposal;
  }

  /** The backup is in the view, and this host's link to its peer is up. */
  get linked(): boolean {
    return this.#linked;
  }

  /** Why the primary did not admit this host; '' when it was not refused. */
  get refusal(): string {
    return this.#refusal;
  }

  get heldPosition(): number {
    return this.#held;
  }

  oldestUnackedMs(nowMs: number): number {
    return this.#barrier.oldestUnackedMs(nowMs);
  }

  /** Whether this host should connect to its peer's link now: it wants to be a backup and is not one yet. */
  wantsLink(peer: PeerHealth): boolean {
    return this.#role === 'starting' && this.#session === undefined && peer.heard && peer.role === 'primary';
  }

  /** Whether a connection from the peer may be taken: it wants to join. */
  get takesLink(): boolean {
    return this.#role === 'primary' && !this.#linked && this.#proposal === 0 && this.#config.peerIndex !== undefined;
  }

  /** The link is connected. @param nonce fresh randomness. */
  linkUp(nonce: Uint8Array): void {
    this.#log.queue.clear();
    this.#session = new LinkSession(this.#log.queue, this.#prove, this.#config.service, nonce);
    if (this.#role === 'primary') this.#session.sendChallenge();
  }

  linkDown(reason: string): void {
    if (this.#session === undefined) return;
    this.#session = undefined;
    if (!this.#linked) return;
    this.#lossReason = reason;
    this.#ports.event({ event: 'link-lost', reason });
    if (this.#role === 'backup') this.#linked = false;
  }

  /**
   * Bytes of the replication link. What is held is acknowledged before anything of it is acted upon.
   * @returns how many bytes were consumed, whole frames only; -1 when the peer does not speak the protocol. Call it again with
   * the rest until nothing is consumed: what follows the frame that admits this host counts differently.
   */
  fromLink(bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    const whole = this.#acknowledgeWhole(bytes, offset, length);
    if (whole < 0) return -1;
    for (let at = 0; at < whole; ) {
      const taken = this.#frame.set(bytes, offset + at, whole - at);
      assert(taken > 0, 'frames are walked twice alike');
      at += taken;
      const before = this.#role;
      if (!this.#takeFrame(nowMs)) return -1;
      if (this.#session === undefined) return whole;
      if (this.#role !== before) return at;
    }
    return whole;
  }

  /**
   * Time passes. Call after everything that has arrived was taken.
   * @param pausedMs how long the data loop stood still before this turn.
   */
  tick(nowMs: number, pausedMs: number, health: Health): void {
    this.#barrier.turn(nowMs, pausedMs);
    if (this.#role === 'starting') this.#tickStarting(nowMs, health);
    else if (this.#role === 'primary') this.#tickPrimary(nowMs, health);
    else if (this.#role === 'backup') this.#tickBackup(nowMs, health);
    this.#south.tick(nowMs);
    this.#reportFed();
    this.#announceAgain(nowMs);
  }

  /** Sends what may leave now. */
  release(): void {
    if (this.#role === 'primary') this.#south.release(this.#barrier.position);
  }

  /** A planned end: hands over if there is a backup, leaves the view if this is one. Nothing is said from here on. */
  stop(): void {
    if (this.#role === 'primary' && this.#linked) {
      this.#log.handover();
      this.#ports.event({ event: 'handed-over', epoch: this.#epoch });
    } else if (this.#role === 'backup') {
      this.#session?.sendLeave();
    }
    this.#role = 'stopping';
    this.#ports.listen(false);
    this.#south.silence();
  }

  #tickStarting(nowMs: number, { peer }: Health): void {
    const peerIsThere = peer.heard && !peer.silent && (peer.role === 'primary' || peer.role === 'backup');
    if (peerIsThere) return;
    const first = this.#config.startAsPrimary || this.#config.peerIndex === undefined || this.#config.selfIndex === 0;
    const peerWaits = peer.heard && peer.role === 'starting';
    if (first && (peerWaits || nowMs - this.#startedAtMs >= START_GRACE_MS)) {
      this.#epoch = Math.max(this.#epoch, peer.epoch) + 1;
      this.#role = 'primary';
      this.#startSpeaking(nowMs);
      this.#ports.event({ event: 'primary', epoch: this.#epoch });
    }
  }

  #tickPrimary(nowMs: number, { peer }: Health): void {
    if (this.#outranked(peer)) {
      this.#stepDown(peer.epoch, 'another primary has a higher epoch');
      return;
    }
    if (!this.#linked) return;
    if (peer.lost) {
      this.#ports.event({ event: 'suspected', epoch: this.#epoch, reason: 'silent', silenceMs: peer.silentMs });
      this.#goSolo(nowMs, 'the backup is silent');
    } else if (peer.role === 'removed' && peer.epoch >= this.#epoch) {
      this.#goSolo(nowMs, 'the backup has left the view');
    } else if (peer.stuck) {
      // It promotes itself in the loop that stands still; when that turns again, it first hears of the epoch without it.
      this.#goSolo(nowMs, "the backup's data worker stands still");
    } else if (this.#proposal === 0) {
      const late = this.#barrier.oldestUnackedMs(nowMs) > this.#config.ackTimeoutMs;
      const reason = this.#session === undefined ? this.#lossReason : late ? 'acknowledgements are late' : '';
      if (reason === '') return;
      this.#proposal = this.#epoch + 1;
      this.#ports.event({ event: 'removing', epoch: this.#proposal, reason });
    }
  }

  #tickBackup(nowMs: number, health: Health): void {
    const { peer } = health;
    if (this.#outranked(peer)) {
      this.#stepDown(peer.epoch, 'the view has gone on without this host');
    } else if (!peer.silent && peer.role === 'primary' && peer.proposal > this.#epoch) {
      // Of a silent primary it does not count: unaccepted, the proposal gave it no leave to go on, and nobody else would serve.
      this.#stepDown(peer.proposal, 'the primary has removed this host from the view');
    } else {
      const reason = suspicion(health);
      if (reason === '') return;
      this.#ports.event({ event: 'suspected', epoch: this.#epoch, reason, silenceMs: peer.silentMs });
      // A host without a LAN never promotes itself: nobody would hear it.
      if (health.lanUp) this.#promote(nowMs, peer, reason);
      else this.#stepDown(this.#epoch, 'the primary is lost, and this host has no LAN');
    }
  }

  #outranked(peer: PeerHealth): boolean {
    if (!peer.heard || peer.role !== 'primary') return false;
    if (peer.epoch !== this.#epoch || this.#role !== 'primary') return peer.epoch > this.#epoch;
    // Both were started as the primary, apart from each other: the configured order decides.
    return (this.#config.peerIndex ?? 0) < this.#config.selfIndex;
  }

  #promote(nowMs: number, peer: PeerHealth, reason: string): void {
    this.#closeSession();
    this.#linked = false;
    this.#log.stop();
    this.#epoch = Math.max(this.#epoch, peer.epoch) + 2;
    this.#role = 'primary';
    const connections = this.#startSpeaking(nowMs);
    const { silentMs } = peer;
    this.#ports.event({ event: 'promoted', epoch: this.#epoch, reason, connections, silenceMs: silentMs });
  }

  #startSpeaking(nowMs: number): number {
    this.#ports.listen(true);
    const connections = this.#south.speak(nowMs);
    this.#announcedAtMs = nowMs;
    this.#announcements = 0;
    this.release();
    return connections;
  }

  #goSolo(nowMs: number, reason: string): void {
    this.#closeSession();
    this.#linked = false;
    this.#epoch = Math.max(this.#epoch + 1, this.#proposal);
    this.#proposal = 0;
    this.#log.stop();
    this.#south.backupGone(nowMs);
    this.#ports.event({ event: 'solo', epoch: this.#epoch, reason });
  }

  #stepDown(epoch: number, reason: string): void {
    this.#role = 'removed';
    this.#epoch = epoch;
    this.#proposal = 0;
    this.#linked = false;
    this.#ports.listen(false);
    this.#south.silence();
    this.#closeSession();
    this.#log.stop();
    this.#ports.event({ event: 'removed', epoch, reason, pristine: this.#south.pristine });
  }

  #closeSession(): void {
    if (this.#session === undefined) return;
    this.#session = undefined;
    this.#ports.closeLink();
  }

  /** Counts the whole frames, and as a backup acknowledges them at once: they are held. */
  #acknowledgeWhole(bytes: Uint8Array, offset: number, length: number): number {
    let whole = 0;
    for (;;) {
      const taken = this.#frame.set(bytes, offset + whole, length - whole);
      if (taken < 0) return -1;
      if (taken === 0) break;
      whole += taken;
    }
    if (whole > 0 && this.#role === 'backup' && this.#session !== undefined) {
      this.#held += whole;
      this.#session.sendAck(this.#held);
    }
    return whole;
  }

  #takeFrame(nowMs: number): boolean {
    const frame = this.#frame;
    if (frame.type < LINK_FRAME.CHALLENGE) {
      return this.#role !== 'backup' || this.#accepted(this.#south.fromLog(frame, nowMs));
    }
    switch (frame.type) {
      case LINK_FRAME.CHALLENGE:
        return this.#role === 'starting' && (this.#session?.sendHello(frame) ?? false);
      case LINK_FRAME.HELLO:
        return this.#takeHello();
      case LINK_FRAME.WELCOME:
        return this.#takeWelcome();
      case LINK_FRAME.REFUSE:
        this.#refusal = LinkSession.readRefuse(frame);
        this.#ports.event({ event: 'refused', reason: this.#refusal });
        return false;
      case LINK_FRAME.ACK:
        return this.#role !== 'primary' || !this.#linked || this.#log.acknowledge(LinkSession.readPosition(frame));
      case LINK_FRAME.HANDOVER:
        if (this.#role !== 'backup') return false;
        this.#promote(nowMs, { ...NO_PEER, epoch: this.#epoch }, 'handover');
        return true;
      case LINK_FRAME.FED:
        this.#south.backupFed(frame.connection, LinkSession.readPosition(frame), nowMs);
        return true;
      case LINK_FRAME.LEAVE:
        if (this.#role === 'primary' && this.#linked) this.#goSolo(nowMs, 'the backup has left');
        return true;
      default:
        return false;
    }
  }

  #accepted(refusal: string): boolean {
    if (refusal === '') return true;
    this.#ports.event({ event: 'log-refused', reason: refusal });
    // What was acknowledged cannot be kept: this host must never be promoted.
    this.#stepDown(this.#epoch, 'the log of the primary makes no sense here');
    return false;
  }

  #reportFed(): void {
    const session = this.#session;
    if (this.#role !== 'backup' || session === undefined) return;
    this.#south.reportFed((connection, position) => session.sendFed(connection, position));
  }

  #takeHello(): boolean {
    const session = this.#session;
    if (this.#role !== 'primary' || this.#linked || session === undefined) return false;
    const problem = session.checkHello(this.#frame);
    const reason =
      problem === '' && !this.#south.pristine
        ? 'the service has had connections already: a joining server would lack what they changed'
        : problem;
    if (reason !== '') {
      session.sendRefuse(reason);
      this.#ports.event({ event: 'refused', reason });
      return true;
    }
    this.#epoch++;
    this.#linked = true;
    this.#log.start();
    session.sendWelcome(this.#epoch);
    this.#barrier.restart();
    this.#ports.event({ event: 'admitted', epoch: this.#epoch });
    return true;
  }

  #takeWelcome(): boolean {
    if (this.#role !== 'starting' || this.#session === undefined) return false;
    const epoch = this.#session.checkWelcome(this.#frame);
    if (epoch < 0) return false;
    this.#epoch = epoch;
    this.#role = 'backup';
    this.#linked = true;
    this.#held = 0;
    this.#refusal = '';
    this.#ports.event({ event: 'joined', epoch });
    return true;
  }

  #announceAgain(nowMs: number): void {
    const after = ANNOUNCE_AFTER_MS[this.#announcements];
    if (this.#role !== 'primary' || after === undefined || nowMs - this.#announcedAtMs < after) return;
    this.#announcements++;
    this.#south.announce();
  }
}

/** Why a backup suspects its primary; '' when it does not. */
function suspicion({ peer, lanUp }: Health): string {
  if (peer.silent) return 'silent';
  if (peer.role !== 'primary') return '';
  if (!peer.lanUp && lanUp) return 'the primary has lost its LAN';
  if (peer.stuck) return "the primary's data worker stands still";
  return '';
}
