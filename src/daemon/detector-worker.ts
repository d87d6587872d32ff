// The detector's thread: sends and judges heartbeats, under real-time priority where that is allowed, so that neither the data
// worker nor anything else on the host makes them late. It never returns to the event loop before it is asked to stop.
import { createHmac } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { AUTHENTICATOR_BYTES, type Authenticator, HEARTBEAT_BYTES, Heartbeat } from '../detector/heartbeat.ts';
import { SilenceDetector } from '../detector/silence.ts';
import { assert } from '../errors.ts';
import { monotonicMs } from '../linux/clock.ts';
import { signalEventFd } from '../linux/eventfd.ts';
import { close, POLLIN, Poller } from '../linux/io.ts';
import { allocate } from '../linux/memory.ts';
import { setRealtime } from '../linux/scheduling.ts';
import { recvFrom, type SockAddr, sendTo, sockAddr, udpBind } from '../linux/socket.ts';
import { seq, seqDiff } from '../wire/seq.ts';
import type { Endpoint } from './config.ts';
import { HealthBoard, HealthReading } from './health-board.ts';

export interface DetectorWorkerData {
  readonly board: SharedArrayBuffer;
  readonly key: Uint8Array;
  readonly service: number;
  readonly selfIndex: number;
  readonly own: readonly Endpoint[];
  readonly peer: readonly Endpoint[];
  readonly intervalMs: number;
  readonly timeoutMs: number | 'auto';
  readonly removeTimeoutMs: number | 'auto';
  readonly stallTimeoutMs: number;
  readonly realtime: 'auto' | 'off';
  /** Signalled when the health changes: wakes the data worker. */
  readonly wakeFd: number;
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
/** So long after a peer's start its program is still being compiled, and its heartbeats are late. */
const WARM_UP_MS = 1000;
const WARM_UP_FACTOR = 6;
/** `timeout: auto` learns from the gaps between heartbeats, up to so many times its least. */
const LEARN_FACTOR = 5;
const GAPS_EVERY_MS = 200;

interface Path {
  readonly fd: number;
  readonly peer: SockAddr;
  readonly slot: number;
}

class DetectorLoop {
  readonly #data: DetectorWorkerData;
  readonly #board: HealthBoard;
  readonly #poller = new Poller(8);
  readonly #paths: Path[];
  readonly #timeoutMs: number;
  readonly #removeTimeoutMs: number;
  readonly #silence: SilenceDetector;
  readonly #authenticate: Authenticator;
  readonly #own = new Heartbeat();
  readonly #theirs = new Heartbeat();
  readonly #out = allocate(HEARTBEAT_BYTES);
  readonly #in = allocate(2048);
  readonly #scratch = new Uint8Array(AUTHENTICATOR_BYTES);
  readonly #peer = new HealthReading().peer;
  #warmUntilMs = 0;
  #peerBoot = Number.NaN;
  #peerSequence = 0;
  #suspicions = 0;

  constructor(data: DetectorWorkerData, timeoutMs: number) {
    this.#data = data;
    this.#timeoutMs = timeoutMs;
    this.#removeTimeoutMs = data.removeTimeoutMs === 'auto' ? REMOVE_FACTOR * timeoutMs : data.removeTimeoutMs;
    this.#board = new HealthBoard(data.board);
    this.#silence = new SilenceDetector(timeoutMs, data.timeoutMs === 'auto' ? LEARN_FACTOR * timeoutMs : timeoutMs);
    this.#authenticate = authenticator(data.key);
    this.#paths = data.own.map((own, index) => {
      const peer = data.peer[index];
      assert(peer !== undefined, 'heartbeat paths are paired');
      const fd = udpBind(own.host, own.port);
      return { fd, peer: sockAddr(peer.host, peer.port), slot: this.#poller.add(fd, POLLIN) };
    });
    this.#own.sender = data.selfIndex;
    this.#own.service = data.service;
    this.#own.boot = data.boot;
  }

  run(): void {
    let sendAtMs = monotonicMs();
    let gapsAtMs = sendAtMs;
    while (!this.#board.mustStop) {
      this.#poller.wait(Math.max(0, sendAtMs - monotonicMs()));
      for (const path of this.#paths) this.#drain(path);
      const nowMs = monotonicMs();
      this.#silence.woke(nowMs);
      this.#judge(nowMs);
      if (nowMs >= sendAtMs) {
        this.#send(nowMs);
        sendAtMs = Math.max(sendAtMs + this.#data.intervalMs, nowMs);
      }
      if (nowMs - gapsAtMs > GAPS_EVERY_MS) {
        gapsAtMs = nowMs;
        this.#board.writeGaps(this.#silence.longestGapMs, this.#silence.gapQuantileMs(0.01), this.#suspicions);
      }
    }
    for (const path of this.#paths) close(path.fd);
  }

  #drain(path: Path): void {
    for (;;) {
      const length = recvFrom(path.fd, this.#in, 0, this.#in.length);
      if (length < 0) return;
      const heartbeat = this.#theirs;
      if (heartbeat.read(this.#in, length, this.#authenticate, this.#scratch) !== '') continue;
      if (heartbeat.service !== this.#data.service || heartbeat.sender === this.#data.selfIndex) continue;
      if (heartbeat.boot === this.#peerBoot && seqDiff(seq(heartbeat.sequence), seq(this.#peerSequence)) <= 0) continue;
      if (heartbeat.boot !== this.#peerBoot) this.#warmUntilMs = monotonicMs() + WARM_UP_MS;
      this.#peerBoot = heartbeat.boot;
      this.#peerSequence = heartbeat.sequence;
      this.#silence.heard(monotonicMs());
      const peer = this.#peer;
      peer.heard = true;
      peer.life = heartbeat.life;
      peer.role = heartbeat.role;
      peer.epoch = heartbeat.epoch;
      peer.proposal = heartbeat.proposal;
      peer.lanUp = heartbeat.lanUp;
      peer.stuck = heartbeat.stuck;
    }
  }

  #judge(nowMs: number): void {
    const peer = this.#peer;
    // Whatever comes over the replication link is a sign of life too.
    const linkMs = nowMs - this.#board.linkHeardAtMs;
    const learntMs = this.#silence.timeoutMs;
    const timeoutMs = nowMs < this.#warmUntilMs ? Math.max(learntMs, WARM_UP_FACTOR * this.#timeoutMs) : learntMs;
    const silenceMs = Math.min(this.#silence.silenceMs(nowMs), linkMs);
    const silent = silenceMs > timeoutMs;
    if (silent && !peer.silent) this.#suspicions++;
    peer.silent = silent;
    peer.lost = silent && silenceMs > this.#removeTimeoutMs;
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
    own.sequence++;
    own.write(this.#out, this.#authenticate);
    for (const path of this.#paths) sendTo(path.fd, path.peer, this.#out, 0, HEARTBEAT_BYTES);
  }
}

/** The first 16 bytes of an HMAC-SHA256. */
function authenticator(key: Uint8Array): Authenticator {
  return (bytes, length, into, at) => {
    const digest = createHmac('sha256', key).update(bytes.subarray(0, length)).digest();
    into.set(digest.subarray(0, AUTHENTICATOR_BYTES), at);
  };
}

function main(data: DetectorWorkerData): void {
  const realtime = data.realtime === 'off' ? { ok: false as const, reason: 'switched off' } : setRealtime(PRIORITY);
  const timeoutMs =
    data.timeoutMs === 'auto' ? (realtime.ok ? TIMEOUT_REALTIME_MS : TIMEOUT_ORDINARY_MS) : data.timeoutMs;
  const loop = new DetectorLoop(data, timeoutMs);
  const ready: DetectorReady = { timeoutMs, withoutRealtime: realtime.ok ? '' : realtime.reason };
  parentPort?.postMessage(ready);
  loop.run();
}

main(workerData as DetectorWorkerData);
