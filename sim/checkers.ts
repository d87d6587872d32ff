/**
 * Checkers of DESIGN §2. They watch the wire, and what has reached the backup over the replication link; they ask no replica what
 * it believes. A broken rule is thrown where it is seen, so that the trace ends at the cause.
 */
import { equal, ok } from 'node:assert/strict';
import * as layout from '../src/log/entry.ts';
import type { FrameView } from '../src/log/frame.ts';
import { positionOf, type Seq, seq, seqAdd } from '../src/wire/seq.ts';
import { ACK, FIN, RST, SYN } from '../src/wire/tcp.ts';
import type { Heard, TcpPacket } from './packets.ts';

type HeardTcp = Extract<Heard, { kind: 'tcp' }>;

/** What the backup holds of one connection. */
class Held {
  readonly irs: Seq;
  readonly iss: Seq;
  readonly #bytes = new Set<number>();
  /** End of the client's stream that is held without a hole, the FIN counted. */
  end = 1;
  #fin = -1;
  outEnd = 1;
  outFin = -1;
  outReset = false;

  constructor(open: FrameView) {
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
      const held = new Held(entry);
      const ip = entry.copy(layout.OPEN_CLIENT_IP, 16);
      const ports = `${entry.u16(layout.OPEN_CLIENT_PORT)} ${entry.u16(layout.OPEN_SERVICE_PORT)}`;
      this.#byId.set(entry.connection, held);
      this.#byClient.set(`${ip.join('.')} ${ports}`, held);
    } else {
      this.#byId.get(entry.connection)?.apply(entry);
    }
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
  /** The second host speaks only after a promotion; the first may not have said anything before it. */
  #speaker = -1;

  /** Window scale of a client's SYN, by client, as the wire has shown it: without it the service's scale does not count. */
  readonly clientScales = new Map<string, number>();

  spoke(host: number): void {
    if (host === this.#speaker) return;
    ok(!this.#fallenSilent.has(host), `rule 3: host ${host} speaks although another has taken over`);
    if (this.#speaker >= 0) this.#fallenSilent.add(this.#speaker);
    this.#speaker = host;
  }

  said({ tcp, destination }: HeardTcp): void {
    const key = clientKey(tcp, destination);
    if ((tcp.flags & RST) !== 0) return;
    if ((tcp.flags & SYN) !== 0) {
      this.#saidSynAck(key, tcp);
      return;
    }
    const shown = this.#shown.get(key);
    ok(shown, 'rule 5: a connection begins with a SYN-ACK');
    this.#advance(shown, tcp);
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
    const mayLeaveGap = !hasText || this.#speaker > 0;
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
    ok(edge > shown.edge - 2 ** shown.scale, `rule 5: right edge ${edge} after ${shown.edge}`);
    shown.ack = ack;
    shown.edge = Math.max(shown.edge, edge);
    equal(tcp.hasTimestamps, shown.synAck.hasTimestamps, 'RFC 7323 §3.2: timestamps in every segment or in none');
    if (tcp.hasTimestamps) {
      ok(((tcp.tsVal - shown.tsVal) | 0) >= 0, `rule 5: TSval ${tcp.tsVal} after ${shown.tsVal}`);
      shown.tsVal = tcp.tsVal;
    }
  }
}

export function clientKey(tcp: TcpPacket, client: Uint8Array): string {
  return `${client.join('.')} ${tcp.destinationPort} ${tcp.sourcePort}`;
}
