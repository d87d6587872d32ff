/**
 * Checkers of DESIGN §2. They watch the wire, and what has reached the backup over the replication link; they ask no replica what
 * it believes. A broken rule is thrown where it is seen, so that the trace ends at the cause.
 */
import { equal, ok } from 'node:assert/strict';
import * as layout from '../src/log/entry.ts';
import type { FrameView } from '../src/log/frame.ts';
import type { SouthLimits } from '../src/south/context.ts';
import type { SouthWrap } from '../src/south/south-wrap.ts';
import { positionOf, type Seq, seq, seqAdd } from '../src/wire/seq.ts';
import { ACK, FIN, RST, SYN } from '../src/wire/tcp.ts';
import type { Host } from './host.ts';
import type { Heard, TcpPacket } from './packets.ts';

/** Twice src/south/output-comparison.ts's and a little more than src/south/client-side.ts's own bounds. */
const UNCOMPARED_MAX = 512;
const HOLES_MAX = 260;

type HeardTcp = Extract<Heard, { kind: 'tcp' }>;

/** What the backup holds of one connection. */
class Held {
  readonly irs: Seq;
  readonly iss: Seq;
  readonly key: string;
  readonly #bytes = new Set<number>();
  /** End of the client's stream that is held without a hole, the FIN counted. */
  end = 1;
  #fin = -1;
  outEnd = 1;
  outFin = -1;
  outReset = false;

  constructor(open: FrameView, key: string) {
    this.key = key;
    this.irs = seq(open.u32(layout.OPEN_IRS));
    this.iss = seq(open.u32(layout.OPEN_ISS));
  }

  apply(entry: FrameView): void {
    if (entry.type === layout.ENTRY.BYTES) {
      const position = entry.u64(layout.BYTES_POSITION);
      for (let i = 0; i < entry.length - layout.BYTES_DATA; i++) {
        ok(!this.#bytes.has(position + i) && position + i >= 1, `byte ${position + i} is logged once`);
        this.#bytes.add(position + i);
      }
    } else if (entry.type === layout.ENTRY.FIN) {
      this.#fin = entry.u64(layout.FIN_POSITION);
    } else if (entry.type === layout.ENTRY.OUTPUT) {
      this.outEnd = Math.max(this.outEnd, entry.u64(layout.OUTPUT_END));
      if ((entry.flags & layout.OUTPUT_FIN) !== 0) this.outFin = entry.u64(layout.OUTPUT_END);
      if ((entry.flags & layout.OUTPUT_RST) !== 0) this.outReset = true;
    }
    while (this.#bytes.has(this.end)) this.end++;
    if (this.end === this.#fin) this.end++;
  }

  holds(left: number, right: number): boolean {
    for (let at = left; at < right; at++) if (!this.#bytes.has(at) && at !== this.#fin) return false;
    return true;
  }
}

/** Rules 1 and 2: nothing is said before the backup holds what it rests on. */
export class CommitChecker {
  readonly #byId = new Map<number, Held>();
  readonly #byClient = new Map<string, Held>();
  readonly #counts = new Map<number, number>();

  /** The backup has received this entry. */
  held(entry: FrameView): void {
    this.#counts.set(entry.type, this.countOf(entry.type) + 1);
    if (entry.type === layout.ENTRY.OPEN) {
      const ip = entry.copy(layout.OPEN_CLIENT_IP, 16);
      const key = keyOf(ip, entry.u16(layout.OPEN_CLIENT_PORT), entry.u16(layout.OPEN_SERVICE_PORT));
      const held = new Held(entry, key);
      this.#byId.set(entry.connection, held);
      this.#byClient.set(key, held);
    } else {
      this.#byId.get(entry.connection)?.apply(entry);
    }
  }

  /** What a BYTES entry says of which client, known by its initial sequence number too. */
  bytesOf(entry: FrameView): { key: string; irs: Seq; position: number; bytes: Uint8Array } | undefined {
    const held = this.#byId.get(entry.connection);
    if (entry.type !== layout.ENTRY.BYTES || held === undefined) return undefined;
    const bytes = entry.copy(layout.BYTES_DATA, entry.length - layout.BYTES_DATA);
    return { key: held.key, irs: held.irs, position: entry.u64(layout.BYTES_POSITION), bytes };
  }

  /** How many entries of this type the backup has received. */
  countOf(type: number): number {
    return this.#counts.get(type) ?? 0;
  }

  /** The primary sends this while its backup is in the view. */
  said({ tcp, destination }: HeardTcp): void {
    const held = this.#byClient.get(clientKey(tcp, destination));
    const isReset = (tcp.flags & RST) !== 0;
    if (held === undefined) {
      ok(isReset, 'rule 2: nothing is said for a connection that the backup does not know');
      return;
    }
    const position = positionOf(held.iss, tcp.seq, held.outEnd);
    if (isReset && !held.outReset) {
      // A RST for a segment without a connection of the server, which some four-tuple happens to have had.
      return;
    }
    if ((tcp.flags & SYN) !== 0) {
      equal(tcp.seq, held.iss, 'rule 2: the backup holds the initial sequence number of a SYN-ACK');
      equal(tcp.ack, seqAdd(held.irs, 1));
      return;
    }
    const said = held.outFin < 0 ? held.outEnd : held.outFin + 1;
    ok(position + tcp.data.length <= said, 'rule 2: the backup holds the entry of every byte that leaves');
    if ((tcp.flags & FIN) !== 0) equal(position + tcp.data.length, held.outFin, 'rule 2: and of the FIN');
    if ((tcp.flags & ACK) === 0) return;
    const ack = positionOf(held.irs, tcp.ack, held.end);
    ok(ack <= held.end, `rule 1: ACK ${ack} covers bytes that the backup does not hold; it holds up to ${held.end}`);
    for (const [left, right] of tcp.sack) {
      const from = positionOf(held.irs, left, held.end);
      const to = positionOf(held.irs, right, held.end);
      ok(from < to && held.holds(from, to), `rule 1: the backup does not hold what SACK ${from}–${to} covers`);
    }
  }
}

/** The service's side of one connection as the wire has shown it. */
interface Shown {
  readonly synAck: TcpPacket;
  readonly irs: Seq;
  readonly scale: number;
  /** As far as it was said; with holes only where a new primary goes on beyond what it has still to repeat. */
  readonly bytes: (number | undefined)[];
  ack: number;
  edge: number;
  fin: number;
  tsVal: number;
}

/** Rules 3 and 5: one voice, and one TCP that continues, whoever speaks. */
export class ContinuityChecker {
  readonly #shown = new Map<string, Shown>();
  readonly #fallenSilent = new Set<number>();
  /** Who speaks, by its life. */
  #speaker = -1;
  /** Whoever speaks was a backup before, and may have been promoted in the midst of a stream. */
  #promoted = false;

  readonly #reset = new Set<string>();
  readonly #mayClose: boolean;

  /** @param mayClose servers run out of memory, and close windows that they had opened. */
  constructor(mayClose: boolean) {
    this.#mayClose = mayClose;
  }

  /** The client was sent a RST since its last SYN-ACK; it may have missed it. */
  wasReset(key: string): boolean {
    return this.#reset.has(key);
  }

  /** Window scale of a client's SYN, by client, as the wire has shown it: without it the service's scale does not count. */
  readonly clientScales = new Map<string, number>();

  spoke({ life, name, events }: Host): void {
    if (life === this.#speaker) return;
    ok(!this.#fallenSilent.has(life), `rule 3: ${name} speaks although another has taken over`);
    if (this.#speaker >= 0) this.#fallenSilent.add(this.#speaker);
    this.#speaker = life;
    this.#promoted = events.some(({ event }) => event === 'joined');
  }

  said({ tcp, destination }: HeardTcp): void {
    const key = clientKey(tcp, destination);
    if ((tcp.flags & RST) !== 0) {
      this.#reset.add(key);
      return;
    }
    if ((tcp.flags & SYN) !== 0) {
      this.#reset.delete(key);
      this.#saidSynAck(key, tcp);
      return;
    }
    const shown = this.#shown.get(key);
    ok(shown, 'rule 5: a connection begins with a SYN-ACK');
    this.#advance(shown, tcp);
  }

  /** Nobody has seen this, and it may be said otherwise; but what comes next leaves no gap. */
  saidToNobody({ tcp, destination }: HeardTcp): void {
    const shown = this.#shown.get(clientKey(tcp, destination));
    if (shown === undefined || tcp.data.length === 0) return;
    const position = positionOf(shown.synAck.seq, tcp.seq, 1 + shown.bytes.length);
    shown.bytes.length = Math.max(shown.bytes.length, position - 1 + tcp.data.length);
  }

  #saidSynAck(key: string, tcp: TcpPacket): void {
    const shown = this.#shown.get(key);
    if (shown !== undefined && shown.synAck.seq === tcp.seq) {
      const fixed = ({ flags, ack, mss, windowScale, sackPermitted, hasTimestamps }: TcpPacket) =>
        `${flags} ${ack} ${mss} ${windowScale} ${sackPermitted} ${hasTimestamps}`;
      equal(fixed(tcp), fixed(shown.synAck), 'rule 5: a SYN-ACK is repeated with the same options');
      return;
    }
    const scale = (this.clientScales.get(key) ?? -1) < 0 ? 0 : Math.max(0, tcp.windowScale);
    const { tsVal } = tcp;
    const irs = seqAdd(tcp.ack, -1);
    this.#shown.set(key, { synAck: tcp, irs, scale, bytes: [], ack: 1, edge: 1 + tcp.window, fin: -1, tsVal });
  }

  #advance(shown: Shown, tcp: TcpPacket): void {
    const end = 1 + shown.bytes.length;
    const position = positionOf(shown.synAck.seq, tcp.seq, end);
    // A new primary's first ACK may be numbered after output that was logged and never left; and while it repeats what was not
    // acknowledged, its server's new output goes out beside that. Only a client that misses a byte in the end tells a lost one.
    const hasText = tcp.data.length > 0 || (tcp.flags & FIN) !== 0;
    const mayLeaveGap = !hasText || this.#promoted;
    ok(mayLeaveGap || position <= end, `rule 5: SEQ ${position} leaves a gap after ${end}`);
    for (let i = 0; i < tcp.data.length; i++) {
      const at = position - 1 + i;
      if (at < 0) continue;
      ok(shown.fin < 0 || at + 1 < shown.fin, 'rule 5: nothing follows the FIN');
      shown.bytes[at] ??= tcp.data[i];
      equal(tcp.data[i], shown.bytes[at], `rule 5: byte ${at + 1} is repeated as it was`);
    }
    if ((tcp.flags & FIN) !== 0) {
      const fin = position + tcp.data.length;
      ok(shown.fin < 0 || shown.fin === fin, 'rule 5: the FIN stays where it is');
      ok(mayLeaveGap || fin === 1 + shown.bytes.length, 'rule 5: the FIN follows the last byte');
      shown.fin = fin;
    }
    const ack = positionOf(shown.irs, tcp.ack, shown.ack);
    ok(ack >= shown.ack, `rule 5: ACK ${ack} after ${shown.ack}`);
    const edge = ack + tcp.window * 2 ** shown.scale;
    // RFC 7323 §2.4: the granularity of a scaled window may move the edge back by less than one unit.
    ok(this.#mayClose || edge > shown.edge - 2 ** shown.scale, `rule 5: right edge ${edge} after ${shown.edge}`);
    shown.ack = ack;
    shown.edge = Math.max(shown.edge, edge);
    equal(tcp.hasTimestamps, shown.synAck.hasTimestamps, 'RFC 7323 §3.2: timestamps in every segment or in none');
    if (tcp.hasTimestamps) {
      ok(((tcp.tsVal - shown.tsVal) | 0) >= 0, `rule 5: TSval ${tcp.tsVal} after ${shown.tsVal}`);
      shown.tsVal = tcp.tsVal;
    }
  }
}

/** What of a client's stream has come to one host, in frames or in entries of the log. */
class Received {
  readonly irs: Seq;
  readonly #bytes = new Set<number>();
  /** End of what is there without a hole, the FIN counted. */
  end = 1;
  #fin = -1;

  constructor(irs: Seq) {
    this.irs = irs;
  }

  add(position: number, length: number, fin: boolean): void {
    for (let at = Math.max(1, position); at < position + length; at++) this.#bytes.add(at);
    if (fin && position >= 1) this.#fin = position + length;
    while (this.#bytes.has(this.end)) this.end++;
    if (this.end === this.#fin) this.end++;
  }

  has(left: number, right: number): boolean {
    for (let at = left; at < right; at++) if (at >= this.end && !this.#bytes.has(at) && at !== this.#fin) return false;
    return true;
  }
}

/** Rule 1, whoever speaks, with a backup or without: nobody acknowledges what has not come to it. */
export class ReceiptChecker {
  readonly #irs = new Map<string, Seq>();
  readonly #byHost = new Map<number, Map<string, Received>>();
  readonly #byId = new Map<string, string>();

  /** A client begins. */
  opened(key: string, irs: Seq): void {
    this.#irs.set(key, irs);
  }

  /** What came to a host in its earlier life is on its disk. */
  outlived(before: Host, host: Host): void {
    this.#byHost.set(host.life, this.#byHost.get(before.life) ?? new Map());
  }

  /** A frame of the LAN has come to this host, and is not damaged. */
  arrived(host: Host, frame: Heard): void {
    if (frame.kind !== 'tcp' || (frame.tcp.flags & (SYN | RST)) !== 0) return;
    const { tcp, source } = frame;
    const received = this.#of(host, keyOf(source, tcp.sourcePort, tcp.destinationPort));
    const position = received && positionOf(received.irs, tcp.seq, received.end);
    if (received && position !== undefined) received.add(position, tcp.data.length, (tcp.flags & FIN) !== 0);
  }

  /** A backup has received this entry. */
  held(host: Host, entry: FrameView): void {
    const id = `${host.life} ${entry.connection}`;
    if (entry.type === layout.ENTRY.OPEN) {
      const ip = entry.copy(layout.OPEN_CLIENT_IP, 16);
      const key = keyOf(ip, entry.u16(layout.OPEN_CLIENT_PORT), entry.u16(layout.OPEN_SERVICE_PORT));
      this.#byId.set(id, `${key} ${entry.u32(layout.OPEN_IRS)}`);
      return;
    }
    const [ip = '', client = '', service = '', irs = ''] = (this.#byId.get(id) ?? '').split(' ');
    const key = `${ip} ${client} ${service}`;
    if (this.#irs.get(key) !== Number(irs)) return;
    const received = this.#of(host, key);
    if (entry.type === layout.ENTRY.BYTES) {
      received?.add(entry.u64(layout.BYTES_POSITION), entry.length - layout.BYTES_DATA, false);
    } else if (entry.type === layout.ENTRY.FIN) {
      received?.add(entry.u64(layout.FIN_POSITION), 0, true);
    }
  }

  said(host: Host, { tcp, destination }: HeardTcp): void {
    if ((tcp.flags & (SYN | RST)) !== 0 || (tcp.flags & ACK) === 0) return;
    const received = this.#of(host, clientKey(tcp, destination));
    if (received === undefined) return;
    const ack = positionOf(received.irs, tcp.ack, received.end);
    ok(ack <= received.end, `rule 1: ${host.name} acknowledges ${ack}; what has come to it ends at ${received.end}`);
    for (const [left, right] of tcp.sack) {
      const from = positionOf(received.irs, left, received.end);
      const to = positionOf(received.irs, right, received.end);
      ok(received.has(from, to), `rule 1: ${host.name} has not received what SACK ${from}–${to} covers`);
    }
  }

  #of(host: Host, key: string): Received | undefined {
    const irs = this.#irs.get(key);
    if (irs === undefined) return undefined;
    const own = this.#byHost.get(host.life) ?? new Map<string, Received>();
    this.#byHost.set(host.life, own);
    const known = own.get(key);
    if (known?.irs === irs) return known;
    const fresh = new Received(irs);
    own.set(key, fresh);
    return fresh;
  }
}

/** Rule 6: what is kept for connections stays within its bounds. */
export class MemoryChecker {
  readonly #limits: SouthLimits;

  constructor(limits: SouthLimits) {
    this.#limits = limits;
  }

  check(south: SouthWrap): void {
    const { connections, connectionBytes } = this.#limits;
    ok(south.connectionCount <= connections, 'rule 6: connections are bounded');
    for (const { input, output, uncompared } of south.connections) {
      // Rings grow by doubling.
      ok(input.ring.length <= 2 * connectionBytes, `rule 6: ${input.ring.length} bytes of input are kept`);
      ok(output.ring.length <= 2 * connectionBytes, `rule 6: ${output.ring.length} bytes of output are kept`);
      ok(uncompared.length <= UNCOMPARED_MAX, 'rule 6: output entries that wait to be compared are bounded');
      ok(input.holes <= HOLES_MAX, 'rule 6: holes are bounded');
    }
  }
}

export function clientKey(tcp: TcpPacket, client: Uint8Array): string {
  return keyOf(client, tcp.destinationPort, tcp.sourcePort);
}

export function keyOf(ip: Uint8Array, clientPort: number, servicePort: number): string {
  return `${ip.join('.')} ${clientPort} ${servicePort}`;
}
