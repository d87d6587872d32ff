/**
 * A pair of hosts, their LAN, their link and their clients in virtual time, without I/O: one seed decides everything. The replicas
 * are real, all but the failure detector, whose word the world gives. Read host.ts, model-tcp.ts and checkers.ts beside it.
 */
import { equal, fail, ok } from 'node:assert/strict';
import type { FrameView } from '../src/log/frame.ts';
import { type Health, NO_PEER, type PeerHealth } from '../src/replica/health.ts';
import type { RecoveryConfig } from '../src/replica/replica.ts';
import type { WitnessAnswer } from '../src/replica/view.ts';
import type { SouthLimits } from '../src/south/context.ts';
import { isMulticast, macToString } from '../src/wire/ethernet.ts';
import { SYN } from '../src/wire/tcp.ts';
import { VIRTIO_HEADER } from '../src/wire/virtio.ts';
import { CommitChecker, ContinuityChecker, MemoryChecker, ReceiptChecker } from './checkers.ts';
import { type ColdOptions, Host, RECOVERY } from './host.ts';
import { LinkEnd } from './link.ts';
import { ModelClient, type Script } from './model-client.ts';
import type { ModelRetained } from './model-retained.ts';
import { type App, echo, type ServerOptions } from './model-server.ts';
import type { TcpOptions } from './model-tcp.ts';
import { ModelWitness } from './model-witness.ts';
import { FRAME_IP, type Heard, ip, isSound, mac, readLan } from './packets.ts';
import { Random } from './random.ts';

export const SERVICE_IP = ip('10.0.0.100');
export const SERVICE_IP6 = ip('2001:db8::100');
export const SERVICE_MAC = mac('02:00:00:00:01:00');
export const SERVICE_PORT = 7000;

const NOTHING_MS = 60_000;

export interface Fate {
  readonly loss: number;
  readonly duplicate: number;
  /** Share of frames that are late, and by how much at most. */
  readonly late: number;
  readonly lateMs: number;
  /** Share of frames in which a byte is damaged. */
  readonly damage: number;
}

export const CALM: Fate = { loss: 0, duplicate: 0, late: 0, lateMs: 0, damage: 0 };
export const ROUGH: Fate = { ...CALM, loss: 0.05, duplicate: 0.03, late: 0.1, lateMs: 5 };

export interface WorldOptions {
  readonly seed: number;
  readonly lan?: Fate;
  readonly tunLoss?: number;
  /** How far servers are behind in a recording, all along. */
  readonly lagMs?: number;
  readonly app?: App;
  readonly tcp?: Partial<TcpOptions>;
  /** What one host's server does otherwise. */
  readonly servers?: readonly [Partial<ServerOptions>, Partial<ServerOptions>];
  readonly limits?: Partial<SouthLimits>;
  readonly timeoutMs?: number;
  readonly ackTimeoutMs?: number;
  readonly onDivergence?: 'reset' | 'continue';
  readonly linkMs?: number;
  /** There is a witness; otherwise hosts are assumed only to crash. */
  readonly witnessed?: boolean;
  readonly ipv6?: boolean;
  /** New primaries nudge clients; true by default. */
  readonly nudge?: boolean;
  /** As in a service's configuration. */
  readonly recovery?: Partial<RecoveryConfig>;
  /** Backups are cold; hot if it is left out. */
  readonly cold?: ColdOptions;
  /** Step of the first host at which it loses its power. */
  readonly crashAtStep?: number;
  readonly keys?: readonly [string, string];
  /** Initial sequence number of clients for which a test names none. */
  readonly clientIss?: number;
  /** Called at each step of any host since the two are a pair: something may be done to the world there. */
  readonly atStep?: (world: World) => void;
  readonly onlooker?: Onlooker;
}

/** What an onlooker is shown of the world. */
export interface Onlooker {
  /** A frame goes on the LAN; `fate` is what becomes of it, '' where it simply arrives. */
  frame(world: World, from: string, bytes: Uint8Array, fate: string): void;
  /** Something else has happened. */
  event(world: World, what: string): void;
}

interface Flying {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly damaged: boolean;
  /** The host that has sent it, and does not hear it; −1: a client. */
  readonly from: number;
}

const LIMITS: SouthLimits = {
  connections: 64,
  halfOpen: 16,
  connectionBytes: 256 << 10,
  totalBytes: 4 << 20,
  snoopBytes: 1 << 20,
};

const TCP: TcpOptions = {
  mss: 1460,
  windowScale: 7,
  sackPermitted: true,
  ecn: false,
  timestamps: true,
  bufferBytes: 65_536,
  memoryBytes: Number.POSITIVE_INFINITY,
  tsOffset: 0,
  bulkSegments: 1,
  flightSegments: 10,
};

export class World {
  readonly options: WorldOptions;
  readonly random: Random;
  readonly hosts: [Host, Host];
  readonly clients: ModelClient[] = [];
  readonly serviceIp: Uint8Array;
  readonly commit = new CommitChecker();
  readonly continuity: ContinuityChecker;
  readonly receipt = new ReceiptChecker();
  readonly memory: MemoryChecker;
  readonly witness: ModelWitness;
  /** Frames that the service has sent, as heard on the wire. */
  readonly heard: { readonly host: number; readonly atMs: number; readonly frame: Heard }[] = [];
  nowMs = 1000.5;
  lan: Fate;
  tunLoss = 0;
  lagMs = 0;
  /** Steps that the first host has made since the two are a pair. */
  steps = 0;
  /** Steps that all hosts have made since then. */
  allSteps = 0;
  /** Frames on their way over the LAN. */
  readonly #flying: Flying[] = [];
  readonly #peers: [PeerHealth, PeerHealth] = [NO_PEER, NO_PEER];
  /** Turns in the midst of which a host stands still. */
  readonly #halted = new Map<Host, Generator<void>>();
  /** Hosts that have no LAN. */
  readonly lanDown = new Set<number>();
  /** Hosts whose LAN carries nothing although its carrier is there. */
  readonly lanDead = new Set<number>();
  /** Frames that the LAN is made to lose, whatever its fate is otherwise. */
  lanDrops: (frame: Heard) => boolean = () => false;
  #paired = false;
  #clientsMade = 0;
  /** Frames came from elsewhere than from the clients, or in pieces: what hosts have received does not follow from what clients say. */
  #opaque = false;
  #partitionedSince = Number.POSITIVE_INFINITY;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = new Random(options.seed);
    this.serviceIp = options.ipv6 === true ? SERVICE_IP6 : SERVICE_IP;
    this.lan = CALM;
    this.witness = new ModelWitness(this.random);
    this.continuity = new ContinuityChecker(
      options.servers?.some((server) => server.memoryBytes !== undefined) ?? false,
    );
    this.memory = new MemoryChecker({ ...LIMITS, ...options.limits });
    this.hosts = [this.#newHost(0, 1), this.#newHost(1, 2)];
  }

  get #timeoutMs(): number {
    return this.options.timeoutMs ?? 5;
  }

  get primary(): Host {
    return this.hosts[0];
  }

  get backup(): Host {
    return this.hosts[1];
  }

  /** Runs until the second host is the backup of the first. */
  pair(): this {
    this.run(() => this.primary.replica.protects && this.backup.replica.linked);
    this.lan = this.options.lan ?? CALM;
    this.tunLoss = this.options.tunLoss ?? 0;
    this.lagMs = this.options.lagMs ?? 0;
    this.#paired = true;
    return this;
  }

  addClient(script: Partial<Script>, changes: Partial<TcpOptions> & { port?: number; iss?: number } = {}): ModelClient {
    const number = ++this.#clientsMade;
    const {
      port = 40_000 + number,
      iss = this.options.clientIss ?? this.random.between(0, 2 ** 32 - 1),
      ...tcp
    } = changes;
    const client = new ModelClient(
      {
        name: `client ${number}`,
        ip: this.options.ipv6 === true ? ip(`2001:db8::${number}`) : ip('10.0.0.1'),
        mac: mac('02:00:00:00:00:01'),
        port,
        servicePort: SERVICE_PORT,
        iss,
        tcp: { ...TCP, ...this.options.tcp, tsOffset: this.random.between(0, 2 ** 32 - 1), ...tcp },
        script: { sends: new Uint8Array(0), expects: new Uint8Array(0), closesFirst: true, ...script },
      },
      this.serviceIp,
    );
    const before = this.clients.findIndex(
      ({ options }) => options.port === port && options.ip.join() === client.options.ip.join(),
    );
    // A client whose port is used again has forgotten what it was used for before.
    if (before >= 0) this.clients.splice(before, 1);
    this.clients.push(client);
    client.start(this.nowMs);
    this.#collect(client);
    return client;
  }

  /** Runs until `done`, which must come true in time. */
  run(done: () => boolean, forMs = NOTHING_MS): this {
    const deadline = this.nowMs + forMs;
    while (!done()) {
      if (this.nowMs >= deadline) fail(`what is waited for has not come within ${forMs} ms: ${this.situation()}`);
      this.advance();
    }
    return this;
  }

  runFor(ms: number): this {
    const end = this.nowMs + ms;
    while (this.nowMs < end) this.advance(end);
    return this;
  }

  /** Runs until every client has what it expects, and checks that it does. */
  finish(): this {
    this.run(() => this.clients.every((client) => client.isContent || client.tcp.state === 'reset'));
    for (const client of this.clients) {
      client.check();
      ok(client.isContent);
      if (client.options.script.abortsAfter === undefined) {
        equal(client.tcp.received.length, client.options.script.expects.length, `${client.options.name} has it all`);
      }
    }
    return this;
  }

  /** Power-off: everything of the host is gone at once. */
  crash(host: Host): void {
    if (!host.alive) return;
    host.alive = false;
    host.quietSince = Math.min(host.quietSince, this.nowMs);
    this.#halted.delete(host);
    this.#other(host).link.cutShort();
  }

  /** A host without power starts again. Its server is another one, and so is it: it has forgotten all, but the log on its disk. */
  powerOn(index: number, left?: ModelRetained): void {
    const before = this.hosts[index];
    if (before === undefined || before.alive) return;
    const host = this.#newHost(index, before.life + 2, left);
    this.hosts[index] = host;
    if (left !== undefined) this.receipt.outlived(before, host);
    this.#peers[index] = NO_PEER;
    const peer = this.#other(host);
    if (peer.link.connected) peer.link.end('the peer knows of no connection', this.nowMs);
  }

  /** All threads of the host stand still, as by SIGSTOP. */
  pause(host: Host, ms: number): void {
    host.pausedUntil = Math.max(host.pausedUntil, this.nowMs + ms);
    host.quietSince = Math.min(host.quietSince, this.nowMs);
  }

  /** The data loop of the host stands still; its other threads go on, and say so. */
  stall(host: Host, ms: number): void {
    host.pausedUntil = Math.max(host.pausedUntil, this.nowMs + ms);
    host.stalledSince = Math.min(host.stalledSince, this.nowMs);
  }

  /** The connection of the link is lost; it can be made again. */
  cutLink(): void {
    for (const host of this.hosts) if (host.link.connected) host.link.end('the cable is out', this.nowMs);
  }

  /** Neither link nor heartbeats pass between the hosts. What the link was given is kept, and passes afterwards. */
  get partitioned(): boolean {
    return this.#partitionedSince < Number.POSITIVE_INFINITY;
  }

  set partitioned(partitioned: boolean) {
    if (partitioned === this.partitioned) return;
    this.#partitionedSince = partitioned ? this.nowMs : Number.POSITIVE_INFINITY;
    for (const host of this.hosts) {
      host.link.blocked = partitioned;
      const { link } = this.#other(host);
      if (!partitioned && host.link.connected && !link.connected) host.link.end('the peer closed the link', this.nowMs);
    }
  }

  /** The client's program looks at its connection, unasked. */
  turnClient(client: ModelClient): void {
    client.turn(this.nowMs);
    this.#collect(client);
  }

  /** Puts a frame on the LAN as it is. */
  sendToService(bytes: Uint8Array): void {
    this.#opaque = true;
    for (const { server } of this.hosts) server.checksEchoes = false;
    this.#flying.push({ at: this.nowMs + 0.1, bytes, damaged: !isSound(bytes), from: -1 });
  }

  /** What `host` has been told of its peer, and of its LAN. */
  #health(host: Host): Health {
    const peer = this.#other(host);
    const quietMs = Math.max(0, this.nowMs - this.#quietSince(peer));
    const timeoutMs = this.#timeoutMs;
    const known = this.#peers[host.index] ?? NO_PEER;
    if (quietMs === 0 && peer.alive) {
      const { role, epoch, proposal, life, witnessLost } = peer.replica;
      const lanUp = !this.lanDown.has(peer.index);
      this.#peers[host.index] = {
        ...known,
        heard: true,
        silent: false,
        lost: false,
        silentMs: 0,
        life,
        role,
        epoch,
        proposal,
        lanUp,
        stuck: this.nowMs - peer.stalledSince > 2 * timeoutMs,
        lanWorks: this.lanDead.size === 0,
        witnessLost,
      };
    } else {
      const silent = quietMs > timeoutMs;
      this.#peers[host.index] = { ...known, silent, lost: quietMs > 4 * timeoutMs, silentMs: quietMs };
    }
    return { peer: this.#peers[host.index] ?? NO_PEER, lanUp: !this.lanDown.has(host.index) };
  }

  #quietSince(host: Host): number {
    return Math.min(host.quietSince, this.#partitionedSince);
  }

  /** To the next moment at which anything happens. */
  advance(notBeyond = Number.POSITIVE_INFINITY): void {
    let next = Math.min(
      notBeyond,
      this.witness.nextAt,
      ...this.#flying.map(({ at }) => at),
      ...this.clients.map((client) => client.tcp.nextTimerAt),
    );
    for (const host of this.hosts) {
      if (host.alive) next = Math.min(next, this.#turnAt(host));
    }
    this.nowMs = Math.max(this.nowMs, next);
    for (const frame of this.#flying.filter(({ at }) => at <= this.nowMs)) {
      this.#flying.splice(this.#flying.indexOf(frame), 1);
      this.#arrive(frame);
    }
    this.witness.turn(this.nowMs, (host, answer) => this.#fromWitness(host, answer));
    for (const client of this.clients) {
      if (client.tcp.nextTimerAt > this.nowMs) continue;
      client.turn(this.nowMs);
      this.#collect(client);
    }
    for (const host of this.hosts) {
      if (host.alive && this.#turnAt(host) <= this.nowMs) this.#turn(host);
    }
  }

  #fromWitness(index: number, answer: WitnessAnswer): void {
    this.hosts[index]?.fromWitness.push(answer);
  }

  #turnAt(host: Host): number {
    const input =
      host.fromWitness.length > 0 || host.fromLan.length > 0 || host.server.toWrap.length > 0 || host.server.busy;
    const work = input ? host.lastTurnAt + 0.1 : Number.POSITIVE_INFINITY;
    const due = Math.min(work, host.link.nextAt, host.server.nextTimerAt, host.lastTurnAt + host.pollMs);
    // The detector wakes the data loop when it suspects the peer.
    const alarm = this.#quietSince(this.#other(host)) + this.#timeoutMs + 0.01;
    const next = alarm > host.lastTurnAt ? Math.min(due, alarm) : due;
    return Math.max(next, host.lastTurnAt + 0.01, host.pausedUntil);
  }

  #turn(host: Host): void {
    if (host.pausedUntil > 0) {
      host.pausedUntil = 0;
      host.quietSince = Number.POSITIVE_INFINITY;
      host.stalledSince = Number.POSITIVE_INFINITY;
    }
    this.#connect();
    const clock = () => this.nowMs;
    const turn = this.#halted.get(host) ?? host.turn(clock, () => this.#health(host));
    this.#halted.delete(host);
    while (!turn.next().done) {
      this.#step(host);
      if (!host.alive) return;
      if (host.pausedUntil > this.nowMs) {
        this.#halted.set(host, turn);
        return;
      }
    }
    this.memory.check(host.south);
  }

  #step(host: Host): void {
    if (!this.#paired) return;
    this.allSteps++;
    this.options.atStep?.(this);
    if (host !== this.primary) return;
    this.steps++;
    if (this.steps === this.options.crashAtStep) this.crash(host);
  }

  /** The backup connects as src/daemon/data-loop.ts does. */
  #connect(): void {
    for (const host of this.hosts) {
      const peer = this.#other(host);
      if (host.link.connected || peer.link.connected || !host.alive || !peer.alive || this.partitioned) continue;
      if (host.link.blocked || peer.link.blocked) continue;
      if (Math.max(host.pausedUntil, peer.pausedUntil) > this.nowMs) continue;
      if (!host.replica.wantsLink(this.#health(host).peer) || !peer.replica.takesLink) continue;
      for (const end of [host, peer]) {
        end.link.reset();
        end.link.connected = true;
        end.replica.linkUp(this.random.bytes(16));
      }
    }
  }

  #arrive({ bytes, damaged, from }: Flying): void {
    const destination = macToString(bytes, VIRTIO_HEADER);
    const toAll = isMulticast(bytes, VIRTIO_HEADER);
    if (toAll || destination === macToString(SERVICE_MAC)) {
      for (const host of this.hosts) {
        const hears = host.alive && host.listening !== 'no' && host.index !== from && !this.#hasNoLan(host.index);
        if (!hears) continue;
        host.fromLan.push(bytes.slice());
        if (!damaged && !this.#opaque) this.receipt.arrived(host, readLan(bytes, 0, bytes.length));
      }
    }
    // What clients send is for hosts; and a kernel drops what is damaged.
    if (from < 0 || damaged) return;
    const heard = readLan(bytes, 0, bytes.length);
    if (heard.kind !== 'tcp' && heard.kind !== 'icmp') return;
    for (const client of this.clients) {
      if (client.options.ip.some((byte, i) => byte !== heard.destination[i])) continue;
      client.receive(heard, this.nowMs);
      this.#collect(client);
    }
  }

  #collect(client: ModelClient): void {
    for (const frame of client.frames(SERVICE_MAC)) {
      const packet = readLan(frame, 0, frame.length);
      this.#opaque ||= packet.kind !== 'tcp';
      if (packet.kind === 'tcp' && (packet.tcp.flags & SYN) !== 0) {
        const { sourcePort, destinationPort, windowScale } = packet.tcp;
        const key = `${packet.source.join('.')} ${sourcePort} ${destinationPort}`;
        this.continuity.clientScales.set(key, windowScale);
        this.receipt.opened(key, packet.tcp.seq);
      }
      this.#fly(frame, -1, client.options.name);
    }
  }

  /** What becomes of a frame on the LAN. */
  #fly(bytes: Uint8Array, from: number, name: string): void {
    const { random, nowMs } = this;
    const { loss, duplicate, late, lateMs, damage } = this.lan;
    const tell = (fate: string) => this.options.onlooker?.frame(this, name, bytes, fate);
    if (random.chance(loss) || this.lanDrops(readLan(bytes, 0, bytes.length))) {
      tell('lost');
      return;
    }
    const copies = random.chance(duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delay = random.chance(late) ? random.next() * lateMs : 0;
      const damaged = damage > 0 && random.chance(damage);
      const fates = [i > 0 ? 'again' : '', delay > 0 ? `late by ${delay.toFixed(1)} ms` : '', damaged ? 'damaged' : ''];
      tell(fates.filter((fate) => fate !== '').join(', '));
      // Frames of one moment keep their order unless they are late.
      const arriving = damaged ? withDamage(bytes, random) : bytes;
      this.#flying.push({ at: nowMs + 0.1 + delay, bytes: arriving, damaged, from });
    }
  }

  #hasNoLan(index: number): boolean {
    return this.lanDown.has(index) || this.lanDead.has(index);
  }

  #toLan(host: Host, bytes: Uint8Array, offset: number, length: number): boolean {
    this.#step(host);
    if (!host.alive) return false;
    const frame = readLan(bytes, offset, length);
    // A voice is what can be heard: acknowledgements that are on their way as a host loses its LAN let it speak to nobody.
    if (!this.#hasNoLan(host.index)) this.continuity.spoke(host);
    if (frame.kind === 'tcp') {
      if (host.replica.linked) this.commit.said(frame);
      if (!this.#opaque) this.receipt.said(host, frame);
      if (this.#hasNoLan(host.index)) this.continuity.saidToNobody(frame);
      else this.continuity.said(frame);
    }
    this.heard.push({ host: host.index, atMs: this.nowMs, frame });
    const sent = bytes.slice(offset, offset + length);
    if (!this.#hasNoLan(host.index)) this.#fly(sent, host.index, host.name);
    else this.options.onlooker?.frame(this, host.name, sent, 'not carried');
    return true;
  }

  /** A backup has received this entry: it holds it, and it is what the client has said. */
  #held(host: Host, entry: FrameView): void {
    this.commit.held(entry);
    this.receipt.held(host, entry);
    this.#checkLogged(entry);
  }

  #checkLogged(entry: FrameView): void {
    const logged = this.commit.bytesOf(entry);
    const client =
      logged && !this.#opaque && this.clients.find(({ key, tcp }) => key === logged.key && tcp.iss === logged.irs);
    if (!client) return;
    const { written } = client.tcp;
    const mask = client.options.script.mask ?? 0xff;
    for (let i = 0; i < logged.bytes.length; i++) {
      const said = written[logged.position - 1 + i] ?? -1;
      ok(
        ((logged.bytes[i] ?? 0) & mask) === (said & mask),
        `byte ${logged.position + i} is logged as the client has sent it`,
      );
    }
  }

  #newHost(index: number, life: number, left?: ModelRetained): Host {
    const { options, random } = this;
    const link = new LinkEnd(random, options.linkMs ?? 0.1);
    const server: ServerOptions = {
      ...TCP,
      ...options.tcp,
      app: options.app ?? echo,
      readBytes: 8000,
      bulkSegments: index === 0 ? 1 : 3,
      tsOffset: random.between(0, 2 ** 32 - 1),
      nextIss: () => random.between(0, 2 ** 32 - 1),
      ...options.servers?.[index],
    };
    return new Host(
      {
        index,
        hashKey: Uint32Array.of(options.seed, index),
        serviceIp: this.serviceIp,
        serviceMac: SERVICE_MAC,
        catchUpTimeoutMs: 5_000,
        onDivergence: options.onDivergence ?? 'reset',
        nudge: options.nudge ?? true,
        recovery: { ...RECOVERY, ...options.recovery },
        cold: options.cold,
        left,
        limits: { ...LIMITS, ...options.limits },
        server,
        timeoutMs: this.#timeoutMs,
        ackTimeoutMs: options.ackTimeoutMs ?? 50,
        key: options.keys?.[index] ?? 'key',
        life,
        witnessed: options.witnessed ?? false,
      },
      link,
      {
        lan: (host, bytes, offset, length) => this.#toLan(host, bytes, offset, length),
        send: (host, bytes) => {
          const peer = this.#other(host);
          if (peer.link.connected) peer.link.push(bytes, this.nowMs);
        },
        closeLink: (host) => this.#closeLink(host),
        askWitness: (host, request) => this.witness.ask(host.index, request, this.nowMs),
        held: (host, entry: FrameView) => this.#held(host, entry),
        tunDrops: () => this.tunLoss > 0 && random.chance(this.tunLoss),
        lagMs: () => this.lagMs,
      },
      this.nowMs,
    );
  }

  #closeLink(host: Host): void {
    const peer = this.#other(host);
    host.link.reset();
    if (peer.link.connected && !this.partitioned) peer.link.end('the peer closed the link', this.nowMs);
  }

  #other(host: Host): Host {
    return this.hosts[1 - host.index] ?? host;
  }

  situation(): string {
    const clients = this.clients.map(({ options, tcp }) => {
      const { state, sndUna, sndNxt, rcvNxt, peerFinished } = tcp;
      return `${options.name} ${state} sent ${sndUna}/${sndNxt}/${tcp.written.length} received ${rcvNxt} ${peerFinished}`;
    });
    const hosts = this.hosts.map(({ index, alive, replica, south, events }) => {
      const connections = [...south.connections].map((connection) => {
        const { direct, phase, inFed, inEnd, inLocalNxt, inLocalEdge, inWireNxt, inWireEdge } = connection;
        const { outUna, outLocalNxt, outWireNxt, recoverNxt, uncompared, diverged } = connection;
        const waits = uncompared.length;
        return JSON.stringify({
          ...{ direct, phase, inFed, inEnd, inLocalNxt, inLocalEdge, inWireNxt, inWireEdge },
          ...{ outUna, outLocalNxt, outWireNxt, recoverNxt, waits, diverged },
        });
      });
      const happened = events.map(({ event }) => event).join(', ');
      return `host ${index} ${alive ? replica.role : 'dead'} [${happened}] ${connections.join('; ')}`;
    });
    return [...clients, ...hosts].join('\n  ');
  }
}

/** One byte of the TCP header or behind it is another: the checksum says so. */
function withDamage(bytes: Uint8Array, random: Random): Uint8Array {
  const damaged = bytes.slice();
  const version = (bytes[FRAME_IP] ?? 0) >> 4;
  const transport = FRAME_IP + (version === 4 ? 20 : 40);
  const at = random.between(transport, bytes.length - 1);
  damaged[at] = (damaged[at] ?? 0) ^ random.between(1, 255);
  return damaged;
}
