// The virtual client: on a backup, and on a new primary until its server has caught up, it plays the client towards the local
// server. It replays the client's SYN, feeds the logged bytes within the window that the local server offers, and acknowledges
// the local server's output no further than the real client has, or than this host vouches for at a promotion. What the local
// server says is compared and kept.
import type { Segment } from '../wire/segment.ts';
import { SegmentFields, writeSegment } from '../wire/segment-writer.ts';
import { type Seq, seqDiff } from '../wire/seq.ts';
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../wire/tcp.ts';
import { VIRTIO_HEADER } from '../wire/virtio.ts';
import type { Connection } from './connection.ts';
import type { SouthContext } from './context.ts';
import { BULK_PAYLOAD_MAX, clampWindow, segmentSizeFor, writeTcpVirtio } from './emitter.ts';
import { checksumAhead, compareOutput } from './output-comparison.ts';

/** How soon a SYN is sent again: nobody listens yet. */
const SYN_RETRY_MS = 10;
/** How soon bytes are sent again that the TUN may have dropped; longer than Linux delays an ACK. */
const DATA_RETRY_MS = 60;
const RETRY_MAX_MS = 250;
/** The primary hears of what was fed here in steps of this, or of a sixteenth of the bound. */
const FED_STEP_BYTES = 128 << 10;

export class VirtualClient {
  readonly #context: SouthContext;
  /** One packet for the TUN, or its headers. */
  readonly #scratch: Uint8Array;
  readonly #fields = new SegmentFields();
  /** Connections with something that the local server has not acknowledged. */
  readonly #waiting = new Set<Connection>();
  /** Forgotten by everybody else, but earlier ones of their four-tuples are not finished. */
  readonly #forgotten = new Set<Connection>();
  /** Of a recorded server: handshakes that the client has completed, and this host's server has not. In the order of the log. */
  readonly #incomplete: Connection[] = [];
  #superseded = 0;

  constructor(context: SouthContext, scratch: Uint8Array) {
    this.#context = context;
    this.#scratch = scratch;
  }

  get hasWork(): boolean {
    return this.#waiting.size > 0 || this.#forgotten.size > 0;
  }

  /** Connections whose four-tuple is in use again, and which the local server has not finished. */
  get superseded(): number {
    return this.#superseded;
  }

  /** The four-tuple of `before` is in use again. */
  supersede(before: Connection, connection: Connection): void {
    before.lineage ??= [before];
    before.lineage.push(connection);
    connection.lineage = before.lineage;
    this.#forgotten.delete(before);
    this.#superseded++;
  }

  /** Begins to replay the connection; waits while an earlier one with the same four-tuple is unfinished. */
  start(connection: Connection, nowMs: number): void {
    if (this.#context.retains) {
      this.#ownsSocket(connection);
      return;
    }
    this.#waiting.add(connection);
    if (!this.#ownsSocket(connection)) {
      connection.retryAtMs = nowMs + SYN_RETRY_MS;
      return;
    }
    this.#sendSyn(connection);
    this.#retryLater(connection, nowMs);
  }

  /**
   * The client has acknowledged the SYN-ACK: so may the virtual client. The processes of a recorded server take connections in the order in
   * which the primary's kernel had them, so they come to this one's in that order too.
   */
  completeHandshake(connection: Connection, nowMs: number): void {
    // Without a server nothing answers the SYN.
    if (this.#context.retains) return;
    this.#incomplete.push(connection);
    this.#completeInOrder(nowMs);
  }

  #completeInOrder(nowMs: number): void {
    const inOrder = this.#context.north.replays;
    let kept = 0;
    for (const connection of this.#incomplete) {
      if (connection.phase === 'syn-sent' || (inOrder && kept > 0)) this.#incomplete[kept++] = connection;
      else this.#complete(connection, nowMs);
    }
    this.#incomplete.length = kept;
  }

  #complete(connection: Connection, nowMs: number): void {
    if (connection.phase !== 'syn-received') return;
    connection.phase = 'established';
    connection.outLocalAcked = 1;
    this.#send(connection, ACK, 1, 0);
    this.pump(connection, nowMs);
  }

  /** Feeds what is logged and not fed yet, within the local window. */
  pump(connection: Connection, nowMs: number): void {
    if (connection.phase !== 'established' || connection.direct || this.#context.standingIn) return;
    const { input } = connection;
    for (;;) {
      const length = Math.min(input.end, connection.inLocalEdge) - connection.inFed;
      if (length <= 0) break;
      const part = Math.min(length, BULK_PAYLOAD_MAX, connection.inUrgent.after(connection.inFed) - connection.inFed);
      this.#send(connection, ACK | PSH, connection.inFed, part);
      connection.inFed += part;
    }
    if (connection.inFed === connection.inFin && connection.inFin < connection.inLocalEdge && mayClose(connection)) {
      this.#send(connection, ACK | FIN, connection.inFin, 0);
      connection.inFed = connection.inFin + 1;
    }
    if (connection.inLocalNxt < connection.inEnd && !this.#waiting.has(connection)) {
      this.#waiting.add(connection);
      connection.retries = 0;
      this.#retryLater(connection, nowMs);
    }
  }

  /** Acknowledges the local server's output as far as the client has or this host vouches, and the local server has sent. */
  acknowledge(connection: Connection): void {
    if (connection.phase !== 'established' || connection.direct) return;
    const ack = ackFor(connection);
    if (ack < connection.outLocalAcked) return;
    connection.outLocalAcked = ack;
    this.#send(connection, ACK, connection.inFed, 0);
  }

  /** The primary's server has said more. The local one may need a wider window to come as far. */
  promised(connection: Connection): void {
    const { outLocalNxt, outLocalEdge, outWireNxt } = connection;
    if (outLocalNxt < outWireNxt && outLocalEdge < outWireNxt + segmentOf(connection)) this.acknowledge(connection);
  }

  /** Ends the local server's socket: the client, or the primary's server, has reset the connection. */
  reset(connection: Connection): void {
    this.#waiting.delete(connection);
    if (connection.phase === 'reset') return;
    // Without a SYN there is no socket, or it is an earlier connection's; with no answer there is nothing to acknowledge yet.
    if (connection.phase !== 'syn-sent') this.#send(connection, RST | ACK, connection.inLocalNxt, 0);
    else if (connection.retries > 0) this.#send(connection, RST, 1, 0);
    connection.phase = 'reset';
  }

  /** Nobody will speak of the connection any more. It keeps its place until those before it are finished. */
  forget(connection: Connection): void {
    if (!connection.direct) this.reset(connection);
    if (this.#ownsSocket(connection)) this.#remove(connection);
    else this.#forgotten.add(connection);
  }

  /**
   * Clears what is left of a connection whose four-tuple is used again, once the local server has had and said all of it.
   * @returns whether that is so.
   */
  clear(connection: Connection): boolean {
    if (!this.#ownsSocket(connection)) return false;
    const inputDone = connection.phase === 'reset' || connection.inLocalNxt >= connection.inEnd;
    const outputDone = connection.phase === 'reset' || connection.outLocalNxt >= connection.outWireNxt;
    if (!inputDone || !outputDone) return false;
    this.reset(connection);
    return true;
  }

  /** Has the server's TCP say its ACK and window: a segment just before the next byte. RFC 9293 §3.8.4 */
  probe(connection: Connection): void {
    if (connection.phase === 'established') this.#send(connection, ACK, connection.inLocalNxt - 1, 0);
  }

  /** A packet of the local server, read from the TUN. */
  fromServer(connection: Connection, segment: Segment, nowMs: number): void {
    if ((segment.flags & RST) !== 0) {
      // RFC 9293 §3.10.7.3: nobody listens yet. That is this host's business, not the client's; the SYN is sent again.
      if (connection.phase !== 'syn-sent') connection.phase = 'reset';
      return;
    }
    if (segment.hasTimestamps) {
      connection.tsLocal = segment.tsVal;
      connection.tsLocalAtMs = nowMs;
    }
    if ((segment.flags & SYN) !== 0) {
      this.#synAck(connection, segment, nowMs);
      return;
    }
    if (connection.phase === 'syn-sent') return;
    this.#learnAck(connection, segment);
    const answer = this.#takeOutput(connection, segment);
    this.reportStep(connection);
    this.pump(connection, nowMs);
    if (answer || ackFor(connection) > connection.outLocalAcked) this.acknowledge(connection);
  }

  /** Backup: reports what was done in steps too small to be told at once. Now and then. */
  reportRest(): void {
    for (const connection of this.#context.byId.values()) {
      const { inLocalNxt, inBackupNxt, outLocalNxt, outBackupNxt } = connection;
      if (inLocalNxt > inBackupNxt || outLocalNxt > outBackupNxt) this.#report(connection);
    }
  }

  /** Tells the local server that talks with its client directly that it may send up to `edge` after all. */
  offer(connection: Connection, edge: number): void {
    connection.outLocalEdge = edge;
    this.#send(connection, ACK, Math.min(connection.inEnd, connection.inLocalEdge), 0);
  }

  /** Sends again what the local server has not acknowledged in time. */
  tick(nowMs: number): void {
    if (this.#context.standingIn) return;
    if (this.#incomplete.length > 0) this.#completeInOrder(nowMs);
    for (const connection of this.#forgotten) {
      if (!this.#ownsSocket(connection)) continue;
      this.#forgotten.delete(connection);
      this.#remove(connection);
    }
    for (const connection of this.#waiting) {
      if (connection.phase === 'reset' || connection.direct) {
        this.#waiting.delete(connection);
        continue;
      }
      if (connection.phase === 'established' && connection.inLocalNxt >= connection.inEnd) {
        this.#waiting.delete(connection);
        continue;
      }
      if (nowMs < connection.retryAtMs || !this.#ownsSocket(connection)) continue;
      this.#context.counters.virtualRetries++;
      if (connection.phase === 'syn-sent') this.#sendSyn(connection);
      else if (connection.phase === 'established') {
        connection.inFed = connection.inLocalNxt;
        this.pump(connection, nowMs);
        if (connection.inFed === connection.inLocalNxt) this.probe(connection);
      }
      this.#retryLater(connection, nowMs);
    }
  }

  #synAck(connection: Connection, segment: Segment, nowMs: number): void {
    if (segment.ack !== connection.inPositionToSeq(1)) return;
    if (connection.phase !== 'syn-sent') {
      if (connection.phase === 'established') this.acknowledge(connection);
      return;
    }
    connection.issLocal = segment.seq;
    connection.serverScaleLocal = Math.max(0, segment.windowScale);
    connection.inLocalEdge = 1 + segment.window;
    connection.phase = 'syn-received';
    if (connection.handshakeDone) this.#completeInOrder(nowMs);
  }

  /**
   * Of a window that is smaller than was promised, too: Linux closes one for which it has no memory. From beyond it an ACK is not heard, so
   * what was fed there counts as not fed.
   */
  #learnAck(connection: Connection, segment: Segment): void {
    if ((segment.flags & ACK) === 0) return;
    const ack = connection.inLocalNxt + seqDiff(segment.ack, connection.inPositionToSeq(connection.inLocalNxt));
    if (ack > connection.inEnd) return;
    if (ack > connection.inLocalNxt) {
      connection.inLocalNxt = ack;
      connection.inFed = Math.max(connection.inFed, ack);
      connection.retries = 0;
      connection.input.release(ack);
    }
    if (ack < connection.inLocalNxt) return;
    const scale = 2 ** connection.serverScaleLocal;
    connection.offered(ack + segment.window * scale);
    if (connection.inFed >= connection.inLocalEdge + scale) connection.inFed = connection.inLocalEdge;
  }

  /** The primary holds windows by what is not fed here, and not said. */
  reportStep(connection: Connection): void {
    const { inLocalNxt, inBackupNxt, outLocalNxt, outBackupNxt } = connection;
    const step = this.#context.config.limits.connectionBytes / 16;
    if (inLocalNxt - inBackupNxt >= Math.min(FED_STEP_BYTES, step) || outLocalNxt - outBackupNxt >= step) {
      this.#report(connection);
    }
  }

  #report(connection: Connection): void {
    if (this.#context.speaking) return;
    connection.inBackupNxt = connection.inLocalNxt;
    connection.outBackupNxt = connection.outLocalNxt;
    this.#context.progressed.add(connection);
  }

  /** Keeps and compares new output. @returns whether the local server expects an answer. RFC 9293 §3.10.7.4, first check */
  #takeOutput(connection: Connection, segment: Segment): boolean {
    const start = connection.outLocalToPosition(segment.seq);
    const end = start + segment.dataLength;
    if (segment.dataLength === 0 && (segment.flags & FIN) === 0) return start < connection.outLocalNxt;
    const fresh = connection.output.end;
    if ((segment.flags & URG) !== 0) this.#noteUrgent(connection, start + segment.urgentPointer);
    if (start <= fresh && end > fresh && this.#hasRoom(connection, end)) {
      connection.output.write(fresh, segment.bytes, segment.dataOffset + (fresh - start), end - fresh);
      connection.outLocalNxt = Math.max(connection.outLocalNxt, end);
      compareOutput(connection, this.#context);
      connection.releaseOutput();
    }
    if ((segment.flags & FIN) !== 0 && end === connection.output.end) {
      connection.outLocalFin = end;
      connection.outLocalNxt = end + 1;
      compareOutput(connection, this.#context);
    }
    return start < connection.outUna || start > fresh;
  }

  #noteUrgent({ outUrgent, outUna }: Connection, mark: number): void {
    outUrgent.release(outUna);
    if (!outUrgent.isFull) outUrgent.add(mark);
  }

  /** Whether output up to `end` can be kept: as it gets crowded, what the client has gives way. */
  #hasRoom(connection: Connection, end: number): boolean {
    const { output } = connection;
    if (output.accepts(end) && end - output.base < output.limit - end) return true;
    checksumAhead(connection, this.#context);
    connection.releaseOutput();
    return output.accepts(end);
  }

  /** Whether the local socket of its four-tuple is this one's, or none's: those before it are finished, and cleared. */
  #ownsSocket(connection: Connection): boolean {
    const { lineage } = connection;
    for (let first = lineage?.[0] ?? connection; first !== connection; first = lineage?.[0] ?? connection) {
      if (!this.clear(first)) return false;
      first.drop();
      lineage?.shift();
      this.#superseded--;
    }
    return true;
  }

  #remove(connection: Connection): void {
    this.#context.connections.delete(connection);
    connection.drop();
  }

  #retryLater(connection: Connection, nowMs: number): void {
    const first = connection.phase === 'syn-sent' ? SYN_RETRY_MS : DATA_RETRY_MS;
    connection.retryAtMs = nowMs + Math.min(RETRY_MAX_MS, first * 2 ** Math.min(connection.retries, 10));
    connection.retries++;
  }

  #sendSyn(connection: Connection): void {
    const { open } = connection;
    const fields = this.#address(connection);
    fields.seq = connection.irs;
    fields.ack = 0 as Seq;
    fields.flags = open.ecn ? SYN | ECE | CWR : SYN;
    fields.urgentPointer = 0;
    fields.window = open.clientWindow;
    fields.dataLength = 0;
    fields.tsEcr = 0;
    fields.mss = open.clientMss;
    fields.windowScale = open.serverScale < 0 ? -1 : open.clientScale;
    fields.sackPermitted = open.sackPermitted;
    this.#write(fields, connection, 0);
  }

  #send(connection: Connection, flags: number, position: number, length: number): void {
    const fields = this.#address(connection);
    fields.seq = connection.inPositionToSeq(position);
    fields.ack = connection.outPositionToLocal(connection.outLocalAcked);
    fields.urgentPointer = length > 0 ? connection.inUrgent.pointer(position) : 0;
    fields.flags = fields.urgentPointer > 0 ? flags | URG : flags;
    const edge = connection.direct ? connection.outLocalEdge : edgeFor(connection);
    fields.window = clampWindow((edge - connection.outLocalAcked) / 2 ** connection.clientScale);
    if (!connection.direct) {
      connection.outLocalEdge = connection.outLocalAcked + fields.window * 2 ** connection.clientScale;
    }
    fields.dataLength = length;
    fields.tsEcr = connection.tsLocal;
    fields.mss = 0;
    fields.windowScale = -1;
    fields.sackPermitted = false;
    this.#write(fields, connection, position);
  }

  #address(connection: Connection): SegmentFields {
    const fields = this.#fields;
    fields.source = connection.clientIp;
    fields.destination = connection.serviceIp;
    fields.sourcePort = connection.clientPort;
    fields.destinationPort = connection.servicePort;
    fields.hasTimestamps = connection.open.timestamps;
    fields.tsVal = connection.tsRecent;
    return fields;
  }

  #write(fields: SegmentFields, connection: Connection, position: number): void {
    const bytes = this.#scratch;
    const headers = writeSegment(bytes, VIRTIO_HEADER, fields);
    const segmentSize = segmentSizeFor(connection.open.serverMss, connection.open.timestamps);
    writeTcpVirtio(bytes, 0, 0, headers, fields, segmentSize);
    const { ports, counters } = this.#context;
    const { input } = connection;
    const headLength = VIRTIO_HEADER + headers;
    const length = fields.dataLength;
    const at = length === 0 ? -1 : input.offsetInRing(position, length);
    if (at >= 0) {
      ports.tunApart(bytes, headLength, input.ring, at, length);
    } else {
      if (length > 0) input.read(position, length, bytes, headLength);
      ports.tun(bytes, 0, headLength + length);
    }
    counters.virtualSegments++;
  }
}

/**
 * A client may have closed because it was answered. Many servers drop a request whose client has gone: one that is slower than the
 * primary's hears of it only when it has said as much. What the primary's had said by then, it said without the FIN.
 */
function mayClose({ outLocalNxt, inFinAfter, diverged }: Connection): boolean {
  return outLocalNxt >= inFinAfter || diverged;
}

function ackFor({ outUna, outVouched, outLocalNxt }: Connection): number {
  return Math.min(Math.max(outUna, outVouched), outLocalNxt);
}

/**
 * Right edge of the window that the local server is offered. The primary's TCP may have filled the client's to the last byte; another
 * one, which cuts the stream elsewhere, waits before the rest of a window that is less than a segment (RFC 9293 §3.8.6.2.1), and
 * windows are rounded down by their scale. So the local one gets room for both beyond what the primary's has said; what the
 * client has no room for is kept. What cannot be kept it is not to say: it would say it again only when its timer expires.
 */
function edgeFor(connection: Connection): number {
  const { output, outWireEdge, outWireNxt, clientScale } = connection;
  const wanted = Math.max(outWireEdge, outWireNxt + segmentOf(connection) + 2 ** clientScale);
  return Math.min(wanted, output.limit);
}

function segmentOf({ open }: Connection): number {
  return Math.max(open.clientMss, open.serverMss);
}
