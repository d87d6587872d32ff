// The detector's thread: sends and judges heartbeats, under real-time priority where that is allowed, so that neither the data
// worker nor anything else on the host makes them late. It never returns to the event loop before it is asked to stop. It wakes
// once per interval, not at every datagram: a wake-up costs more than all that is done in it.
import { createHmac, createSecretKey } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { AUTHENTICATOR_BYTES, type Authenticator, HEARTBEAT_BYTES, Heartbeat } from '../detector/heartbeat.ts';
import { HeartbeatInbox } from '../detector/heartbeat-inbox.ts';
import { LanPaths } from '../detector/lan-paths.ts';
import { SilenceDetector } from '../detector/silence.ts';
import { assert } from '../errors.ts';
import { monotonicMs, sleepUntil } from '../linux/clock.ts';
import { DatagramBatch } from '../linux/datagram-batch.ts';
import { EchoProbe } from '../linux/echo-probe.ts';
import { signalEventFd } from '../linux/eventfd.ts';
import { close } from '../linux/io.ts';
import { allocate } from '../linux/memory.ts';
import { setRealtime } from '../linux/scheduling.ts';
import { localPort, type SockAddr, sendTo, sockAddr, udpBind } from '../linux/socket.ts';
import { nameThread } from '../linux/thread-name.ts';
import type { Endpoint } from './config.ts';
import { HealthBoard, HealthReading } from './health-board.ts';
import { DETECTOR_THREAD } from './thread-names.ts';

export interface DetectorWorkerData {
  readonly board: SharedArrayBuffer;
  readonly key: Uint8Array;
  readonly service: number;
  readonly selfIndex: number;
  readonly own: readonly Endpoint[];
  readonly peer: readonly Endpoint[];
  /** For each path whether it leads over the LAN. */
  readonly overLan: readonly boolean[];
  readonly intervalMs: number;
  readonly timeoutMs: number | 'auto';
  readonly removeTimeoutMs: number | 'auto';
  readonly stallTimeoutMs: number;
  readonly realtime: 'auto' | 'off';
  /** Signalled when the health changes: wakes the data worker. */
  readonly wakeFd: number;
  /** Drawn at the daemon's start, not 0. */
  readonly boot: number;
}

/** What the thread says once, when it runs. */
export interface DetectorReady {
  readonly timeoutMs: number;
  /** '' with real-time priority; otherwise why not. */
  readonly withoutRealtime: string;
}

const PRIORITY = 20;
const TIMEOUT_REALTIME_MS = 5;
const TIMEOUT_ORDINARY_MS = 50;
/**
 * A primary gives its backup up later than a backup its primary: a hiccup of the backup costs the clients a moment, its removal
 * all protection.
 */
const REMOVE_FACTOR = 6;
/** `timeout: auto` learns from the gaps between heartbeats, up to so many times its least. */
const LEARN_FACTOR = 5;
const GAPS_EVERY_MS = 500;
/** Datagrams taken in one system call. */
const BATCH = 16;
/** No more batches of a path in one turn: more than a socket's buffer holds. Who floods the port must not keep the thread. */
const BATCHES_MOST = 32;
/** Room for a byte more than a heartbeat has, so that what is longer is seen to be. */
const DATAGRAM_BYTES = HEARTBEAT_BYTES + 1;
const LOOPBACK = '127.0.0.1';
const REHEARSED_TURNS = 1000;

interface Path {
  readonly index: number;
  readonly fd: number;
  readonly peer: SockAddr;
  readonly probe: EchoProbe;
}

class DetectorLoop {
  readonly #data: DetectorWorkerData;
  readonly #board: HealthBoard;
  readonly #paths: Path[];
  readonly #removeTimeoutMs: number;
  readonly #silence: SilenceDetector;
  readonly #authenticate: Authenticator;
  readonly #own = new Heartbeat();
  readonly #inbox: HeartbeatInbox;
  readonly #batch = new DatagramBatch(BATCH, DATAGRAM_BYTES);
  readonly #lanPaths: LanPaths;
  readonly #out = allocate(HEARTBEAT_BYTES);
  readonly #peer = new HealthReading().peer;
  #suspicions = 0;

  constructor(data: DetectorWorkerData, timeoutMs: number, paths: Path[]) {
    this.#data = data;
    this.#removeTimeoutMs = data.removeTimeoutMs === 'auto' ? REMOVE_FACTOR * timeoutMs : data.removeTimeoutMs;
    this.#board = new HealthBoard(data.board);
    this.#silence = new SilenceDetector(timeoutMs, data.timeoutMs === 'auto' ? LEARN_FACTOR * timeoutMs : timeoutMs);
    this.#authenticate = authenticator(data.key);
    this.#inbox = new HeartbeatInbox({ ...data, authenticate: this.#authenticate });
    this.#paths = paths;
    this.#lanPaths = new LanPaths(data.overLan);
    this.#own.sender = data.selfIndex;
    this.#own.service = data.service;
    this.#own.boot = data.boot;
  }

  run(): void {
    let wakeAtMs = monotonicMs();
    let gapsAtMs = wakeAtMs;
    while (!this.#board.mustStop) {
      sleepUntil(wakeAtMs);
      const nowMs = monotonicMs();
      wakeAtMs = Math.max(wakeAtMs + this.#data.intervalMs, nowMs);
      this.turn(nowMs);
      if (nowMs - gapsAtMs > GAPS_EVERY_MS) {
        gapsAtMs = nowMs;
        this.#board.writeGaps(this.#silence.gaps, this.#data.intervalMs, this.#suspicions);
      }
    }
    for (const { fd, probe } of this.#paths) {
      close(fd);
      probe.close();
    }
  }

  turn(nowMs: number): void {
    for (const path of this.#paths) this.#drain(path, nowMs);
    this.#silence.woke(nowMs);
    if (this.#board.selfLinked && this.#silence.wonders(nowMs)) this.#probe(nowMs);
    this.#judge(nowMs);
    this.#send(nowMs);
  }

  #drain({ index, fd }: Path, nowMs: number): void {
    for (let i = 0; i < BATCHES_MOST; i++) {
      const count = this.#batch.receive(fd);
      if (count > 0) this.#lanPaths.heard(index, nowMs);
      for (let j = 0; j < count; j++) this.#take(this.#batch.datagram(j), this.#batch.length(j), nowMs);
      if (count < BATCH) return;
    }
  }

  #take(bytes: Uint8Array, length: number, nowMs: number): void {
    const { peerBoot } = this.#inbox;
    if (!this.#inbox.take(bytes, length)) return;
    if (this.#inbox.peerBoot !== peerBoot) this.#silence.peerStarted(nowMs);
    this.#silence.heard(nowMs);
    const { life, role, epoch, proposal, lanUp, stuck, witnessLost } = this.#inbox.last;
    const peer = this.#peer;
    peer.heard = true;
    peer.life = life;
    peer.role = role;
    peer.epoch = epoch;
    peer.proposal = proposal;
    peer.lanUp = lanUp;
    peer.stuck = stuck;
    peer.witnessLost = witnessLost;
  }

  /** Not without the link: the kernel of a host whose daemon has ended closes that, and would answer. */
  #probe(nowMs: number): void {
    for (const { probe } of this.#paths) {
      if (probe.answered()) this.#silence.answered(nowMs);
      probe.ask();
    }
  }

  #judge(nowMs: number): void {
    const peer = this.#peer;
    // Whatever comes over the replication link is a sign of life too.
    const linkMs = nowMs - this.#board.linkHeardAtMs;
    const silenceMs = Math.min(this.#silence.silenceMs(nowMs), linkMs);
    const silent = silenceMs > this.#silence.timeoutMs(nowMs);
    if (silent && !peer.silent) this.#suspicions++;
    peer.silent = silent;
    peer.lost = silent && silenceMs > this.#removeTimeoutMs;
    peer.lanWorks = !peer.heard || (this.#inbox.last.hearsLan && this.#lanPaths.hears(nowMs));
    peer.silentMs = this.#silence.sinceHeardMs(nowMs);
    if (this.#board.writePeer(peer)) signalEventFd(this.#data.wakeFd);
  }

  #send(nowMs: number): void {
    const own = this.#own;
    const turnAtMs = this.#board.dataTurnAtMs;
    own.life = this.#board.selfLife;
    own.role = this.#board.selfRole;
    own.epoch = this.#board.selfEpoch;
    own.proposal = this.#board.selfProposal;
    own.lanUp = this.#board.lanUp;
    own.stuck = turnAtMs > 0 && nowMs - turnAtMs > this.#data.stallTimeoutMs;
    own.hearsLan = this.#lanPaths.hears(nowMs);
    own.witnessLost = this.#board.selfWitnessLost;
    own.echo = this.#inbox.echo;
    own.sequence++;
    own.write(this.#out, this.#authenticate);
    for (const path of this.#paths) sendTo(path.fd, path.peer, this.#out, 0, HEARTBEAT_BYTES);
  }
}

/** The first 16 bytes of an HMAC-SHA256. As text, since a digest in memory of its own costs more than the digest. */
function authenticator(key: Uint8Array): Authenticator {
  const secret = createSecretKey(key);
  return (bytes, length, into, at) => {
    const digest = createHmac('sha256', secret).update(bytes.subarray(0, length)).digest('binary');
    for (let i = 0; i < AUTHENTICATOR_BYTES; i++) into[at + i] = digest.charCodeAt(i);
  };
}

/** Two detectors hear each other on this thread for a while, so that their code is compiled before a peer relies on it. */
function rehearse(data: DetectorWorkerData): void {
  const fds = [udpBind(LOOPBACK, 0), udpBind(LOOPBACK, 0)];
  const probe = new EchoProbe(LOOPBACK, LOOPBACK);
  const loops = fds.map((fd, selfIndex) => {
    const part = { ...data, board: new HealthBoard().memory, selfIndex, boot: 1 + selfIndex, overLan: [true] };
    const peer = sockAddr(LOOPBACK, localPort(fds[1 - selfIndex] ?? fd));
    return new DetectorLoop(part, TIMEOUT_REALTIME_MS, [{ index: 0, fd, peer, probe }]);
  });
  for (let i = 0; i < REHEARSED_TURNS; i++) {
    for (const loop of loops) {
      const nowMs = monotonicMs();
      sleepUntil(nowMs);
      loop.turn(nowMs);
    }
  }
  for (const fd of fds) close(fd);
  probe.close();
}

function openPaths({ own, peer: peers }: DetectorWorkerData): Path[] {
  return own.map(({ host, port }, index) => {
    const peer = peers[index];
    assert(peer !== undefined, 'heartbeat paths are paired');
    const probe = new EchoProbe(host, peer.host);
    return { index, fd: udpBind(host, port), peer: sockAddr(peer.host, peer.port), probe };
  });
}

function main(data: DetectorWorkerData): void {
  nameThread(DETECTOR_THREAD);
  rehearse(data);
  const realtime = data.realtime === 'off' ? { ok: false as const, reason: 'switched off' } : setRealtime(PRIORITY);
  const timeoutMs =
    data.timeoutMs === 'auto' ? (realtime.ok ? TIMEOUT_REALTIME_MS : TIMEOUT_ORDINARY_MS) : data.timeoutMs;
  const loop = new DetectorLoop(data, timeoutMs, openPaths(data));
  const ready: DetectorReady = { timeoutMs, withoutRealtime: realtime.ok ? '' : realtime.reason };
  parentPort?.postMessage(ready);
  loop.run();
}

main(workerData as DetectorWorkerData);
