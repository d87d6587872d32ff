// Memory that the daemon's threads share: what the detector knows of the peer, what the data worker does, and the LAN's state, which
// it watches. One writer for each part; a version that is odd while the peer's part is being written lets the reader
// take a consistent copy without a lock.
import { CANDIDATE_TIMEOUTS_MS, type GapHistogram } from '../detector/gap-histogram.ts';
import { ROLES, type Role } from '../detector/heartbeat.ts';
import { type Health, NO_PEER, type PeerHealth } from '../replica/health.ts';

const INTS = 22;
const FLOATS = 8 + CANDIDATE_TIMEOUTS_MS.length;

// Integers.
const PEER_VERSION = 0;
const PEER_HEARD = 1;
const PEER_SILENT = 2;
const PEER_ROLE = 3;
const PEER_EPOCH = 4;
const PEER_PROPOSAL = 5;
const PEER_LAN_UP = 6;
const PEER_STUCK = 7;
const SELF_LAN_UP = 8;
const SELF_ROLE = 9;
const SELF_EPOCH = 10;
const SELF_PROPOSAL = 11;
const STOP = 12;
const SUSPICIONS = 13;
const PEER_LOST = 14;
const PEER_LIFE = 15;
const SELF_LIFE = 16;
const PEER_LAN_WORKS = 17;
const PEER_WITNESS_LOST = 18;
const SELF_WITNESS_LOST = 19;
const SELF_LINKED = 20;
// Floats.
const PEER_SILENT_MS = 0;
const DATA_TURN_AT_MS = 1;
const GAP_LONGEST_MS = 2;
const GAP_P99_MS = 3;
const LINK_HEARD_AT_MS = 4;
const GAP_COUNT = 5;
const GAP_OBSERVED_MS = 6;
const ADVISED_TIMEOUT_MS = 7;
/** One for each candidate. */
const FALSE_PER_HOUR = 8;

const READ_ATTEMPTS = 32;

/** What the heartbeats are to say of this host. */
export interface SelfReport {
  readonly role: Role;
  readonly life: number;
  readonly epoch: number;
  readonly proposal: number;
  readonly witnessLost: boolean;
  /** A backup has its link to the primary; a primary has a backup. The peer is not told. */
  readonly linked: boolean;
}

/** What the detector has learnt of the gaps between the peer's heartbeats; `GapHistogram` says what each number means. */
export interface GapReading {
  readonly longestMs: number;
  readonly p99Ms: number;
  readonly count: number;
  readonly observedMs: number;
  readonly advisedTimeoutMs: number;
  readonly falsePerHour: readonly { readonly timeoutMs: number; readonly perHour: number }[];
  readonly suspicions: number;
}

/** A `Health` that is filled in again and again. */
export class HealthReading implements Health {
  readonly peer: { -readonly [K in keyof PeerHealth]: PeerHealth[K] } = { ...NO_PEER };
  lanUp = true;
}

export class HealthBoard {
  readonly memory: SharedArrayBuffer;
  readonly #ints: Int32Array;
  readonly #floats: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4 * INTS + 8 * FLOATS)) {
    this.memory = memory;
    this.#ints = new Int32Array(memory, 0, INTS);
    this.#floats = new Float64Array(memory, 4 * INTS, FLOATS);
  }

  /** Detector: publishes the peer's state. @returns whether anything but the time changed. */
  writePeer(peer: PeerHealth): boolean {
    const ints = this.#ints;
    const changed =
      ints[PEER_HEARD] !== Number(peer.heard) ||
      ints[PEER_SILENT] !== Number(peer.silent) ||
      ints[PEER_LOST] !== Number(peer.lost) ||
      ints[PEER_LIFE] !== (peer.life | 0) ||
      ints[PEER_ROLE] !== ROLES.indexOf(peer.role) ||
      ints[PEER_EPOCH] !== peer.epoch ||
      ints[PEER_PROPOSAL] !== peer.proposal ||
      ints[PEER_LAN_UP] !== Number(peer.lanUp) ||
      ints[PEER_STUCK] !== Number(peer.stuck) ||
      ints[PEER_LAN_WORKS] !== Number(peer.lanWorks) ||
      ints[PEER_WITNESS_LOST] !== Number(peer.witnessLost);
    Atomics.add(ints, PEER_VERSION, 1);
    if (changed) {
      ints[PEER_HEARD] = Number(peer.heard);
      ints[PEER_SILENT] = Number(peer.silent);
      ints[PEER_LOST] = Number(peer.lost);
      ints[PEER_LIFE] = peer.life;
      ints[PEER_ROLE] = ROLES.indexOf(peer.role);
      ints[PEER_EPOCH] = peer.epoch;
      ints[PEER_PROPOSAL] = peer.proposal;
      ints[PEER_LAN_UP] = Number(peer.lanUp);
      ints[PEER_STUCK] = Number(peer.stuck);
      ints[PEER_LAN_WORKS] = Number(peer.lanWorks);
      ints[PEER_WITNESS_LOST] = Number(peer.witnessLost);
    }
    this.#floats[PEER_SILENT_MS] = peer.silentMs;
    Atomics.add(ints, PEER_VERSION, 1);
    return changed;
  }

  /**
   * Data worker, main thread: copies what the detector published. A writer that was interrupted in the middle is not waited for,
   * since the waiting could be what keeps it from going on: the reading then stays as it was.
   */
  readHealth(into: HealthReading): void {
    const ints = this.#ints;
    into.lanUp = this.lanUp;
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const version = Atomics.load(ints, PEER_VERSION);
      const heard = ints[PEER_HEARD] === 1;
      const silent = ints[PEER_SILENT] === 1;
      const lost = ints[PEER_LOST] === 1;
      const life = (ints[PEER_LIFE] ?? 0) >>> 0;
      const role = ROLES[ints[PEER_ROLE] ?? 0] ?? 'starting';
      const epoch = ints[PEER_EPOCH] ?? 0;
      const proposal = ints[PEER_PROPOSAL] ?? 0;
      const lanUp = ints[PEER_LAN_UP] === 1;
      const stuck = ints[PEER_STUCK] === 1;
      const lanWorks = ints[PEER_LAN_WORKS] === 1;
      const witnessLost = ints[PEER_WITNESS_LOST] === 1;
      const silentMs = this.#floats[PEER_SILENT_MS] ?? 0;
      if (version % 2 !== 0 || Atomics.load(ints, PEER_VERSION) !== version) continue;
      const { peer } = into;
      peer.heard = heard;
      peer.silent = silent;
      peer.lost = lost;
      peer.life = life;
      peer.role = role;
      peer.epoch = epoch;
      peer.proposal = proposal;
      peer.lanUp = lanUp;
      peer.stuck = stuck;
      peer.lanWorks = lanWorks;
      peer.witnessLost = witnessLost;
      peer.silentMs = silentMs;
      return;
    }
  }

  get lanUp(): boolean {
    return Atomics.load(this.#ints, SELF_LAN_UP) === 1;
  }

  set lanUp(up: boolean) {
    Atomics.store(this.#ints, SELF_LAN_UP, Number(up));
  }

  /** Data worker: and that the loop turns. */
  writeSelf({ role, life, epoch, proposal, witnessLost, linked }: SelfReport, nowMs: number): void {
    Atomics.store(this.#ints, SELF_LIFE, life);
    Atomics.store(this.#ints, SELF_ROLE, ROLES.indexOf(role));
    Atomics.store(this.#ints, SELF_EPOCH, epoch);
    Atomics.store(this.#ints, SELF_PROPOSAL, proposal);
    Atomics.store(this.#ints, SELF_WITNESS_LOST, Number(witnessLost));
    Atomics.store(this.#ints, SELF_LINKED, Number(linked));
    this.#floats[DATA_TURN_AT_MS] = nowMs;
  }

  /** Data worker: the peer has just been heard on the replication link. */
  set linkHeardAtMs(nowMs: number) {
    this.#floats[LINK_HEARD_AT_MS] = nowMs;
  }

  get linkHeardAtMs(): number {
    return this.#floats[LINK_HEARD_AT_MS] ?? 0;
  }

  get selfRole(): Role {
    return ROLES[Atomics.load(this.#ints, SELF_ROLE)] ?? 'starting';
  }

  get selfLife(): number {
    return Atomics.load(this.#ints, SELF_LIFE) >>> 0;
  }

  get selfEpoch(): number {
    return Atomics.load(this.#ints, SELF_EPOCH);
  }

  get selfProposal(): number {
    return Atomics.load(this.#ints, SELF_PROPOSAL);
  }

  get selfWitnessLost(): boolean {
    return Atomics.load(this.#ints, SELF_WITNESS_LOST) === 1;
  }

  get selfLinked(): boolean {
    return Atomics.load(this.#ints, SELF_LINKED) === 1;
  }

  /** When the data loop turned last; 0 before its first turn. */
  get dataTurnAtMs(): number {
    return this.#floats[DATA_TURN_AT_MS] ?? 0;
  }

  /** Detector: what it has learnt of the link. Read for people only: a reading taken in the middle of this mixes two moments. */
  writeGaps(gaps: GapHistogram, intervalMs: number, suspicions: number): void {
    const floats = this.#floats;
    floats[GAP_LONGEST_MS] = gaps.longestMs;
    floats[GAP_P99_MS] = gaps.quantileMs(0.01);
    floats[GAP_COUNT] = gaps.count;
    floats[GAP_OBSERVED_MS] = gaps.observedMs;
    floats[ADVISED_TIMEOUT_MS] = gaps.advisedTimeoutMs(intervalMs);
    CANDIDATE_TIMEOUTS_MS.forEach((timeoutMs, index) => {
      floats[FALSE_PER_HOUR + index] = gaps.suspicionsPerHour(timeoutMs);
    });
    Atomics.store(this.#ints, SUSPICIONS, suspicions);
  }

  get gaps(): GapReading {
    const float = (index: number): number => this.#floats[index] ?? 0;
    return {
      longestMs: float(GAP_LONGEST_MS),
      p99Ms: float(GAP_P99_MS),
      count: float(GAP_COUNT),
      observedMs: float(GAP_OBSERVED_MS),
      advisedTimeoutMs: float(ADVISED_TIMEOUT_MS),
      falsePerHour: CANDIDATE_TIMEOUTS_MS.map((timeoutMs, index) => ({
        timeoutMs,
        perHour: float(FALSE_PER_HOUR + index),
      })),
      suspicions: Atomics.load(this.#ints, SUSPICIONS),
    };
  }

  askToStop(): void {
    Atomics.store(this.#ints, STOP, 1);
  }

  get mustStop(): boolean {
    return Atomics.load(this.#ints, STOP) === 1;
  }
}
