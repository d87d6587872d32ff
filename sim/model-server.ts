/**
 * A server host's kernel and program behind a TUN: a listener, its model TCPs, and an application whose output is a function of
 * its input. How it cuts its packets, its initial sequence numbers, its clock and how fast it reads differ from host to host.
 */
import { equal, ok } from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import type { ServerFate } from '../src/south/context.ts';
import { isIpv4 } from '../src/wire/ip-address.ts';
import { seq, seqAdd, seqAt, seqDiff } from '../src/wire/seq.ts';
import { ACK, FIN, RST, SYN } from '../src/wire/tcp.ts';
import { ModelTcp, type TcpOptions } from './model-tcp.ts';
import { type Heard, readTun, type TcpPacket, tcpPacket, tunPacket } from './packets.ts';

/** A program's part in one connection. Called whenever something may have changed; most is what one call may read. */
export type App = (tcp: ModelTcp, most: number, nowMs: number) => void;

/** Room for what its client has not acknowledged: a program that writes more has to wait. */
const SEND_BUFFER = 4_000;

/** Answers what it reads, and closes when its client has. */
export const echo: App = (tcp, most, nowMs) => {
  if (tcp.written.length - tcp.sndUna >= SEND_BUFFER) return;
  tcp.write(tcp.read(most, nowMs), nowMs);
  if (tcp.peerFinished && tcp.unread === 0) tcp.close(nowMs);
};

/** As `echo`; a byte that is urgent it answers urgently, and changed. RFC 854: such a byte is a command. */
export const telnet: App = (tcp, most, nowMs) => {
  for (;;) {
    // The first byte has position 1, and the mark is behind the urgent byte.
    const ahead = tcp.urgentHeard.map((mark) => mark - 2 - tcp.readOffset).filter((away) => away >= 0);
    const isUrgent = ahead.includes(0);
    const data = tcp.read(isUrgent ? 1 : Math.min(most, ...ahead), nowMs);
    if (data.length === 0) break;
    if (isUrgent)
      tcp.writeUrgent(
        data.map((byte) => byte ^ 0x80),
        nowMs,
      );
    else tcp.write(data, nowMs);
  }
  if (tcp.peerFinished && tcp.unread === 0) tcp.close(nowMs);
};

/** What `telnet` answers to steps of so many bytes, the last one urgent. */
export function answerOf(said: Uint8Array, stepBytes: number): Uint8Array {
  return said.map((byte, i) => ((i + 1) % stepBytes === 0 || i === said.length - 1 ? byte ^ 0x80 : byte));
}

/** Reads until its client closes, then tells the checksum of all that it read. */
export const sink: App = (tcp, most, nowMs) => {
  tcp.read(most, nowMs);
  if (tcp.peerFinished && tcp.unread === 0 && !tcp.shut) {
    tcp.write(digest(Uint8Array.from(tcp.received)), nowMs);
    tcp.close(nowMs);
  }
};

/** Takes a request of four bytes, a length, sends so much, and closes first. */
export const files: App = (tcp, most, nowMs) => {
  tcp.read(most, nowMs);
  if (tcp.received.length < 4 || tcp.shut) return;
  const [a = 0, b = 0, c = 0, d = 0] = tcp.received;
  tcp.write(fileOf(a * 2 ** 24 + b * 2 ** 16 + c * 256 + d), nowMs);
  tcp.close(nowMs);
};

export function digest(data: Uint8Array): Uint8Array {
  const text = `${data.length} ${crc32(data)}`;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function fileOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 131 + (i >> 8) * 17) & 0xff);
}

export interface ServerOptions extends TcpOptions {
  readonly app: App;
  /** Most that the program reads at once, bytes. */
  readonly readBytes: number;
  readonly nextIss: () => number;
}

export class ModelServer {
  readonly options: ServerOptions;
  readonly connections: ModelTcp[] = [];
  /** Packets for the TUN, in order. */
  readonly toWrap: Uint8Array[] = [];
  /** How its program looks from outside. */
  fate: ServerFate = { is: 'alive' };
  /** While false a SYN is answered by RST, as by a host whose program has not started. */
  listening = true;
  /** Whether what is told of this side's own numbers must be true: not where a test forges segments. */
  checksEchoes = true;
  /** While false the program reads nothing. */
  reads = true;
  readonly #byPeer = new Map<string, { tcp: ModelTcp; ends: { source: Uint8Array; destination: Uint8Array } }>();

  constructor(options: ServerOptions) {
    this.options = options;
  }

  /** A packet that the wrap has written to the TUN. */
  fromWrap(bytes: Uint8Array, offset: number, length: number, nowMs: number): void {
    const heard = readTun(bytes, offset, length);
    if (heard.kind === 'icmp') this.#fromRouter(heard, nowMs);
    if (heard.kind !== 'tcp') return;
    const { tcp: packet, source, destination } = heard;
    const key = `${source.join('.')} ${packet.sourcePort} ${packet.destinationPort}`;
    const ends = { source: destination, destination: source };
    const known = this.#byPeer.get(key);
    const isSyn = (packet.flags & (SYN | ACK | RST)) === SYN;
    const reopens = isSyn && (known === undefined || known.tcp.givesWayTo(packet));
    if (reopens && this.listening) {
      const tcp = new ModelTcp(this.options, packet.destinationPort, packet.sourcePort, seq(this.options.nextIss()));
      this.#byPeer.set(key, { tcp, ends });
      this.connections.push(tcp);
      tcp.accept(packet, nowMs);
    } else if (known !== undefined && known.tcp.state !== 'reset') {
      if (this.checksEchoes && known.tcp.established) known.tcp.checkEchoes(packet);
      known.tcp.receive(packet, nowMs);
    } else {
      this.#refuse(packet, ends);
    }
    this.turn(nowMs);
  }

  /** As Linux does with an error: one about what is not outstanding says nothing. RFC 1191 §6.3 */
  #fromRouter({ quotedSeq, quotedPorts, mtu, destination }: Heard & { kind: 'icmp' }, nowMs: number): void {
    for (const { tcp } of this.#byPeer.values()) {
      if (tcp.ownPort !== quotedPorts[0] || tcp.peerPort !== quotedPorts[1]) continue;
      const ahead = seqDiff(quotedSeq, seqAt(tcp.iss, tcp.sndUna));
      const mss = mtu - (isIpv4(destination) ? 40 : 60) - (this.options.timestamps ? 12 : 0);
      if (ahead < 0 || ahead > tcp.sndMax - tcp.sndUna || mtu === 0 || mss >= tcp.mss) continue;
      tcp.mss = mss;
      tcp.resend(nowMs);
    }
    this.turn(nowMs);
  }

  /** As a kernel gives a connection up whose peer has vanished: without a word. */
  giveUp(tcp: ModelTcp): void {
    for (const [key, known] of this.#byPeer) if (known.tcp === tcp) this.#byPeer.delete(key);
  }

  /** SIGKILL: the kernel closes what the program had open, by RST where it had not read everything. */
  kill(nowMs: number, fate: ServerFate = { is: 'dying', signal: 'SIGKILL' }): void {
    this.fate = fate;
    this.listening = false;
    for (const { tcp } of this.#byPeer.values()) {
      if (tcp.unread > 0) tcp.abort(nowMs);
      else tcp.close(nowMs);
    }
    this.turn(nowMs);
  }

  /** Lets the program run and the timers expire. */
  turn(nowMs: number): void {
    for (const { tcp, ends } of this.#byPeer.values()) {
      tcp.timer(nowMs);
      if (tcp.established && this.reads && this.fate.is === 'alive')
        this.options.app(tcp, this.options.readBytes, nowMs);
      for (const packet of tcp.out.splice(0)) this.toWrap.push(tunPacket(packet, ends, tcp.mss));
    }
  }

  get nextTimerAt(): number {
    return Math.min(...[...this.#byPeer.values()].map(({ tcp }) => tcp.nextTimerAt));
  }

  /** Whether the program has work left that no packet announces. */
  get busy(): boolean {
    return this.reads && [...this.#byPeer.values()].some(({ tcp }) => tcp.established && tcp.unread > 0);
  }

  /** The only connection, where a test has one. */
  get only(): ModelTcp {
    equal(this.connections.length, 1);
    const [tcp] = this.connections;
    ok(tcp);
    return tcp;
  }

  /** RFC 9293 §3.10.7.1 */
  #refuse(packet: TcpPacket, ends: { source: Uint8Array; destination: Uint8Array }): void {
    if ((packet.flags & RST) !== 0) return;
    const answersAck = (packet.flags & ACK) !== 0;
    const length = packet.data.length + ((packet.flags & SYN) !== 0 ? 1 : 0) + (packet.flags & FIN);
    const reset = tcpPacket({
      sourcePort: packet.destinationPort,
      destinationPort: packet.sourcePort,
      seq: answersAck ? packet.ack : seq(0),
      ack: answersAck ? seq(0) : seqAdd(packet.seq, length),
      flags: answersAck ? RST : RST | ACK,
    });
    this.toWrap.push(tunPacket(reset, ends, 1460));
  }
}
