// One host, sans I/O: its role and its view, and what they mean for the south-side wrap and for the replication link. The data
// loop calls `tick` in every turn and moves bytes. What is decided is in `succession.ts`; here it is acted upon.

import type { Role } from '../detector/heartbeat.ts';
import { assert } from '../errors.ts';
import { LINK_FRAME } from '../log/entry.ts';
import { FrameView, wholeFrames } from '../log/frame.ts';
import type { LogWriter } from '../log/log-writer.ts';
import type { SouthWrap } from '../south/south-wrap.ts';
import { ipToString } from '../wire/ip-address.ts';
import { Barrier } from './barrier.ts';
import { type ColdConfig, ColdHost } from './cold-host.ts';
import type { ReplicaEvent } from './events.ts';
import { type Health, NO_PEER, type PeerHealth } from './health.ts';
import { Hesitation } from './hesitation.ts';
import { LinkSession, type Prove } from './link-session.ts';
import type { Replaying } from './replaying.ts';
import { Settling } from './settling.ts';
import {
  answered,
  disqualified,
  epochOfAdmission,
  handedOver,
  joinerCame,
  left,
  type Pursuit,
  type Situation,
  STARTING,
  type Standing,
  type SuccessionConfig,
  stopped,
  turn,
  welcomed,
} from './succession.ts';
import type { WitnessAnswer, WitnessRequest } from './view.ts';
import { WitnessTalk } from './witness-talk.ts';

/** A first replica waits so long for a primary that may be there already. */
const START_GRACE_MS = 400;
/** How long two servers may be apart that die of the same request. */
const SHARED_DEATH_MS = 100;
const ONE_SIDED_TLS = 'the other host encrypts the link and this one does not: give tls to both, or to neither';
/** The new address is announced again at these times after the promotion. */
const ANNOUNCE_AFTER_MS = [50, 200, 500, 1000, 2000];

/** How a backup takes over. */
export interface RecoveryConfig {
  /** When a backup hears what clients send. */
  readonly snoop: 'never' | 'reactive' | 'permanent';
  /** Whether a backup that takes over answers clients before its server has recovered, or only then as in the paper. */
  readonly takeover: 'first' | 'after-recovery';
  /** A recovery lasts at least so long: for experiments. */
  readonly recoveryDelayMs: number;
}

export interface ReplicaConfig extends SuccessionConfig, RecoveryConfig {
  readonly service: number;
  readonly timeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly catchUpTimeoutMs: number;
  /** Undefined: backups are hot. */
  readonly cold?: ColdConfig | undefined;
}

/** What is taken off the LAN: nothing, what clients send to another host, or what is for the service here. */
export type Listening = 'no' | 'snoop' | 'speak';

export interface ReplicaPorts {
  event(event: ReplicaEvent): void;
  /** Sends what is queued for the replication link, as far as it goes now. */
  flushLink(): void;
  /** Ends the replication link's connection, if there is one. */
  closeLink(): void;
  /** Whether frames for the service address are to be taken off the LAN, and which. */
  listen(what: Listening): void;
  /** One datagram to the witness; it may be lost. */
  askWitness(request: WitnessRequest): void;
  /** A backup comes into the view: the log is empty, and what its server must know from before is to be its beginning. */
  logBegins(): void;
  /** @returns why a joiner's server could not be told all that this one has learnt, or ''. */
  refusesJoiner(): string;
  /** Level recorded: for how long this host's server has had before it what it is to replay next; 0 when it has taken all. */
  lagMs(): number;
}

export class Replica {
  readonly #config: ReplicaConfig;
  /** What clients talk to: of a cold backup, one without a server until that has recovered. */
  #south: SouthWrap;
  readonly #cold: ColdHost | undefined;
  readonly #settling = new Settling();
  readonly #log: LogWriter;
  readonly #ports: ReplicaPorts;
  readonly #prove: Prove;
  readonly #barrier: Barrier;
  readonly #hesitation: Hesitation;
  readonly #frame = new FrameView();
  readonly #startedAtMs: number;
  readonly #witness: WitnessTalk | undefined;

  #standing: Standing = STARTING;
  #session: LinkSession | undefined;
  /** The witness has answered since the last tick. */
  #answered = false;
  #witnessLost = false;
  #witnessProblem = '';
  /** Backup: log bytes received since it joined. */
  #held = 0;
  #lossReason = '';
  /** Of that, what was acknowledged. */
  #acknowledged = 0;
  #lanWasUp = true;
  #refusal = '';
  /** This primary has something to recover from. */
  #replays = false;
  /** Since when the server of this new primary recovers. */
  #recoveringSinceMs: number | undefined;
  #killedAtMs: number | undefined;
  #mourned = false;
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
    this.#hesitation = new Hesitation(config.ackTimeoutMs);
    this.#startedAtMs = nowMs;
    if (config.cold !== undefined) {
      this.#cold = new ColdHost(config.cold, log, config.catchUpTimeoutMs, (event) => ports.event(event));
    }
    if (config.witnessed) {
      this.#witness = new WitnessTalk(config.self, (request) => ports.askWitness(request), nowMs);
    }
  }

  get role(): Role {
    return this.#standing.role;
  }

  get epoch(): number {
    return this.#standing.epoch;
  }

  get life(): number {
    return this.#config.self.life;
  }

  /** Without a witness: the epoch in which this primary wants to go on without its backup; otherwise 0. */
  get proposal(): number {
    const { role, pursuit } = this.#standing;
    return role === 'primary' && !this.#config.witnessed ? (pursuit?.change?.next.epoch ?? 0) : 0;
  }

  /** Primary: a backup holds what is said. Backup: this host's link to its primary is up. */
  get linked(): boolean {
    const { role, backup } = this.#standing;
    return role === 'primary' ? backup !== undefined : role === 'backup' && this.#session !== undefined;
  }

  /** The peer on the link has proved itself, and holds what this primary says. */
  get #leads(): boolean {
    return this.role === 'primary' && this.linked;
  }

  /** The backup could take over: it is in the view too. */
  get protects(): boolean {
    return this.linked && this.#standing.pursuit?.goal !== 'admit';
  }

  /** A change of the view that is under way. */
  get pursuit(): Pursuit | undefined {
    return this.#standing.pursuit;
  }

  /** Undefined with `witness: none`. */
  get witness(): WitnessTalk | undefined {
    return this.#witness;
  }

  get witnessLost(): boolean {
    return this.#witnessLost;
  }

  /** What clients talk to. */
  get south(): SouthWrap {
    return this.#south;
  }

  /** What the server talks to: the same, unless it is being replayed to. */
  get serverSouth(): SouthWrap {
    return this.#cold?.replaying?.south ?? this.#south;
  }

  /** There is more to replay at once. */
  get isBusy(): boolean {
    return this.#cold?.replaysOn ?? false;
  }

  /** Cold: the replay, while there is one. */
  get replaying(): Replaying | undefined {
    return this.#cold?.replaying;
  }

  /** Whether frames of the LAN can be taken now. For the last stretch of a replay they wait, and while nothing can be retained. */
  get canReadLan(): boolean {
    const isHeld = this.#recoveringSinceMs !== undefined && (this.#cold?.closesReplay || this.#cold?.isStuck);
    return this.#south.canReadLan && !isHeld;
  }

  /** Whether what comes over the link can be kept now. */
  get canReadLink(): boolean {
    return this.role !== 'backup' || (this.#cold?.hasRoom ?? true);
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
    return this.role === 'starting' && this.#session === undefined && peer.heard && peer.role === 'primary';
  }

  /** Whether a connection from the peer may be taken: it wants to join. */
  get takesLink(): boolean {
    const { role, backup, pursuit } = this.#standing;
    if (role !== 'primary' || this.#recoveringSinceMs !== undefined) return false;
    return backup === undefined && pursuit === undefined && this.#config.peerIndex !== undefined;
  }

  /** The link is connected. @param nonce fresh randomness. */
  linkUp(nonce: Uint8Array): void {
    this.#log.queue.clear();
    const { service, self } = this.#config;
    this.#session = new LinkSession(this.#log.queue, this.#prove, service, self, nonce);
    if (this.role === 'primary') this.#session.sendChallenge();
  }

  linkDown(reason: string): void {
    if (this.#session === undefined) return;
    const linked = this.linked;
    this.#session = undefined;
    if (!linked) return;
    this.#lossReason = reason;
    this.#ports.event({ event: 'link-lost', reason });
  }

  /** This connection of the link leads to nothing, and why: an operator has to do something about it. */
  linkRefused(reason: string): void {
    if (this.role === 'starting') this.#refusal = reason;
    this.#ports.event({ event: 'refused', reason });
  }

  /**
   * Bytes of the replication link. What is held is acknowledged before anything of it is acted upon.
   * @returns how many bytes were consumed, whole frames only; -1 when the peer does not speak the protocol. Call it again with
   * the rest until nothing is consumed: what follows the frame that admits this host counts differently.
   */
  fromLink(bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    const whole = this.#acknowledgeWhole(bytes, offset, length, nowMs);
    if (whole < 0) return -1;
    for (let at = 0; at < whole; ) {
      const taken = this.#frame.set(bytes, offset + at, whole - at);
      assert(taken > 0, 'frames are walked twice alike');
      at += taken;
      const before = this.role;
      if (!this.#takeFrame(nowMs)) return -1;
      if (this.#session === undefined) return whole;
      if (this.role !== before) return at;
    }
    return whole;
  }

  fromWitness(answer: WitnessAnswer, nowMs: number): void {
    if (this.#witness?.take(answer, nowMs)) this.#answered = true;
  }

  /**
   * Time passes. Call after everything that has arrived was taken.
   * @param pausedMs how long the data loop stood still before this turn.
   */
  tick(nowMs: number, pausedMs: number, health: Health): void {
    if (health.lanUp && !this.#lanWasUp) this.#barrier.hold(nowMs);
    this.#lanWasUp = health.lanUp;
    this.#barrier.turn(nowMs, pausedMs, health.peer.heard ? health.peer.silentMs : 0);
    const situation = this.#situation(nowMs, health);
    this.#become(turn(this.#config, this.#standing, situation), nowMs, health.peer);
    if (this.#witness !== undefined) this.#turnWitness(this.#witness, situation, nowMs);
    if (this.role === 'primary' || this.role === 'backup') this.#south.tick(nowMs);
    if (this.#cold !== undefined) this.#turnCold(this.#cold, nowMs);
    this.#acknowledgeHeld(nowMs);
    this.#recover(nowMs);
    this.#reportProgress();
    this.#reportDiverged();
    this.#south.reportClaimant((mac) => this.#ports.event({ event: 'address-conflict', mac }));
    this.#announceAgain(nowMs);
    this.#mournServer(nowMs);
  }

  /**
   * Sends one frame, if one may leave now. Frame by frame, because a host can come to stand still between any two.
   * @param sinceMs how long ago this turn of the data loop began.
   * @returns whether one was sent.
   */
  releaseNext(nowMs: number, sinceMs: number): boolean {
    this.#barrier.turn(nowMs, sinceMs, 0);
    return this.role === 'primary' && this.#south.releaseNext(this.#barrier.position);
  }

  /** A planned end: hands over if there is a backup, leaves the view if this is one. Nothing is said from here on. */
  stop(): void {
    const { role, epoch, backup } = this.#standing;
    if (role === 'primary' && backup !== undefined) {
      this.#log.handover();
      this.#ports.event({ event: 'handed-over', epoch });
    } else if (role === 'backup') {
      this.#session?.sendLeave();
    }
    this.#standing = stopped(this.#standing);
    this.#ports.listen('no');
    this.#south.silence();
  }

  /**
   * A replica whose server was killed is of no use. A backup stays for a moment: where the request killed the primary's server too, it is
   * handed the office, and tells the clients that their connections are gone.
   */
  #mournServer(nowMs: number): void {
    const signal = this.serverSouth.killedBy;
    if (signal === '' || this.#mourned) return;
    this.#killedAtMs ??= nowMs;
    if (this.role === 'backup' && nowMs - this.#killedAtMs < SHARED_DEATH_MS) return;
    this.#mourned = true;
    const alone = this.role === 'primary' && this.#standing.backup === undefined;
    this.#ports.event({ event: 'server-killed', signal, alone });
    if (!alone) this.stop();
  }

  #situation(nowMs: number, health: Health): Situation {
    return {
      health,
      backupFails: this.#backupFails(nowMs),
      witnessLost: this.#witnessLost,
      waitedLongEnough: nowMs - this.#startedAtMs >= START_GRACE_MS,
    };
  }

  /** Why the backup does not do its part although it may live; '' if it does. */
  #backupFails(nowMs: number): string {
    if (this.#session === undefined) return this.#lossReason;
    if (!this.#cold?.waitsWhenFull && this.#barrier.oldestUnackedMs(nowMs) > this.#config.ackTimeoutMs)
      return 'acknowledgements are late';
    return this.#south.isHeldTooLong ? "the backup's server gets no further, and holds clients back" : '';
  }

  #turnWitness(witness: WitnessTalk, situation: Situation, nowMs: number): void {
    if (this.#answered) {
      this.#answered = false;
      const view = witness.view;
      this.#become(answered(this.#config, this.#standing, view, situation), nowMs, situation.health.peer);
    }
    witness.turn(this.#standing.pursuit, nowMs);
    const lost = witness.isLost(nowMs);
    if (lost !== this.#witnessLost) {
      this.#witnessLost = lost;
      this.#ports.event(
        lost ? { event: 'witness-lost' } : { event: 'witness-answers', epoch: witness.view?.epoch ?? 0 },
      );
    }
    if (witness.problem !== this.#witnessProblem) {
      this.#witnessProblem = witness.problem;
      if (witness.problem !== '') this.#ports.event({ event: 'witness-problem', problem: witness.problem });
    }
  }

  /** Acts upon what has changed between where this host stood and where it stands now. */
  #become(next: Standing, nowMs: number, peer: PeerHealth): void {
    const before = this.#standing;
    if (next === before) return;
    this.#standing = next;
    this.#tellPursuit(before, next, peer);
    if (next.role === before.role) {
      if (next.role === 'primary') this.#becomePrimaryWith(before, next, nowMs, peer);
      // Who asks to be the primary acknowledges nothing any more: the old one can say nothing from here on.
      if (next.role === 'backup' && next.pursuit?.change !== undefined) this.#closeSession();
    } else if (next.role === 'primary') {
      this.#speak(before, nowMs, peer);
    } else if (next.role === 'backup') {
      this.#held = 0;
      this.#acknowledged = 0;
      this.#cold?.joined(next.epoch);
      this.#refusal = '';
      if (this.#config.snoop === 'permanent') this.#snoop();
      this.#ports.event({ event: 'joined', epoch: next.epoch });
    } else if (next.role === 'removed') {
      this.#fallSilent();
    }
  }

  #tellPursuit(before: Standing, next: Standing, peer: PeerHealth): void {
    const { epoch, pursuit, role } = next;
    if (pursuit === undefined && role === before.role && before.pursuit !== undefined && epoch === before.epoch) {
      const { goal, reason } = before.pursuit;
      if (goal === 'promote' || goal === 'remove') this.#ports.event({ event: 'reconsidered', epoch, reason });
      if (goal === 'promote' && this.#config.snoop === 'reactive') this.#deafen();
    }
    if (pursuit === undefined || pursuit.goal === before.pursuit?.goal) return;
    const { goal, reason } = pursuit;
    if (goal === 'promote') {
      this.#ports.event({ event: 'suspected', epoch, reason, silenceMs: peer.silentMs });
      if (this.#config.snoop === 'reactive') this.#snoop();
    }
    if (goal === 'remove') this.#ports.event({ event: 'removing', epoch: epoch + 1, reason });
  }

  /** Still the primary: with a backup, without one, or with one that is in the view now. */
  #becomePrimaryWith(before: Standing, next: Standing, nowMs: number, peer: PeerHealth): void {
    const { epoch, backup, pursuit, reason } = next;
    if (backup !== undefined && before.backup === undefined) {
      // From here on nothing leaves that the joiner does not hold, although it is not in the view yet.
      this.#lossReason = '';
      this.#log.start();
      this.#session?.sendWelcome(epochOfAdmission(next));
      this.#barrier.restart(true);
      this.#ports.logBegins();
    }
    if (backup !== undefined && pursuit === undefined && epoch !== before.epoch) {
      this.#ports.event({ event: 'admitted', epoch });
    }
    if (backup !== undefined || before.backup === undefined) return;
    if (peer.lost) this.#ports.event({ event: 'suspected', epoch: before.epoch, reason, silenceMs: peer.silentMs });
    this.#closeSession();
    this.#log.stop();
    this.#south.backupGone(nowMs);
    this.#ports.event({ event: 'solo', epoch, reason });
  }

  #speak(before: Standing, nowMs: number, peer: PeerHealth): void {
    const { epoch, reason } = this.#standing;
    const promoted = before.role === 'backup';
    if (promoted) {
      if (reason !== 'handover' && before.pursuit === undefined) {
        this.#ports.event({ event: 'suspected', epoch: before.epoch, reason, silenceMs: peer.silentMs });
      }
      this.#closeSession();
      this.#log.stop();
    }
    const restarts = !promoted && this.#cold?.restarts === true;
    if (this.#cold !== undefined) {
      if (promoted) {
        // From here on the log is this host's own, and what is said waits for it as it did for a backup.
        this.#cold.promoted();
        this.#barrier.restart(false);
      }
      this.#ports.event({ event: 'server-wanted', replay: promoted || restarts });
    }
    this.#replays = promoted || restarts;
    const { snoop, takeover, recoveryDelayMs } = this.#config;
    const connections = this.#south.unfinishedCount;
    const isSlow = this.#cold !== undefined || (promoted && recoveryDelayMs > 0);
    // Who starts from a log on its disk knows no connection before that is read.
    const isSilent = restarts || (promoted && takeover === 'after-recovery');
    if (isSlow || isSilent) this.#recoveringSinceMs = nowMs;
    if (!isSilent) this.#openMouth(nowMs, isSlow);
    else if (snoop === 'reactive' && before.pursuit === undefined) this.#snoop();
    if (!promoted) this.#ports.event({ event: 'primary', epoch });
    else this.#ports.event({ event: 'promoted', epoch, reason, connections, silenceMs: peer.silentMs });
  }

  /** @param standIn the server cannot be fed yet. */
  #openMouth(nowMs: number, standIn: boolean): void {
    this.#ports.listen('speak');
    this.#south.speak(nowMs, standIn);
    this.#announcedAtMs = nowMs;
    this.#announcements = 0;
    while (this.#south.releaseNext(this.#barrier.position));
  }

  #recover(nowMs: number): void {
    const sinceMs = this.#recoveringSinceMs;
    if (sinceMs === undefined || this.role !== 'primary') return;
    const { takeover, recoveryDelayMs, catchUpTimeoutMs } = this.#config;
    if (nowMs - sinceMs < recoveryDelayMs) return;
    let heir: SouthWrap | undefined;
    if (this.#cold !== undefined) {
      heir = this.#cold.heir(this.#south, nowMs);
      if (heir === undefined) return;
    } else {
      if (this.#south.isStandingIn) this.#south.feed(nowMs);
      if (!this.#settling.has(this.#south, 0, catchUpTimeoutMs, nowMs)) return;
    }
    this.#recoveringSinceMs = undefined;
    this.#cold?.replayEnded(nowMs);
    // Before the first word: whoever compares it with packets finds it before them.
    if (this.#replays) this.#ports.event({ event: 'recovered', epoch: this.epoch, afterMs: nowMs - sinceMs });
    if (heir !== undefined) this.#succeed(heir, nowMs);
    else if (takeover === 'after-recovery') this.#openMouth(nowMs, false);
  }

  /** The server does otherwise than the primary's did: this host could not go on with its connections, or cannot go on serving. */
  serverDiverged(nowMs: number): void {
    if (this.role === 'primary') {
      this.#ports.event({ event: 'replay-failed', problem: "the server does otherwise than the old primary's" });
      this.stop();
    }
    if (this.role !== 'backup') return;
    this.#session?.sendLeave();
    this.#ports.flushLink();
    this.#become(disqualified(this.#standing, "the server does otherwise than the primary's"), nowMs, NO_PEER);
  }

  /** Whether the server repeats what another one did. */
  get serverReplays(): boolean {
    return this.role === 'backup' || this.#cold?.serverReplays === true;
  }

  /**
   * Cold: the server was started.
   * @param south a wrap for it, which has heard of nothing yet.
   */
  serverStarted(south: SouthWrap, nowMs: number): void {
    assert(this.#cold !== undefined, 'only a cold host starts its server late');
    this.#cold.serverStarted(this.#south, south, nowMs);
  }

  #turnCold(cold: ColdHost, nowMs: number): void {
    const damage = cold.turn(this.role === 'primary' && this.#recoveringSinceMs !== undefined, nowMs);
    if (damage !== '') {
      this.#ports.event({ event: 'replay-failed', problem: damage });
      this.stop();
    }
    const problem = cold.news;
    if (problem === undefined) return;
    this.#ports.event({ event: 'retained-log', problem });
    if (problem === '' || this.role !== 'backup' || cold.waitsWhenFull) return;
    this.#session?.sendLeave();
    this.#ports.flushLink();
    this.#become(disqualified(this.#standing, problem), nowMs, NO_PEER);
  }

  /** The wrap with the server takes over from the one without. */
  #succeed(heir: SouthWrap, nowMs: number): void {
    const front = this.#south;
    front.silence();
    this.#log.stop();
    front.bequeathSnooped(heir, nowMs);
    this.#south = heir;
    this.#openMouth(nowMs, false);
    front.bequeathSyns(heir, nowMs);
  }

  #snoop(): void {
    this.#ports.listen('snoop');
    this.#south.snoop(true);
  }

  #deafen(): void {
    this.#ports.listen('no');
    this.#south.snoop(false);
  }

  #fallSilent(): void {
    const { epoch, reason } = this.#standing;
    this.#deafen();
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

  /** Counts the whole frames, and as a backup acknowledges them at once if it may: they are held. */
  #acknowledgeWhole(bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    const whole = wholeFrames(this.#frame, bytes, offset, length);
    if (whole > 0 && this.role === 'backup' && this.#session !== undefined) {
      this.#held += whole;
      this.#cold?.append(bytes, offset, whole);
      this.#acknowledgeHeld(nowMs);
    }
    return whole;
  }

  /** What this backup holds, in memory or where it is to hold it. */
  #acknowledgeHeld(nowMs: number): void {
    const safe = this.#cold?.safe ?? this.#held;
    if (this.role !== 'backup' || this.#session === undefined || safe <= this.#acknowledged) return;
    if (this.#hesitation.holdsBack(this.#ports.lagMs(), nowMs)) return;
    this.#acknowledged = safe;
    this.#session.sendAck(safe);
    this.#ports.flushLink();
  }

  #takeFrame(nowMs: number): boolean {
    const frame = this.#frame;
    if (frame.type < LINK_FRAME.CHALLENGE) {
      return this.role !== 'backup' || this.#accepted(this.#south.fromLog(frame, nowMs), nowMs);
    }
    switch (frame.type) {
      case LINK_FRAME.CHALLENGE:
        return this.role === 'starting' && (this.#session?.sendHello(frame) ?? false);
      case LINK_FRAME.HELLO:
        return this.#takeHello(nowMs);
      case LINK_FRAME.WELCOME:
        return this.#takeWelcome(nowMs);
      case LINK_FRAME.REFUSE:
        this.linkRefused(LinkSession.readRefuse(frame));
        return false;
      case LINK_FRAME.TLS:
        if (!this.linked) this.linkRefused(ONE_SIDED_TLS);
        return false;
      case LINK_FRAME.ACK:
        return this.role !== 'primary' || !this.linked || this.#log.acknowledge(LinkSession.readPosition(frame));
      case LINK_FRAME.HANDOVER:
        if (this.role !== 'backup') return false;
        this.#become(handedOver(this.#config, this.#standing), nowMs, { ...NO_PEER, epoch: this.epoch });
        return true;
      case LINK_FRAME.PROGRESS:
        if (this.#leads) this.#south.backupProgress(frame.connection, LinkSession.readProgress(frame), nowMs);
        return true;
      case LINK_FRAME.DIVERGED:
        if (this.#leads) this.#south.backupDiverged(frame.connection, LinkSession.readPosition(frame));
        return true;
      case LINK_FRAME.LEAVE:
        this.#become(left(this.#config, this.#standing), nowMs, NO_PEER);
        return true;
      default:
        return false;
    }
  }

  #accepted(refusal: string, nowMs: number): boolean {
    if (refusal === '') return true;
    this.#ports.event({ event: 'log-refused', reason: refusal });
    // What was acknowledged cannot be kept: this host must never be promoted.
    const reason = 'the log of the primary makes no sense here';
    this.#become(disqualified(this.#standing, reason), nowMs, NO_PEER);
    return false;
  }

  #reportProgress(): void {
    const session = this.#session;
    if (this.role !== 'backup' || session === undefined) return;
    this.#south.reportProgress(({ id, inBackupNxt, outBackupNxt }) =>
      session.sendProgress(id, inBackupNxt, outBackupNxt),
    );
  }

  #reportDiverged(): void {
    this.#south.reportDiverged(({ id, clientIp, clientPort, divergedAt, divergedSaid }) => {
      const { divergences } = this.#south.counters;
      const client = `${ipToString(clientIp)}:${clientPort}`;
      const said = Array.from(divergedSaid, (byte) => byte.toString(16).padStart(2, '0')).join('');
      this.#ports.event({ event: 'diverged', connection: id, client, position: divergedAt, said, divergences });
      if (this.role === 'backup') this.#session?.sendDiverged(id, divergedAt);
    });
  }

  #takeHello(nowMs: number): boolean {
    const session = this.#session;
    if (!this.takesLink || session === undefined) return false;
    const problem = session.checkHello(this.#frame);
    const reason = problem || this.#refusesJoiner;
    if (reason !== '') {
      session.sendRefuse(reason);
      // It may read the reason, and say no more: frames of a stranger who does not read answers would fill the queue of the log.
      this.#session = undefined;
      this.#ports.event({ event: 'refused', reason });
      return true;
    }
    this.#become(joinerCame(this.#config, this.#standing, session.peer), nowMs, NO_PEER);
    return true;
  }

  #takeWelcome(nowMs: number): boolean {
    if (this.role !== 'starting' || this.#session === undefined) return false;
    const epoch = this.#session.checkWelcome(this.#frame);
    if (epoch < 0) return false;
    this.#become(welcomed(this.#standing, epoch), nowMs, NO_PEER);
    return this.role === ('backup' as Role);
  }

  get #refusesJoiner(): string {
    return this.#south.pristine
      ? this.#ports.refusesJoiner()
      : 'the service has had connections already: a joining server would lack what they changed';
  }

  #announceAgain(nowMs: number): void {
    const after = ANNOUNCE_AFTER_MS[this.#announcements];
    if (this.role !== 'primary' || after === undefined || nowMs - this.#announcedAtMs < after) return;
    this.#announcements++;
    this.#south.announce();
  }
}
