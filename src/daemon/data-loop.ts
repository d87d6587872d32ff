// The data loop: one synchronous loop over TUN, packet socket and replication link. It moves bytes between descriptors and the
// replica, in preallocated memory; it decides nothing. In each turn: the LAN, then the server's packets, its answers to the LAN's
// among them, then the log goes out, then the link comes in, then time, then what the barrier lets through. Bulk is taken in small
// portions, since everything that must be acknowledged waits for two turns or three.
import { createHmac, getRandomValues, randomBytes } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import { monotonicMs } from '../linux/clock.ts';
import { drainEventFd } from '../linux/eventfd.ts';
import { close, EAGAIN, EBADFD, POLLIN, POLLOUT, Poller, read, write, writeTwo } from '../linux/io.ts';
import { LinkEvents } from '../linux/link-events.ts';
import { allocate } from '../linux/memory.ts';
import {
  addMulticastAddress,
  addPromiscuity,
  addUnicastAddress,
  dropPromiscuity,
  FILTER_NOTHING,
  filterForService,
  openPacketSocket,
  setFilter,
} from '../linux/packet-socket.ts';
import { ByteQueue } from '../log/byte-queue.ts';
import { LogWriter } from '../log/log-writer.ts';
import type { ColdConfig } from '../replica/cold-host.ts';
import type { ReplicaEvent } from '../replica/events.ts';
import type { Prove } from '../replica/link-session.ts';
import { type Listening, Replica } from '../replica/replica.ts';
import type { Member, WitnessAnswer } from '../replica/view.ts';
import { NO_CHOICES, NO_NORTH, type PacketPorts, type SouthLimits } from '../south/context.ts';
import { Linger } from '../south/linger.ts';
import { LAN_FRAME_MAX, ReleaseQueue, TUN_HEADROOM } from '../south/release-queue.ts';
import { SouthWrap } from '../south/south-wrap.ts';
import { isIpv4 } from '../wire/ip-address.ts';
import { ALL_NODES, groupMac, solicitedNode } from '../wire/ndp.ts';
import { ChoicesFile } from './choices-file.ts';
import { ColdLog, type ColdLogOptions } from './cold-log.ts';
import type { Endpoint, WitnessConfig } from './config.ts';
import { DataPriority } from './data-priority.ts';
import type { Consume } from './frame-intake.ts';
import { HealthBoard, HealthReading } from './health-board.ts';
import { LinkEncryption } from './link-encryption.ts';
import type { HandshakeAsk, HandshakeNames, HandshakeNews, LinkSide } from './link-handshake.ts';
import { NorthWrap } from './north-wrap.ts';
import { ReplicationLink } from './replication-link.ts';
import { ServerDeath } from './server-death.ts';
import { type DataSnapshot, snapshotOf } from './snapshot.ts';
import { WitnessLink } from './witness-link.ts';

/** What the server's processes share with the daemon: the memory of their north-side wrap, or at level `stream` the file in which they choose. */
export type SharedFile = { readonly northFd: number } | { readonly choicesFd: number };

/** Where the server is to be found. */
export type ServerHandles = SharedFile & {
  readonly tunFd: number;
  /** Process 1 of its enclosure. */
  readonly enclosurePid: number;
  readonly serverPid: number;
};

export interface ColdData {
  readonly log: ColdLogOptions;
  readonly onLogFull: 'unprotect' | 'stall';
}

export interface DataWorkerData {
  readonly board: SharedArrayBuffer;
  readonly key: Uint8Array;
  readonly serviceName: string;
  /** Made from the service's name and address. */
  readonly service: number;
  readonly serviceIp: Uint8Array;
  readonly serviceMac: Uint8Array;
  readonly lanInterface: string;
  /** The server runs already; undefined on a cold host. */
  readonly server: ServerHandles | undefined;
  /** A cold host's log. */
  readonly cold: ColdData | undefined;
  readonly wakeFd: number;
  readonly ownLink: Endpoint;
  readonly peerLink: Endpoint | undefined;
  /** The link is encrypted, and who the certificates are for. */
  readonly encryption: HandshakeNames | undefined;
  readonly self: Member;
  readonly witness: WitnessConfig;
  readonly peerIndex: number | undefined;
  readonly startAsPrimary: boolean;
  readonly timeoutMs: number;
  readonly catchUpTimeoutMs: number;
  readonly onDivergence: 'reset' | 'continue';
  readonly nudge: boolean;
  readonly snoop: 'never' | 'reactive' | 'permanent';
  readonly takeover: 'first' | 'after-recovery';
  readonly recoveryDelayMs: number;
  readonly ackTimeoutMs: number;
  readonly limits: SouthLimits & { readonly logBytes: number; readonly releaseBytes: number };
  readonly realtime: 'auto' | 'off';
}

/** Taken from one descriptor before the others get their turn. */
const BATCH = 64;
const BATCH_BYTES = 512 << 10;
const POLL_TIMERS_MS = 2;
const POLL_IDLE_MS = 20;
const LINK_RETRY_MS = 100;
/** Long enough for the last entries to reach the backup when this host hands over. */
const STOP_DEADLINE_MS = 500;

/** What the main thread is to hear of. */
export interface DataReports {
  readonly event: (event: ReplicaEvent) => void;
  readonly lan: (up: boolean) => void;
  /** Of the link's TLS handshake: work for the main thread. */
  readonly handshake: (ask: HandshakeAsk) => void;
}

export class DataLoop {
  readonly #data: DataWorkerData;
  readonly #reports: DataReports;
  readonly #board: HealthBoard;
  readonly #health = new HealthReading();
  readonly #poller = new Poller(8);
  readonly #lanFd: number;
  readonly #lanIndex: number;
  readonly #lanSlot: number;
  readonly #tunSlot: number;
  readonly #wakeSlot: number;
  readonly #lanEvents: LinkEvents;
  readonly #lanEventsSlot: number;
  readonly #lanFrame = allocate(LAN_FRAME_MAX);
  readonly #link: ReplicationLink;
  readonly #encryption: LinkEncryption | undefined;
  readonly #log: LogWriter;
  readonly #release: ReleaseQueue;
  readonly #coldLog: ColdLog | undefined;
  readonly #hashKey = getRandomValues(new Uint32Array(2));
  #tunFd: number;
  #north: NorthWrap | undefined;
  #isUsed = false;
  #choices: ChoicesFile | undefined;
  readonly #replica: Replica;
  readonly #witness: WitnessLink | undefined;
  readonly #takeAnswer = (answer: WitnessAnswer) => this.#replica.fromWitness(answer, this.#nowMs);
  /** Takes what the link brings. */
  readonly #consume: Consume;
  readonly #priority: DataPriority;
  readonly #pollBarrierMs: number;
  #promiscuous = false;
  #lanBlocked = false;
  #nowMs = monotonicMs();
  #linkRetryAtMs = 0;
  #stopAtMs = Number.POSITIVE_INFINITY;

  constructor(data: DataWorkerData, reports: DataReports) {
    this.#data = data;
    this.#reports = reports;
    this.#board = new HealthBoard(data.board);
    const lan = openPacketSocket({ interface: data.lanInterface, filter: FILTER_NOTHING });
    // The NIC takes the virtual MAC from the start, and the filter decides: to tell it so at a promotion would mean to wait for a
    // lock of the kernel, just when interfaces go down.
    addUnicastAddress(lan.fd, lan.ifindex, data.serviceMac);
    for (const group of isIpv4(data.serviceIp) ? [] : [ALL_NODES, solicitedNode(data.serviceIp)]) {
      addMulticastAddress(lan.fd, lan.ifindex, groupMac(group));
    }
    this.#lanFd = lan.fd;
    this.#lanIndex = lan.ifindex;
    this.#lanSlot = this.#poller.add(lan.fd, POLLIN);
    this.#tunFd = data.server?.tunFd ?? -1;
    this.#tunSlot = this.#poller.add(this.#tunFd, POLLIN);
    this.#wakeSlot = this.#poller.add(data.wakeFd, POLLIN);
    this.#lanEvents = new LinkEvents(lan.ifindex);
    this.#lanEventsSlot = this.#poller.add(this.#lanEvents.fd, POLLIN);
    this.#log = new LogWriter(new ByteQueue(allocate(data.limits.logBytes)));
    this.#release = new ReleaseQueue(allocate(data.limits.releaseBytes));
    const takeFrames: Consume = (bytes, offset, length) => this.#replica.fromLink(bytes, offset, length, this.#nowMs);
    if (data.encryption !== undefined) {
      this.#encryption = new LinkEncryption(this.#log.queue, takeFrames, data.encryption, {
        ask: reports.handshake,
        secured: () => this.#linkSecured(),
        refused: (reason) => this.#replica.linkRefused(reason),
      });
    }
    const take = this.#encryption?.consume ?? takeFrames;
    this.#consume = (bytes, offset, length) => {
      this.#board.linkHeardAtMs = this.#nowMs;
      return take(bytes, offset, length);
    };
    this.#link = new ReplicationLink(this.#poller, data.ownLink, this.#encryption?.wire ?? this.#log.queue);
    this.#coldLog = data.cold === undefined ? undefined : new ColdLog(data.cold.log);
    if (data.witness.kind === 'embedded') {
      this.#witness = new WitnessLink(this.#poller, data.witness.endpoint, data.serviceName, data.key, data.self);
    }
    this.#replica = new Replica(
      {
        ...data,
        witnessed: this.#witness !== undefined,
        cold: this.#coldConfig(data.cold),
      },
      this.#newSouth(data.server),
      this.#log,
      {
        event: reports.event,
        // What became of the connection is told by the turn's own flush.
        flushLink: () => this.#flushLink(),
        closeLink: () => this.#closeLink(),
        listen: (what) => this.#listen(what),
        askWitness: (request) => this.#witness?.ask(request),
        logBegins: () => (this.#north ?? this.#choices)?.logBegins(),
        refusesJoiner: () => (this.#north ?? this.#choices)?.incomplete ?? '',
        lagMs: () => this.#north?.lagMs ?? 0,
      },
      proverFor(data.key),
      this.#nowMs,
    );
    this.#pollBarrierMs = Math.min(POLL_TIMERS_MS, data.timeoutMs / 4);
    this.#priority = new DataPriority(data.realtime === 'auto', this.#nowMs);
  }

  /** Cold: what the retained log led to is kept elsewhere. */
  forgetLog(): void {
    this.#coldLog?.end();
  }

  /** Cold: the server was started. */
  serverStarted(server: ServerHandles): void {
    this.#tunFd = server.tunFd;
    this.#poller.setFd(this.#tunSlot, server.tunFd);
    this.#replica.serverStarted(this.#newSouth(server), this.#nowMs);
  }

  /** Ends the service in good order: hands over or leaves the view; `turn` returns false when that is done. */
  stop(): void {
    this.#replica.stop();
    this.#linkEnded(this.#flushLink());
    this.#stopAtMs = this.#nowMs + STOP_DEADLINE_MS;
  }

  /** The server program has ended by itself: from now on nothing new comes from it. @returns a question for each turn: is this host still needed? */
  linger(timeoutMs: number): () => boolean {
    this.#replica.serverSouth.serverEnded(this.#nowMs);
    const linger = new Linger(timeoutMs, this.#nowMs);
    return () => !linger.isOver(this.#replica.south.connections, this.#nowMs);
  }

  snapshot(): DataSnapshot {
    return snapshotOf(
      this.#replica,
      this.#log,
      this.#coldLog,
      this.#encryption,
      this.#north?.status(this.#nowMs),
      this.#nowMs,
    );
  }

  /** The LAN's carrier is there, or is not. */
  lanIs(up: boolean): void {
    const reallyUp = up && !this.#lanEvents.gone;
    if (reallyUp === this.#board.lanUp) return;
    this.#board.lanUp = reallyUp;
    this.#reports.lan(reallyUp);
  }

  /** From the main thread, about the link's TLS handshake. */
  takeHandshakeNews(news: HandshakeNews): void {
    this.#encryption?.takeNews(news);
  }

  /** One turn. @returns false when the loop has come to its end. */
  turn(): boolean {
    const pollMs = this.#pollMs;
    const { south } = this.#replica;
    this.#poller.setEvents(this.#lanSlot, (this.#replica.canReadLan ? POLLIN : 0) | (this.#lanBlocked ? POLLOUT : 0));
    this.#poller.setEvents(this.#tunSlot, this.#canReadServer ? POLLIN : 0);
    const beforeMs = this.#nowMs;
    const sleepsAtMs = monotonicMs();
    this.#poller.wait(pollMs);
    this.#nowMs = monotonicMs();
    this.#priority.turn(this.#nowMs, this.#nowMs - sleepsAtMs);
    const pausedMs = this.#nowMs - beforeMs - pollMs;
    if (this.#poller.ready(this.#wakeSlot) !== 0) drainEventFd(this.#data.wakeFd);

    const delivered = this.#poller.ready(this.#lanSlot) !== 0 && this.#readLan();
    // What the clients have acknowledged, and how far they let the server go, stands in the log before what it then says.
    south.appendNotes();
    if (delivered || this.#poller.ready(this.#tunSlot) !== 0) this.#readTun();
    this.#linkEnded(this.#flushLink());
    this.#turnLink();
    this.#witness?.receive(this.#takeAnswer);
    if (this.#poller.ready(this.#lanEventsSlot) !== 0) this.#takeLanEvents();
    this.#board.readHealth(this.#health);
    this.#replica.tick(this.#nowMs, pausedMs, this.#health);
    if (this.#north !== undefined) this.#turnNorth(this.#north);
    this.#choices?.turn(this.#replica.role === 'primary' && !this.#replica.serverReplays);
    this.#linkEnded(this.#flushLink());
    this.#lanBlocked = false;
    while (this.#replica.releaseNext(this.#nowMs, monotonicMs() - this.#nowMs));
    this.#board.writeSelf(this.#replica, this.#nowMs);
    return !this.#stopped();
  }

  close(): void {
    this.#link.end();
    this.#coldLog?.close(STOP_DEADLINE_MS);
    this.#witness?.end();
    close(this.#lanFd);
    this.#lanEvents.close();
  }

  /** A pause must not hide in the time that the loop would have slept anyway: while there is a barrier it sleeps briefly. */
  get #pollMs(): number {
    if (this.#replica.isBusy) return 0;
    if (this.#log.active) return this.#pollBarrierMs;
    const { south, serverSouth } = this.#replica;
    return south.hasTimers || serverSouth.hasTimers || this.#replica.pursuit !== undefined
      ? POLL_TIMERS_MS
      : POLL_IDLE_MS;
  }

  #stopped(): boolean {
    if (this.#stopAtMs === Number.POSITIVE_INFINITY) return false;
    return !this.#link.busy || this.#nowMs >= this.#stopAtMs;
  }

  /** The server program was found dead: as if its last packets had shown it. */
  serverKilled(signal: string): void {
    this.#replica.serverSouth.serverKilled(signal);
  }

  #turnLink(): void {
    const { peerLink } = this.#data;
    this.#linkEnded(this.#encryption?.turn(this.#nowMs) ?? '');
    if (this.#link.accept(this.#replica.takesLink)) this.#linkConnected('primary');
    if (
      peerLink !== undefined &&
      !this.#link.busy &&
      this.#nowMs >= this.#linkRetryAtMs &&
      this.#replica.wantsLink(this.#health.peer)
    ) {
      this.#linkRetryAtMs = this.#nowMs + LINK_RETRY_MS;
      this.#link.connect(peerLink);
    }
    if (this.#link.finishConnecting() > 0) this.#linkConnected('joiner');
    if (this.#replica.canReadLink) this.#linkEnded(this.#link.receive(this.#consume));
  }

  #linkConnected(side: LinkSide): void {
    if (this.#encryption === undefined) this.#replica.linkUp(randomBytes(16));
    else this.#encryption.begin(side, this.#nowMs);
  }

  /** The handshake takes a while, in which this host may have found another role. */
  #linkSecured(): void {
    if (this.#replica.takesLink || this.#replica.wantsLink(this.#health.peer)) this.#replica.linkUp(randomBytes(16));
    else this.#closeLink();
  }

  #flushLink(): string {
    return this.#encryption === undefined ? this.#link.flush() : this.#encryption.flush(this.#link);
  }

  #linkEnded(reason: string): void {
    if (reason === '') return;
    const problem = this.#encryption?.problem ?? '';
    // The peer is told too.
    if (problem !== '') this.#link.flush();
    this.#closeLink();
    this.#linkRetryAtMs = this.#nowMs + 10 * LINK_RETRY_MS;
    this.#replica.linkDown(problem || reason);
  }

  #closeLink(): void {
    this.#link.close();
    this.#encryption?.end();
  }

  #takeLanEvents(): void {
    const up = this.#lanEvents.take();
    if (up !== undefined) this.lanIs(up);
  }

  /** Who the server's processes are follows from what this host is. */
  #turnNorth(north: NorthWrap): void {
    const { role } = this.#replica;
    if (role === 'primary' || role === 'backup') {
      const { serverReplays } = this.#replica;
      north.begin(serverReplays);
      if (!serverReplays) north.goLive();
    }
    this.#drainNorth();
    const problem = north.turn(this.#nowMs);
    const divergence = north.news;
    if (divergence !== undefined) this.#reports.event({ event: 'server-diverged', ...divergence, divergences: 1 });
    const program = north.unprotectedNews;
    if (program !== '') this.#reports.event({ event: 'unprotected-program', program });
    if (problem !== '') this.#reports.event({ event: 'log-refused', reason: problem });
    if (divergence !== undefined || problem !== '') this.#replica.serverDiverged(this.#nowMs);
  }

  #drainNorth(): void {
    const { south, serverSouth } = this.#replica;
    // Of a server that nobody hears yet, nobody needs to know what it learns.
    this.#north?.drain(south === serverSouth, south.pristine);
    if (south.pristine || this.#isUsed) return;
    this.#isUsed = true;
    this.#reports.event({ event: 'used' });
  }

  get #canReadServer(): boolean {
    return this.#replica.serverSouth.canReadServer && (this.#north ?? this.#choices)?.canReadServer !== false;
  }

  #readTun(): void {
    const south = this.#replica.serverSouth;
    let bytes = 0;
    for (let i = 0; i < BATCH && bytes < BATCH_BYTES && this.#canReadServer; i++) {
      const offset = this.#release.reserve();
      const length = read(this.#tunFd, this.#release.bytes, offset + TUN_HEADROOM, LAN_FRAME_MAX - TUN_HEADROOM);
      if (length === -EBADFD) this.#tunEnded();
      if (length <= 0) return;
      bytes += length;
      // Rule 2: what its sender may have learnt before it was sent stands in the log before it.
      this.#drainNorth();
      // What is not taken now, the server's kernel sends again.
      if (this.#choices?.drainForPacket() === false) return;
      south.fromTun(offset, length, this.#nowMs);
    }
  }

  /** The enclosure is gone, and its end of the TUN with it. */
  #tunEnded(): void {
    this.#poller.setFd(this.#tunSlot, -1);
  }

  /** @returns whether there were any frames: then the server may have an answer. */
  #readLan(): boolean {
    let bytes = 0;
    for (let i = 0; i < BATCH && bytes < BATCH_BYTES && this.#replica.canReadLan; i++) {
      const length = read(this.#lanFd, this.#lanFrame, 0, LAN_FRAME_MAX);
      if (length <= 0) break;
      bytes += length;
      this.#replica.south.fromLan(this.#lanFrame, length, this.#nowMs);
    }
    return bytes > 0;
  }

  /** Takes the service's frames off the LAN, or stops doing so. */
  #listen(what: Listening): void {
    setFilter(this.#lanFd, what === 'no' ? FILTER_NOTHING : filterForService(this.#data.serviceMac));
    // Who speaks is sent the service's frames. To take it back then would be to wait for a lock of the kernel, for nothing.
    if (what === 'snoop' && !this.#promiscuous) addPromiscuity(this.#lanFd, this.#lanIndex);
    if (what === 'no' && this.#promiscuous) dropPromiscuity(this.#lanFd, this.#lanIndex);
    if (what !== 'speak') this.#promiscuous = what === 'snoop';
  }

  #coldConfig(data: ColdData | undefined): ColdConfig | undefined {
    const retained = this.#coldLog;
    if (data === undefined || retained === undefined) return undefined;
    return { retained, onLogFull: data.onLogFull, replayClosed: data.log.replayClosed };
  }

  /** @param server behind it; undefined: a wrap that retains the log. */
  #newSouth(server: ServerHandles | undefined): SouthWrap {
    const death = server === undefined ? undefined : new ServerDeath(server.enclosurePid, server.serverPid);
    this.#north = this.#newNorth(server);
    this.#choices =
      server !== undefined && 'choicesFd' in server ? new ChoicesFile(server.choicesFd, this.#log) : undefined;
    return new SouthWrap({
      config: { ...this.#data, hashKey: this.#hashKey },
      ports: this.#packetPorts(server?.tunFd),
      log: this.#log,
      release: this.#release,
      north: this.#north ?? NO_NORTH,
      choices: this.#choices ?? NO_CHOICES,
      checksum: (seed, bytes, offset, length) => crc32(bytes.subarray(offset, offset + length), seed),
      serverFate: () => death?.look() ?? { is: 'alive' },
      retains: server === undefined,
      scratch: allocate(LAN_FRAME_MAX),
      reassembled: allocate(LAN_FRAME_MAX),
    });
  }

  #newNorth(server: ServerHandles | undefined): NorthWrap | undefined {
    if (server === undefined || !('northFd' in server)) return undefined;
    const { logBytes } = this.#data.limits;
    return new NorthWrap(server.northFd, server.enclosurePid, this.#log, logBytes / 2);
  }

  #packetPorts(tunFd: number | undefined): PacketPorts {
    const lan: PacketPorts['lan'] = (bytes, offset, length) => {
      if (write(this.#lanFd, bytes, offset, length) !== -EAGAIN) return true;
      this.#lanBlocked = true;
      return false;
    };
    if (tunFd === undefined) return { lan, tun: () => {}, tunApart: () => {} };
    return {
      lan,
      tun: (bytes, offset, length) => {
        write(tunFd, bytes, offset, length);
      },
      tunApart: (head, headLength, payload, offset, length) => {
        writeTwo(tunFd, head, 0, headLength, payload, offset, length);
      },
    };
  }
}

function proverFor(key: Uint8Array): Prove {
  return (label, parts) => {
    const hmac = createHmac('sha256', key).update(`fttcp link ${label}\0`);
    for (const part of parts) hmac.update(part);
    return new Uint8Array(hmac.digest());
  };
}
