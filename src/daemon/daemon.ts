// `fttcp up`: the wiring of one host. The main thread starts the server in its enclosure and the two workers, answers the control
// socket, writes the log, and ends everything in the right order. Packets never come here.
import { randomInt } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Role } from '../detector/heartbeat.ts';
import { FttcpError } from '../errors.ts';
import { openEventFd, signalEventFd } from '../linux/eventfd.ts';
import { GroupMembership } from '../linux/group-membership.ts';
import { close } from '../linux/io.ts';
import { CarrierProbe } from '../linux/link-state.ts';
import { openTun } from '../linux/tun.ts';
import type { ReplicaEvent } from '../replica/events.ts';
import { openRetained, type RetainedContent } from '../retained/open-retained.ts';
import { retainedMemory, startRetainedWorker } from '../retained/retained-log.ts';
import type { LogIdentity } from '../retained/segment-reader.ts';
import { ipFromString, isIpv4 } from '../wire/ip-address.ts';
import { solicitedNode } from '../wire/ndp.ts';
import { BurstLimit } from './burst-limit.ts';
import { createChoicesFile } from './choices-file.ts';
import { compileAhead } from './compile-ahead.ts';
import type { ServiceConfig, TlsConfig } from './config.ts';
import { ControlServer } from './control.ts';
import type { ColdData, DataWorkerData, ServerHandles, SharedFile } from './data-loop.ts';
import type { DataCommand, DataMessage } from './data-worker.ts';
import type { DetectorReady, DetectorWorkerData } from './detector-worker.ts';
import { Enclosure, type EnclosureStatus } from './enclosure.ts';
import type { Overlay } from './enclosure-init.ts';
import { HealthBoard, HealthReading } from './health-board.ts';
import { collectWithoutHelpers } from './helper-threads.ts';
import { InitialState } from './initial-state.ts';
import { certificateExpiry } from './link-credentials.ts';
import { type HandshakeNames, LinkHandshakes } from './link-handshake.ts';
import { createLogger, type Logger } from './logger.ts';
import { northLibrary } from './north-library.ts';
import { createNorthMemory } from './north-memory.ts';
import { isCrash } from './server-death.ts';
import { serviceMac, serviceTag } from './service-identity.ts';
import type { DataSnapshot } from './snapshot.ts';
import type { FailoverStatus, LinkStatus, Status } from './status.ts';
import { VERSION } from './version.ts';
import { witnessStatus } from './witness-status.ts';

/** The data worker hears of the carrier as it changes; this is for what the kernel holds back or loses. */
const LAN_PROBE_MS = 30;
const SERVER_PROBE_MS = 5;
/** A certificate that is valid for less is told of at the start. */
const EXPIRY_WARNING_MS = 30 * 24 * 3600 * 1000;

export interface DaemonOptions {
  /** Starts as the primary without the other replica. */
  readonly asPrimary: boolean;
  /** Goes on from the log that this host retained as a cold backup. */
  readonly replayLog: boolean;
}

/** Resolves when the daemon has ended in good order. */
export async function runDaemon(config: ServiceConfig, options: DaemonOptions): Promise<void> {
  collectWithoutHelpers();
  compileAhead();
  const daemon = new Daemon(config, options);
  await daemon.run();
}

class Daemon {
  readonly #config: ServiceConfig;
  readonly #options: DaemonOptions;
  readonly #log: Logger;
  readonly #board: HealthBoard;
  readonly #state: InitialState;
  readonly #handshakes: LinkHandshakes | undefined;
  readonly #divergences = new BurstLimit<Readonly<Record<string, unknown>>>((facts) =>
    this.#log.warn('diverged', facts),
  );
  readonly #startedAtMs = performance.now();
  readonly #wakeFd = openEventFd();
  #enclosure: Enclosure | undefined;
  #serverRunning = false;
  #detector: Worker | undefined;
  #detectorReady: DetectorReady = { timeoutMs: 0, withoutRealtime: 'there is no peer' };
  #data: Worker | undefined;
  #retaining: Worker | undefined;
  #tunFd = -1;
  /** What the server's processes share with this one. */
  #sharedFd = -1;
  /** The server works on a log of another primary: its changes count when that is over. */
  #replays = false;
  /** A log of an earlier life, for the first of this one. */
  #left: RetainedContent | undefined;
  #lastFailover: FailoverStatus | null = null;
  #suspectedAtMs = Number.NaN;
  /** The others go on without this replica: its server is stopped, and it waits for the operator. */
  #removed = false;
  #failure: FttcpError | undefined;
  #lanWatch: NodeJS.Timeout | undefined;
  readonly #statusWaiters: ((snapshot: DataSnapshot | undefined) => void)[] = [];
  #stopping = false;
  /** Removed before the service had a connection: a fresh server is level with the primary's, so this host begins anew. */
  #rejoining = false;
  #end: (error?: Error) => void = () => {};

  constructor(config: ServiceConfig, options: DaemonOptions) {
    this.#config = config;
    this.#options = options;
    this.#log = createLogger({ base: { service: config.service, self: config.self }, ...config.log });
    this.#board = new HealthBoard();
    const state = config.backup === 'cold' || config.level === 'recorded' ? config.state : [];
    this.#state = new InitialState(state, path.join(config.retained.directory, 'state'), this.#log);
    const names = this.#handshakeNames;
    if (config.tls !== undefined && names !== undefined) {
      this.#handshakes = new LinkHandshakes(config.tls, names, (news) => this.#command({ command: 'handshake', news }));
    }
  }

  async run(): Promise<void> {
    const { peer, control } = this.#config;
    const server = new ControlServer(control, { status: () => this.#status() });
    await server.listen();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop(signal));
    if (peer !== undefined && this.#config.witness.kind === 'none') {
      this.#log.warn('no-witness', {
        note: 'witness: none is safe only while hosts fail by crashing; two hosts that live but cannot hear each other may both speak',
      });
    }
    this.#warnOfLink();
    this.#watchLan();
    const group = this.#joinGroup();
    try {
      const isFolded = await this.#state.settle();
      this.#state.check();
      if (this.#options.replayLog) this.#left = this.#openLog(isFolded);
      if (peer === undefined) this.#standAlone();
      else await this.#startDetector();
      while (!this.#stopping) {
        this.#rejoining = false;
        await this.#runReplica();
        await this.#state.settle();
        if (!this.#rejoining) break;
      }
      this.#divergences.end();
      this.#log.info('down');
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      clearInterval(this.#lanWatch);
      this.#board.askToStop();
      await this.#detector?.terminate();
      this.#handshakes?.end();
      group?.close();
      await server.close();
      close(this.#wakeFd);
    }
  }

  /** One life of the replica: server and data worker, until it is stopped or is to begin anew. */
  async #runReplica(): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error));
    });
    try {
      const isCold = this.#config.backup === 'cold';
      this.#replays = false;
      this.#startData(isCold ? undefined : await this.#startServer(), isCold ? this.#startRetaining() : undefined);
      this.#log.info('up', { address: this.#config.address.ip, pid: process.pid, version: VERSION });
      await ended;
    } finally {
      await this.#enclosure?.stop(this.#config.server.stopTimeoutMs);
      await this.#data?.terminate();
      await this.#retaining?.terminate();
      this.#data = this.#retaining = this.#enclosure = undefined;
      for (const fd of [this.#tunFd, this.#sharedFd]) if (fd >= 0) close(fd);
      this.#tunFd = this.#sharedFd = -1;
    }
  }

  async #startServer(): Promise<ServerHandles> {
    const tun = openTun();
    this.#tunFd = tun.fd;
    const isRecorded = this.#config.level === 'recorded';
    // A recorded one finds the same file system on both hosts, whatever becomes of them; and a new one in its place, what it found.
    const overlays = isRecorded || this.#replays ? this.#state.prepare() : [];
    this.#sharedFd = isRecorded ? createNorthMemory() : createChoicesFile();
    const shared = isRecorded ? { northFd: this.#sharedFd } : { choicesFd: this.#sharedFd };
    const enclosure = await this.#startEnclosure(tun.name, overlays, shared);
    return { tunFd: tun.fd, enclosurePid: enclosure.initPid, serverPid: enclosure.serverPid, ...shared };
  }

  /** A cold host speaks now, and its log is to go through the server. */
  #startColdServer(replay: boolean): void {
    this.#replays = replay;
    this.#startServer()
      .then(async (server) => {
        // A server that is not ready yet would refuse those whom its predecessor would have served. A recorded one waits for the replay.
        if (replay && this.#config.level === 'stream') await this.#serverReady();
        if (this.#serverRunning) this.#command({ command: 'server-started', server });
      })
      .catch((error: Error) => this.#end(error));
  }

  /** It has opened the socket of a service, has ended, or has had its time. */
  async #serverReady(): Promise<void> {
    const enclosure = this.#enclosure;
    const untilMs = performance.now() + this.#config.server.catchUpTimeoutMs;
    while (this.#serverRunning && this.#enclosure === enclosure && performance.now() < untilMs) {
      if (enclosure?.isServing !== false) return;
      await new Promise((resolve) => setTimeout(resolve, SERVER_PROBE_MS));
    }
  }

  /** The thread that brings a cold host's log to its disk. */
  #startRetaining(): ColdData {
    const { retained } = this.#config;
    const { directory, segmentBytes, sync, replayClosed, onLogFull } = retained;
    const memory = retainedMemory(retained.memoryBytes);
    const identity = this.#logIdentity;
    const left = this.#left;
    this.#left = undefined;
    this.#retaining = startRetainedWorker({
      ...identity,
      ...{ memory, directory, sync, mostBytes: retained.bytes, wakeFd: this.#wakeFd },
    });
    this.#watchWorker(this.#retaining, 'retained');
    return { log: { ...identity, memory, directory, segmentBytes, sync, replayClosed, left }, onLogFull };
  }

  get #logIdentity(): LogIdentity {
    return { key: this.#config.key, serviceTag: serviceTag(this.#config) };
  }

  /**
   * The log that this host retained as a cold backup in an earlier life.
   * @param isFolded it was replayed, and the state is that to which it led.
   * @throws FttcpError `no-retained-log`, `retained-log-damaged`
   */
  #openLog(isFolded: boolean): RetainedContent {
    const { directory } = this.#config.retained;
    const content = openRetained(directory, this.#logIdentity);
    const { segments, bytes, epoch, cutBytes, problem } = content;
    this.#log.info('retained-log-found', { directory, segments, bytes, epoch, cutBytes, problem });
    if (problem !== '') {
      const advice = 'restore the service from its own backups, and start without --replay-log';
      throw new FttcpError('retained-log-damaged', `the retained log cannot be replayed: ${problem}; ${advice}`);
    }
    if (content.fromPosition > 0 && this.#config.retained.replayClosed) {
      throw new FttcpError('retained-log-damaged', `the beginning of the retained log in ${directory} is missing`);
    }
    if (isFolded || content.toPosition === 0) {
      const why = isFolded ? 'it was replayed already, and its outcome is kept' : `there is none in ${directory}`;
      throw new FttcpError('no-retained-log', `no retained log to replay: ${why}; start without --replay-log`);
    }
    return content;
  }

  async #startEnclosure(tunName: string, overlays: readonly Overlay[], shared: SharedFile): Promise<Enclosure> {
    const { server, address, lan, service } = this.#config;
    const { ip } = address;
    const enclosure = await Enclosure.start({
      command: server.command,
      tunName,
      address: ip,
      prefix: ip.includes(':') ? 128 : 32,
      mtu: lan.mtu,
      ...(server.user === undefined ? {} : { user: server.user }),
      ...(server.directory === undefined ? {} : { directory: server.directory }),
      overlays,
      environment: server.environment,
      hostName: service,
      ...('northFd' in shared ? { north: { fd: shared.northFd, library: northLibrary() } } : shared),
      ...(server.log === undefined
        ? { onOutput: (line: string) => this.#log.info('server-output', { line }) }
        : { logFile: server.log }),
      onExit: (status) => this.#serverExited(status),
    });
    this.#enclosure = enclosure;
    this.#serverRunning = true;
    for (const overlay of enclosure.uncovered) this.#state.giveUp(overlay);
    for (const warning of enclosure.warnings) this.#log.warn('enclosure-warning', { warning });
    this.#log.info('server-started', { pid: enclosure.initPid });
    return enclosure;
  }

  #serverExited({ code, signal }: EnclosureStatus): void {
    this.#serverRunning = false;
    if (this.#stopping || this.#rejoining || this.#removed) return;
    this.#log.error('server-exited', { code, signal });
    this.#failure = new FttcpError(
      'server-exited',
      `the server program ended by itself (${signal ?? `exit code ${code}`})`,
    );
    // After a crash the kernel closes connections in the middle of what they had to say: the other replica says it better.
    if (isCrash(signal)) this.#command({ command: 'server-killed', signal });
    else this.#command({ command: 'linger', timeoutMs: this.#config.server.lingerTimeoutMs });
  }

  /** Whether all of the program is gone or one of its processes is the same to the clients. */
  #serverKilled(signal: string, alone: boolean): void {
    this.#failure ??= new FttcpError('server-killed', `a process of the server program was killed by ${signal}`);
    if (alone) this.#command({ command: 'linger', timeoutMs: this.#config.server.lingerTimeoutMs });
    else this.#stop('server-killed');
  }

  /**
   * The kernel tells the data worker at once of a carrier that changes, but the second change on the host within a second up to a
   * second late. To ask makes it tell. Here and not in the workers: the question takes a lock of the kernel that anyone who changes
   * interfaces may hold for long.
   */
  #watchLan(): void {
    const probe = new CarrierProbe(this.#config.lan.interface);
    const up = probe.up();
    this.#board.lanUp = up;
    if (!up) this.#lanChanged(up);
    this.#lanWatch = setInterval(() => this.#compareLan(probe), LAN_PROBE_MS);
  }

  #compareLan(probe: CarrierProbe): void {
    const known = this.#board.lanUp;
    const up = probe.up();
    if (up !== known && this.#board.lanUp === known) this.#command({ command: 'lan', up });
  }

  #lanChanged(up: boolean): void {
    this.#log.warn(up ? 'lan-up' : 'lan-down', { interface: this.#config.lan.interface });
  }

  /** So that switches which snoop on MLD send neighbour solicitations for the service to this host too. */
  #joinGroup(): GroupMembership | undefined {
    const serviceIp = ipFromString(this.#config.address.ip);
    if (serviceIp === undefined || isIpv4(serviceIp)) return undefined;
    try {
      return new GroupMembership(this.#config.lan.interface, solicitedNode(serviceIp));
    } catch (error) {
      this.#log.warn('no-multicast-group', {
        error,
        note: 'a switch that snoops on MLD will not send neighbour solicitations here; is IPv6 disabled on the interface?',
      });
      return undefined;
    }
  }

  #warnOfLink(): void {
    const { level, tls, peer } = this.#config;
    if (level === 'recorded' && tls === undefined && peer !== undefined) {
      this.#log.warn('link-not-encrypted', {
        note: 'insecure: true, so whoever reads the link learns the random numbers of which the server makes its keys',
      });
    }
    const expiry = tls && certificateExpiry(tls.certificate);
    if (expiry === undefined || expiry.getTime() - Date.now() > EXPIRY_WARNING_MS) return;
    this.#log.warn('certificate-expires', {
      at: expiry.toISOString(),
      note: 'then no backup can join: fttcp keygen --renew makes another one',
    });
  }

  /** Whom the certificates of an encrypted link are for. */
  get #handshakeNames(): HandshakeNames | undefined {
    const { service, self, peer, tls } = this.#config;
    return tls === undefined || peer === undefined ? undefined : { service, self, peer: peer.name };
  }

  #standAlone(): void {
    this.#log.warn('no-peer', { note: 'only one replica is configured: nothing survives a crash of this host' });
  }

  async #startDetector(): Promise<void> {
    const { replicas, selfIndex, peer, detect, key, realtime, lan } = this.#config;
    const lanAddresses = (networkInterfaces()[lan.interface] ?? []).map(({ address }) => address);
    const data: DetectorWorkerData = {
      board: this.#board.memory,
      key,
      service: serviceTag(this.#config),
      selfIndex,
      own: replicas[selfIndex]?.heartbeat ?? [],
      peer: peer?.heartbeat ?? [],
      overLan: (replicas[selfIndex]?.heartbeat ?? []).map(({ host }) => lanAddresses.includes(host)),
      intervalMs: detect.intervalMs,
      timeoutMs: detect.timeoutMs,
      removeTimeoutMs: detect.removeTimeoutMs,
      stallTimeoutMs: detect.stallTimeoutMs,
      realtime,
      wakeFd: this.#wakeFd,
      boot: randomInt(1, 2 ** 32),
    };
    this.#detector = this.#worker('detector', data);
    this.#detectorReady = await new Promise<DetectorReady>((resolve, reject) => {
      this.#detector?.once('message', resolve);
      this.#detector?.once('error', reject);
    });
    const { timeoutMs, withoutRealtime } = this.#detectorReady;
    if (withoutRealtime === '') this.#log.info('detector', { timeoutMs, realtime: true });
    else this.#log.warn('detector', { timeoutMs, realtime: false, reason: withoutRealtime });
  }

  #startData(server: ServerHandles | undefined, cold: ColdData | undefined): void {
    const config = this.#config;
    const serviceIp = ipFromString(config.address.ip);
    const own = config.replicas[config.selfIndex];
    if (serviceIp === undefined || own === undefined)
      throw new FttcpError('config-invalid', 'no such address or replica');
    const peerIndex = config.peer === undefined ? undefined : config.replicas.indexOf(config.peer);
    const data: DataWorkerData = {
      board: this.#board.memory,
      key: config.key,
      serviceName: config.service,
      service: serviceTag(config),
      serviceIp,
      serviceMac: serviceMac(config),
      lanInterface: config.lan.interface,
      server,
      cold,
      wakeFd: this.#wakeFd,
      ownLink: own.link,
      peerLink: config.peer?.link,
      encryption: this.#handshakeNames,
      self: { index: config.selfIndex, life: randomInt(2 ** 32) },
      witness: config.witness,
      peerIndex,
      startAsPrimary: this.#options.asPrimary,
      timeoutMs: this.#detectorReady.timeoutMs,
      catchUpTimeoutMs: config.server.catchUpTimeoutMs,
      onDivergence: config.onDivergence,
      nudge: config.nudge === 'auto',
      snoop: config.snoop,
      takeover: config.takeover,
      recoveryDelayMs: config.recoveryDelayMs,
      ackTimeoutMs: config.detect.ackTimeoutMs,
      limits: { ...config.limits, snoopBytes: config.snoop === 'never' ? 0 : config.limits.snoopBytes },
      realtime: config.realtime,
    };
    this.#data = this.#worker('data', data);
    this.#data.on('message', (message: DataMessage) => this.#fromData(message));
    this.#data.on('exit', () => {
      // Who asks from now on, while the server is being stopped, would wait for an answer of nobody.
      this.#data = undefined;
      for (const resolve of this.#statusWaiters.splice(0)) resolve(undefined);
      this.#end();
    });
  }

  #worker(name: 'detector' | 'data', workerData: unknown): Worker {
    const worker = new Worker(new URL(`./${name}-worker.js`, import.meta.url), { workerData, name });
    this.#watchWorker(worker, name);
    return worker;
  }

  #watchWorker(worker: Worker, name: string): void {
    worker.on('error', (error) => {
      this.#log.error('worker-failed', { worker: name, error });
      this.#end(error);
    });
  }

  #fromData(message: DataMessage): void {
    if (message.message === 'event') this.#report(message.event, message.atMs);
    // A replica without its server protects nothing: the other one goes on, and whoever supervises this daemon starts it again.
    else if (message.message === 'lingered') this.#stop('server-exited');
    else if (message.message === 'lan') this.#lanChanged(message.up);
    else if (message.message === 'handshake') this.#handshakes?.take(message.ask);
    else if (message.message === 'status') this.#statusWaiters.shift()?.(message.snapshot);
  }

  #report(told: ReplicaEvent, atMs: number): void {
    const { event, ...facts } = told;
    if (event === 'diverged') {
      this.#divergences.take({ ...facts, atMs });
      return;
    }
    if (told.event === 'server-wanted') {
      this.#startColdServer(told.replay);
      return;
    }
    const grave =
      event === 'suspected' ||
      event === 'server-killed' ||
      event === 'removed' ||
      event === 'link-lost' ||
      event === 'refused' ||
      event === 'log-refused' ||
      event === 'server-diverged' ||
      event === 'unprotected-program' ||
      event === 'address-conflict' ||
      event === 'witness-lost' ||
      event === 'replay-failed' ||
      (told.event === 'retained-log' && told.problem !== '') ||
      event === 'witness-problem';
    this.#log[grave ? 'warn' : 'info'](event, { ...facts, atMs });
    if (event === 'suspected') this.#suspectedAtMs = atMs;
    if (told.event === 'promoted') {
      this.#lastFailover = {
        atIso: new Date(atMs).toISOString(),
        epoch: told.epoch,
        reason: told.reason,
        detectedAfterSilenceMs: told.silenceMs,
        promotionMs: Number.isNaN(this.#suspectedAtMs) ? 0 : atMs - this.#suspectedAtMs,
        connections: told.connections,
      };
    }
    if (told.event === 'used' && !this.#replays) void this.#state.keep();
    if (told.event === 'recovered') {
      this.#replays = false;
      void this.#state.keep().then((isKept) => {
        if (isKept && this.#config.backup === 'cold') this.#command({ command: 'forget-log' });
      });
    }
    if (told.event === 'server-killed') this.#serverKilled(told.signal, told.alone);
    if (told.event === 'replay-failed') {
      this.#failure = new FttcpError('replay-failed', `the log cannot be replayed: ${told.problem}`);
      this.#stop('replay-failed');
    }
    if (told.event !== 'removed') return;
    if (told.pristine && !this.#stopping && this.#failure === undefined) {
      this.#rejoining = true;
      this.#command({ command: 'stop' });
    } else {
      this.#removed = true;
      void this.#enclosure?.stop(this.#config.server.stopTimeoutMs);
    }
  }

  /** The packet path closes before the server is stopped: the data worker hands over and ends, then `run` ends the rest. */
  #stop(reason: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.info('stopping', { reason });
    if (this.#data === undefined) this.#end();
    else this.#command({ command: 'stop' });
  }

  #command(command: DataCommand): void {
    this.#data?.postMessage(command);
    signalEventFd(this.#wakeFd);
  }

  async #status(): Promise<Status> {
    const config = this.#config;
    const data = await this.#snapshot();
    const health = new HealthReading();
    this.#board.readHealth(health);
    const { peer } = health;
    const peerName = config.peer?.name;
    const role = data?.role ?? 'starting';
    const isPrimary = role === 'primary';
    const linked = data?.linked ?? false;
    const protects = data?.protects ?? false;
    const connections = data?.connections ?? [];
    const serverMissing = !this.#serverRunning && !(config.backup === 'cold' && role !== 'primary');
    const reason = protectionReason(role, { linked, protects }, data?.refusal ?? '', peerName, serverMissing);
    const { gaps } = this.#board;
    return {
      service: config.service,
      self: config.self,
      role,
      epoch: data?.epoch ?? 0,
      view: {
        epoch: data?.epoch ?? 0,
        primary: isPrimary ? config.self : (peerName ?? config.self),
        backups: (isPrimary ? protects : linked) && peerName !== undefined ? [isPrimary ? peerName : config.self] : [],
      },
      witness: witnessStatus(config, data?.witness),
      backup: config.backup,
      retained: data?.retained ?? null,
      recovery: data?.recovery ?? null,
      level: protects && (data?.log.oldestUnackedMs ?? 0) < config.detect.ackTimeoutMs,
      protected: { connections: protects ? connections.length : 0, ...(reason === '' ? {} : { reason }) },
      peer:
        peerName === undefined
          ? null
          : {
              name: peerName,
              heard: peer.heard && !peer.silent,
              lastHeardMs: peer.heard ? peer.silentMs : null,
              role: peer.heard ? peer.role : null,
              epoch: peer.heard ? peer.epoch : null,
              lanUp: peer.heard ? peer.lanUp : null,
            },
      lan: { interface: config.lan.interface, up: health.lanUp },
      link: peerName === undefined ? null : linkStatus(config.tls),
      server: {
        pid: this.#serverRunning ? (this.#enclosure?.initPid ?? null) : null,
        running: this.#serverRunning,
        listening: this.#serverRunning ? (this.#enclosure?.listeningPorts() ?? []) : [],
        restarts: 0,
      },
      memory: { keptBytes: 0, unfedBytes: 0, ...data?.memory, mostBytes: config.limits.totalBytes },
      north: data?.north ?? null,
      log: data?.log ?? { position: 0, acknowledged: 0, lagBytes: 0, oldestUnackedMs: 0 },
      connections,
      counters: data?.counters ?? {},
      lastFailover: this.#lastFailover,
      detector: {
        timeoutMs: this.#detectorReady.timeoutMs,
        intervalMs: config.detect.intervalMs,
        realtime: this.#detectorReady.withoutRealtime === '',
        maxGapMs: gaps.longestMs,
        p99GapMs: gaps.p99Ms,
        suspicions: gaps.suspicions,
        observedMs: gaps.observedMs,
        falsePerHour: gaps.count === 0 ? [] : gaps.falsePerHour,
        advisedTimeoutMs: Number.isFinite(gaps.advisedTimeoutMs) ? gaps.advisedTimeoutMs : null,
      },
      uptimeMs: performance.now() - this.#startedAtMs,
      pid: process.pid,
      version: VERSION,
    };
  }

  #snapshot(): Promise<DataSnapshot | undefined> {
    if (this.#data === undefined || this.#stopping) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#statusWaiters.push(resolve);
      this.#command({ command: 'status' });
    });
  }
}

function linkStatus(tls: TlsConfig | undefined): LinkStatus {
  const expiry = tls && certificateExpiry(tls.certificate);
  return { encrypted: tls !== undefined, certificateExpiresIso: expiry?.toISOString() ?? null };
}

/** Why a crash of this host would not be survived; '' when it would. */
function protectionReason(
  role: Role,
  { linked, protects }: { linked: boolean; protects: boolean },
  refusal: string,
  peerName: string | undefined,
  serverMissing: boolean,
): string {
  if (peerName === undefined) return 'only one replica is configured';
  if (role === 'removed') return 'this replica was removed from the view: restart both at a quiet moment';
  if (serverMissing) return 'the server program is not running';
  if (refusal !== '') return `not admitted by ${peerName}: ${refusal}`;
  if (protects) return '';
  if (linked) return 'the witness has not taken the backup into the view yet';
  return `${peerName} is not in the view`;
}
