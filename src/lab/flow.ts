/**
 * What became of each TCP connection between the client and the service, judged from the packets that the client's host
 * sent and received, one at a time. Pure: times come with the packets, in milliseconds.
 *
 * **Stall.** `stallMs` is the longest time, between the first fault and the end, in which something was outstanding and
 * did not advance. Two things can be outstanding, each with its own clock, and the longer wait counts:
 *
 * - *upwards*: what the client sent (SYN, data or FIN) and the service has not acknowledged. Packets tell this exactly.
 *   The clock starts when the first of it is sent, and again whenever the service acknowledges something new.
 * - *downwards*: bytes that the client expects from the service. Packets cannot tell this, since they do not say where an
 *   answer ends. So it is assumed at a fault if within the last 20 ms the service delivered new bytes, or the client sent
 *   some to a service that has answered before; and after a fault between new bytes of a stream that is dense, three
 *   arrivals in 20 ms. The clock runs until the next new byte; where the client has sent more than 64 KB since the last one,
 *   it uploads, and the clock starts again with each ACK of something new. Two things end it without counting. A client that had
 *   nothing unacknowledged and then sends a request was not waiting: the clock starts again at its request. A client that
 *   closes, and whose FIN is then acknowledged, was not waiting either.
 *
 * **Survival.** A connection has survived if it was established, the service sent no RST before both sides had closed, and
 * no FIN of the client was left unacknowledged; if it was still open, or reset by the client, the client's exit code
 * decides.
 */
import { endpointToString } from '../wire/ip-address.ts';
import { positionOf, type Seq } from '../wire/seq.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';
import { type Point, Series } from './series.ts';

/** What is looked at of a TCP segment; `wire/Segment` is one. */
export interface FlowSegment {
  readonly seq: Seq;
  readonly ack: Seq;
  readonly flags: number;
  readonly dataLength: number;
}

export type Ending = 'open' | 'closed' | 'service-reset' | 'client-reset';

export interface Acknowledgement {
  atMs: number;
  advances: boolean;
}

export interface FlowReport {
  /** `ip:port` */
  client: string;
  service: string;
  /** Client → service: payload that the service acknowledged. */
  bytesIn: number;
  /** Service → client: payload that the client acknowledged. */
  bytesOut: number;
  stallMs: number;
  established: boolean;
  ending: Ending;
  /** The client closed and the service never acknowledged it. */
  closeUnanswered: boolean;
  retransmissions: number;
  startMs: number;
  /** After the first fault, the earliest times: when the client sent data, and when it sent data again. */
  sentMs: number[];
  resentMs: number[];
  /** Likewise, when the service acknowledged anything, and whether that was new. */
  acks: Acknowledgement[];
  whole: Point[];
  closeUp: Point[];
}

export function survived(flow: FlowReport, clientSucceeded: boolean): boolean {
  if (!flow.established || flow.ending === 'service-reset' || flow.closeUnanswered) return false;
  return flow.ending === 'closed' || clientSucceeded;
}

const RECENT_MS = 20;
/** More than a request: sent since the last answer, it is an upload. */
const UPLOAD_BYTES = 65_536;
const NEVER = Number.NEGATIVE_INFINITY;
/** Of each kind after the fault. */
const SEEN_MAX = 10_000;

/** One connection. Positions count from the SYN: it is 0, the first byte of data is 1. */
export class Flow {
  readonly client: string;
  readonly service: string;
  readonly #series = new Series();
  readonly #startMs: number;
  /** The client's and the service's initial sequence number. */
  #iss: Seq;
  #irs: Seq | undefined;
  /** After the last that the client sent; up to where the service acknowledged it. */
  #sndNxt = 0;
  #sndUna = 0;
  /** The same for the service's direction. */
  #rcvNxt = 0;
  #rcvUna = 0;
  #clientFin = false;
  #serviceFin = false;
  #ending: Ending = 'open';
  #retransmissions = 0;
  readonly #sentMs: number[] = [];
  readonly #resentMs: number[] = [];
  readonly #acks: Acknowledgement[] = [];

  #firstFaultMs = Number.POSITIVE_INFINITY;
  #stallMs = 0;
  /** End of what the client had sent when the service's last new byte arrived. */
  #sndNxtAtArrival = 0;
  /** Since when the clocks run; NEVER: they do not. */
  #upSinceMs = NEVER;
  #downSinceMs = NEVER;
  /** The clock downwards was started by a fault, and nothing has come since. */
  #downByFault = false;
  #downMoved = false;
  #closedAtMs = NEVER;
  #sentDataMs = NEVER;
  /** When the service's last three new pieces came, the latest first. */
  #arrivals: [number, number, number] = [NEVER, NEVER, NEVER];

  /** @param first the client's SYN, or whatever was seen first */
  constructor(client: string, service: string, atMs: number, iss: Seq) {
    this.client = client;
    this.service = service;
    this.#startMs = atMs;
    this.#iss = iss;
  }

  /** Is a SYN with this sequence number this connection's own one, and not the next connection's of the same ports? */
  isOwnSyn(iss: Seq): boolean {
    return iss === this.#iss;
  }

  /** Call it before the packets that came after the fault. */
  fault(atMs: number): void {
    this.#firstFaultMs = Math.min(this.#firstFaultMs, atMs);
    this.#series.fault(atMs);
    if (this.#ending !== 'open' || this.#clientFin || this.#serviceFin || this.#downSinceMs !== NEVER) return;
    const [arrivedMs] = this.#arrivals;
    const delivering = atMs - arrivedMs <= RECENT_MS;
    const answering = arrivedMs !== NEVER && this.#sentDataMs > arrivedMs && atMs - this.#sentDataMs <= RECENT_MS;
    if (!delivering && !answering) return;
    this.#startDownClock(atMs);
    this.#downByFault = true;
  }

  fromClient(atMs: number, segment: FlowSegment): void {
    if (this.#ending !== 'open' && this.#ending !== 'closed') return;
    const start = positionOf(this.#iss, segment.seq, this.#sndNxt);
    const end = start + lengthOf(segment);
    if (segment.flags & RST) {
      this.#clientReset(atMs);
      return;
    }
    if (segment.dataLength > 0) this.#note(this.#sentMs, atMs);
    if (end > this.#sndNxt) {
      const idle = this.#sndUna === this.#sndNxt;
      if (idle) this.#upSinceMs = atMs;
      if (segment.dataLength > 0) this.#clientSentData(atMs, idle);
      this.#sndNxt = end;
      if (segment.dataLength > 0) this.#series.add(atMs, end - 1, 'clientData');
    } else if (end > start) {
      this.#retransmissions++;
      if (segment.dataLength > 0) this.#note(this.#resentMs, atMs);
      this.#series.add(atMs, end - 1, 'clientRetransmission');
    }
    if (segment.flags & FIN && !this.#clientFin) {
      this.#clientFin = true;
      this.#closedAtMs = atMs;
    }
    if (segment.flags & ACK && this.#irs !== undefined) {
      this.#rcvUna = Math.max(this.#rcvUna, Math.min(positionOf(this.#irs, segment.ack, this.#rcvUna), this.#rcvNxt));
    }
    this.#noteClose();
  }

  fromService(atMs: number, segment: FlowSegment): void {
    if (this.#ending !== 'open') return;
    if (segment.flags & RST) {
      if (!(this.#clientFin && this.#serviceFin)) this.#ending = 'service-reset';
      this.#stop(atMs);
      return;
    }
    if (this.#irs === undefined) this.#irs = segment.seq;
    if (segment.flags & ACK) this.#acknowledged(atMs, positionOf(this.#iss, segment.ack, this.#sndUna));
    const start = positionOf(this.#irs, segment.seq, this.#rcvNxt);
    const end = start + lengthOf(segment);
    if (end > this.#rcvNxt) {
      this.#rcvNxt = end;
      if (segment.dataLength > 0) {
        this.#arrived(atMs);
        this.#series.add(atMs, end - 1, 'serviceData');
      }
    } else if (end > start) {
      this.#series.add(atMs, end - 1, 'serviceRetransmission');
    }
    if (segment.flags & FIN) {
      this.#serviceFin = true;
      if (this.#downSinceMs !== NEVER) this.#count(this.#downSinceMs, atMs);
      this.#downSinceMs = NEVER;
    }
    this.#noteClose();
  }

  /** @param endMs when the run ended */
  report(endMs: number): FlowReport {
    if (this.#ending === 'open') this.#stop(endMs);
    const payload = (position: number, fin: boolean, total: number): number =>
      Math.max(0, position - 1 - (fin && position >= total ? 1 : 0));
    return {
      client: this.client,
      service: this.service,
      bytesIn: payload(this.#sndUna, this.#clientFin, this.#sndNxt),
      bytesOut: payload(this.#rcvUna, this.#serviceFin, this.#rcvNxt),
      stallMs: this.#stallMs,
      established: this.#sndUna >= 1 && this.#rcvUna >= 1,
      ending: this.#ending,
      closeUnanswered: this.#clientFin && this.#ending === 'open' && this.#sndUna < this.#sndNxt,
      retransmissions: this.#retransmissions,
      startMs: this.#startMs,
      sentMs: this.#sentMs,
      resentMs: this.#resentMs,
      acks: this.#acks,
      whole: this.#series.whole,
      closeUp: this.#series.closeUp,
    };
  }

  get ended(): boolean {
    return this.#ending !== 'open';
  }

  #acknowledged(atMs: number, position: number): void {
    const una = Math.min(position, this.#sndNxt);
    this.#series.add(atMs, Math.max(0, position - 1), 'serviceAck');
    this.#note(this.#acks, { atMs, advances: una > this.#sndUna });
    if (una <= this.#sndUna) return;
    if (this.#upSinceMs !== NEVER) this.#count(this.#upSinceMs, atMs);
    this.#sndUna = una;
    this.#upSinceMs = una < this.#sndNxt ? atMs : NEVER;
    const uploads = this.#sndNxt - this.#sndNxtAtArrival > UPLOAD_BYTES;
    if (uploads && this.#downSinceMs !== NEVER) this.#downSinceMs = atMs;
    const closeAnswered = this.#clientFin && una === this.#sndNxt;
    if (closeAnswered) this.#downSinceMs = NEVER;
  }

  /** Only what comes after the fault. */
  #note<Seen>(list: Seen[], seen: Seen): void {
    if (this.#firstFaultMs !== Number.POSITIVE_INFINITY && list.length < SEEN_MAX) list.push(seen);
  }

  #clientSentData(atMs: number, idle: boolean): void {
    this.#sentDataMs = atMs;
    if (this.#downSinceMs === NEVER || this.#downMoved || !idle) return;
    this.#downSinceMs = atMs;
    this.#downMoved = true;
  }

  #arrived(atMs: number): void {
    if (this.#downSinceMs !== NEVER) this.#count(this.#downSinceMs, atMs);
    this.#downSinceMs = NEVER;
    this.#downByFault = false;
    this.#sndNxtAtArrival = this.#sndNxt;
    this.#arrivals = [atMs, this.#arrivals[0], this.#arrivals[1]];
    const dense = atMs - this.#arrivals[2] <= RECENT_MS;
    if (dense && !this.#clientFin && this.#firstFaultMs !== Number.POSITIVE_INFINITY) this.#startDownClock(atMs);
  }

  #startDownClock(atMs: number): void {
    this.#downSinceMs = atMs;
    this.#downMoved = false;
    this.#downByFault = false;
  }

  #clientReset(atMs: number): void {
    if (!(this.#clientFin && this.#serviceFin)) this.#ending = 'client-reset';
    this.#stop(atMs);
  }

  /** No more is to come: what is still waited for has been waited for until now, or until the client gave up. */
  #stop(atMs: number): void {
    if (this.#upSinceMs !== NEVER) this.#count(this.#upSinceMs, atMs);
    const untilMs = this.#closedAtMs === NEVER ? atMs : this.#closedAtMs;
    if (this.#downSinceMs !== NEVER && this.#downByFault) this.#count(this.#downSinceMs, untilMs);
    this.#upSinceMs = NEVER;
    this.#downSinceMs = NEVER;
  }

  #noteClose(): void {
    if (!this.#clientFin || !this.#serviceFin) return;
    if (this.#sndUna >= this.#sndNxt && this.#rcvUna >= this.#rcvNxt) this.#ending = 'closed';
  }

  #count(fromMs: number, toMs: number): void {
    const waitedMs = toMs - Math.max(fromMs, this.#firstFaultMs);
    if (waitedMs > this.#stallMs) this.#stallMs = waitedMs;
  }
}

function lengthOf(segment: FlowSegment): number {
  return segment.dataLength + (segment.flags & SYN ? 1 : 0) + (segment.flags & FIN ? 1 : 0);
}

/** More connections than this are not followed; a lab run that opens more has other questions. */
const FLOWS_MAX = 65_536;

/** All connections of one client host to one service, told apart by the client's port. */
export class Flows {
  readonly #current = new Map<number, Flow>();
  readonly #all: Flow[] = [];
  readonly #service: string;
  readonly #clientAddress: string;
  #firstFaultMs = Number.POSITIVE_INFINITY;

  constructor(clientAddress: string, service: string) {
    this.#clientAddress = clientAddress;
    this.#service = service;
  }

  /** Connections that have begun and not ended. */
  get openCount(): number {
    let count = 0;
    for (const flow of this.#current.values()) if (!flow.ended) count++;
    return count;
  }

  fault(atMs: number): void {
    this.#firstFaultMs = Math.min(this.#firstFaultMs, atMs);
    for (const flow of this.#current.values()) flow.fault(atMs);
  }

  packet(atMs: number, fromClient: boolean, clientPort: number, segment: FlowSegment): void {
    let flow = this.#current.get(clientPort);
    const opens = fromClient && (segment.flags & (SYN | ACK)) === SYN;
    if (opens && (flow === undefined || !flow.isOwnSyn(segment.seq)) && this.#all.length < FLOWS_MAX) {
      flow = new Flow(endpointToString(this.#clientAddress, clientPort), this.#service, atMs, segment.seq);
      if (this.#firstFaultMs !== Number.POSITIVE_INFINITY) flow.fault(this.#firstFaultMs);
      this.#current.set(clientPort, flow);
      this.#all.push(flow);
    }
    if (fromClient) flow?.fromClient(atMs, segment);
    else flow?.fromService(atMs, segment);
  }

  report(endMs: number): FlowReport[] {
    return this.#all.map((flow) => flow.report(endMs));
  }
}
