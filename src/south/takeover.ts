// Promotion, seen from the connections: take over first, recover later. Clients are answered from the log at once, and
// unacknowledged output is retransmitted, while the virtual client goes on feeding the local server. When the server has
// reached the end of the log in both directions, client and server talk to each other directly.
import { type Connection, NONE } from './connection.ts';
import type { PacketPorts, SouthContext } from './context.ts';
import type { Emitter } from './emitter.ts';
import { Nudge } from './nudge.ts';
import { advanceChecksum, checksumAhead, diverge, isDoomed } from './output-comparison.ts';
import type { VirtualClient } from './virtual-client.ts';

/** Segments that are retransmitted before the client acknowledges any. RFC 6928 §2 */
const INITIAL_SEGMENTS = 10;
/** Connections whose first frames go out together at a promotion. */
const FLUSH_EVERY = 64;
/** Connections that are recovered at once, and then in each millisecond: a Gb/s, if each has ten large segments to repeat. */
const RECOVERED_AT_ONCE = 256;
const RECOVERED_PER_MS = 8;

export class Takeover {
  readonly #context: SouthContext;
  readonly #emitter: Emitter;
  readonly #virtualClient: VirtualClient;
  readonly #nudge: Nudge;
  readonly #sendLan: PacketPorts['lan'];
  /** Taken over, answered, and not recovered yet. */
  readonly #unrecovered: Connection[] = [];
  #recoveredUntilMs = 0;

  constructor(context: SouthContext, emitter: Emitter, virtualClient: VirtualClient) {
    this.#context = context;
    this.#emitter = emitter;
    this.#virtualClient = virtualClient;
    this.#nudge = new Nudge(context);
    this.#sendLan = (bytes, offset, length) => context.ports.lan(bytes, offset, length);
  }

  /** This host speaks from now on. Every client is answered at once; nudges and repeated output are paced. */
  takeOverAll(nowMs: number): void {
    let taken = 0;
    for (const connection of this.#context.connections) {
      // The RST may have been logged and not have left.
      if (connection.resetByServer) this.#emitter.reset(connection, connection.outWireNxt, nowMs);
      if (connection.finished) continue;
      if (this.#answer(connection, nowMs)) this.#unrecovered.push(connection);
      taken++;
      if (taken % FLUSH_EVERY === 0) this.#flush();
    }
    this.#recoveredUntilMs = nowMs - RECOVERED_AT_ONCE / RECOVERED_PER_MS;
    this.tick(nowMs);
  }

  /** The server could not be fed until now. It has not had the end of what is finished for the client, either. */
  feedAll(nowMs: number): void {
    for (const connection of this.#context.connections) {
      this.#virtualClient.pump(connection, nowMs);
      this.advance(connection, nowMs);
    }
  }

  /** What the log holds and the local server's TCP was not given, bytes; a handshake counts as one. */
  get unfedBytes(): number {
    let bytes = 0;
    for (const connection of this.#context.connections) {
      const { direct, phase, handshakeDone, inFed, inEnd } = connection;
      if (direct || !handshakeDone || phase === 'reset') continue;
      bytes += inEnd - inFed + (phase === 'established' ? 0 : 1);
    }
    return bytes;
  }

  /** While the server recovers the client may send as far ahead as before: what it sends is kept, as memory allows. */
  keepOpen(connection: Connection): void {
    const edge = Math.min(connection.inWireNxt + connection.inWndKept, connection.input.limit);
    if (!this.#context.standingIn || edge <= connection.inWireEdge || !connection.input.accepts(edge)) return;
    connection.inWireEdge = edge;
  }

  /** Whether connections wait for their turn to be recovered. */
  get hasWork(): boolean {
    return this.#unrecovered.length > 0;
  }

  /** Recovers as many connections as it is time for. */
  tick(nowMs: number): void {
    if (!this.hasWork) return;
    const due = Math.floor((nowMs - this.#recoveredUntilMs) * RECOVERED_PER_MS);
    this.#recoveredUntilMs += due / RECOVERED_PER_MS;
    let recovered = 0;
    for (const connection of this.#unrecovered.splice(0, due)) {
      this.#recover(connection, nowMs);
      recovered++;
      if (recovered % FLUSH_EVERY === 0) this.#flush();
    }
  }

  /** The local server has said something while the virtual client still stands between. */
  progress(connection: Connection, nowMs: number): void {
    if (connection.finished) return;
    if (connection.phase === 'reset' || isDoomed(connection, this.#context)) {
      this.#end(connection, nowMs);
      return;
    }
    this.#continueClock(connection, nowMs);
    // It has repeated its SYN-ACK; so will the client its SYN, for whom there is nothing before that is answered.
    if (!connection.handshakeDone) return;
    const acked = connection.inLocalNxt > connection.inWireNxt;
    const opened = connection.inLocalEdge > connection.inWireEdge;
    connection.inWireNxt = Math.max(connection.inWireNxt, connection.inLocalNxt);
    connection.inWireEdge = Math.max(connection.inWireEdge, connection.inLocalEdge);
    if (!this.#retransmit(connection, nowMs) && (acked || opened)) this.#emitter.ack(connection, nowMs);
    this.advance(connection, nowMs);
  }

  /**
   * The local server's TCP has run out of patience while the virtual client stands between: what it repeats, from `position` on,
   * is sent to the client again; where its window is closed, or that cannot be compared yet, the client is asked.
   */
  repeated(connection: Connection, position: number, length: number, nowMs: number): void {
    const { outUna, outWireEdge, outLocalAcked } = connection;
    if (connection.finished || connection.recoverNxt === NONE) return;
    if (length === 0 || outWireEdge <= outUna || this.#sendableEnd(connection) <= outUna) {
      this.#emitter.probe(connection, nowMs);
      this.#vouch(connection);
    } else if (position < connection.recoverNxt || outLocalAcked > outUna) {
      connection.recoverNxt = outLocalAcked > outUna ? outUna : Math.max(outUna, position);
      connection.recoverCredit = Math.max(connection.recoverCredit, length);
    }
  }

  /**
   * The local server's congestion window may end before the first output entry that covers what the client lacks: then nothing
   * can be compared, nothing is sent, and nobody acknowledges. What it has said up to there is kept here, and repeated from here.
   */
  #vouch(connection: Connection): void {
    const { uncompared, outUna } = connection;
    if (uncompared.length === 0 || connection.outComparedEnd > outUna) return;
    connection.outVouched = Math.max(connection.outVouched, uncompared[0] ?? 0);
    this.#virtualClient.acknowledge(connection);
  }

  /**
   * Looked at now and then. What this host vouches for no server's TCP repeats: it is repeated to a client that gets no further.
   * A server that was fed all that its predecessor had answered, and does not answer, differs from it (rule 4): its client is told
   * rather than left waiting.
   */
  watch(connection: Connection, nowMs: number): void {
    const { inLocalNxt, outLocalNxt, outUna, outLocalAcked } = connection;
    if (connection.endedHere) this.#emitter.reset(connection, connection.outWireNxt, nowMs);
    if (connection.direct || connection.finished || this.#context.standingIn) return;
    if (outLocalAcked > outUna && connection.outUnaSeen === outUna) {
      this.repeated(connection, outUna, this.#emitter.segmentSize(connection), nowMs);
      this.#retransmit(connection, nowMs);
    }
    connection.outUnaSeen = outUna;
    if (!isBehind(connection)) {
      connection.standstill.reset();
    } else if (connection.standstill.look(inLocalNxt + outLocalNxt, nowMs) >= this.#context.config.catchUpTimeoutMs) {
      diverge(connection, outLocalNxt, this.#context);
      this.#end(connection, nowMs);
    }
  }

  /** Lets client and server talk directly as soon as nothing stands in the way. */
  advance(connection: Connection, nowMs: number): void {
    const inputDone =
      connection.inFed === connection.inEnd &&
      connection.input.holes === 0 &&
      connection.inLocalNxt >= connection.inWireNxt &&
      this.#windowsAgree(connection);
    const outputDone =
      connection.outLocalNxt >= connection.outWireNxt &&
      connection.uncompared.length === 0 &&
      connection.outLocalAcked <= connection.outUna;
    const { standingIn } = this.#context;
    if (connection.phase !== 'established' || isDoomed(connection, this.#context)) return;
    if (standingIn || !inputDone || !outputDone) return;
    this.#continueClock(connection, nowMs);
    this.#virtualClient.acknowledge(connection);
    advanceChecksum(connection, connection.output.end, this.#context);
    connection.outWireNxt = connection.outLocalNxt;
    connection.outWireFin = connection.outLocalFin;
    connection.direct = true;
    connection.quietSinceMs = nowMs;
    if (connection.recoverNxt >= this.#sendableEnd(connection)) connection.recoverNxt = NONE;
  }

  /** The local window covers what the client was promised, or enough of it while nothing is on its way to be dropped. */
  #windowsAgree(connection: Connection): boolean {
    const { inLocalNxt, inLocalEdge, inWireEdge, inEnd } = connection;
    if (inLocalEdge >= inWireEdge) return true;
    return inLocalNxt === inEnd && 2 * (inLocalEdge - inLocalNxt) >= inWireEdge - inLocalNxt;
  }

  /** The client has acknowledged `bytes` more: as much may follow, while the server's TCP sends new data for the same ACK. */
  acknowledged(connection: Connection, bytes: number, nowMs: number): void {
    if (connection.recoverNxt === NONE) return;
    checksumAhead(connection, this.#context);
    connection.releaseOutput();
    connection.recoverNxt = Math.max(connection.recoverNxt, connection.outUna);
    connection.recoverCredit += bytes;
    this.#retransmit(connection, nowMs);
    if (connection.direct && connection.recoverNxt >= this.#sendableEnd(connection)) connection.recoverNxt = NONE;
  }

  /**
   * A router on the path to the client lets no larger segments through. What this host has repeated since the client's ACK is lost,
   * and repeated in smaller pieces; what the server's TCP sends by itself it will repeat by itself.
   */
  pathNarrowed(connection: Connection, mss: number, nowMs: number): void {
    if (mss >= connection.outMss) return;
    connection.outMss = mss;
    if (connection.recoverNxt === NONE) return;
    connection.recoverNxt = connection.outUna;
    connection.recoverCredit = Math.max(
      connection.recoverCredit,
      INITIAL_SEGMENTS * this.#emitter.segmentSize(connection),
    );
    this.#retransmit(connection, nowMs);
  }

  /** No backup is left to wait for: room for the next frames. */
  #flush(): void {
    while (this.#context.release.releaseNext(Number.POSITIVE_INFINITY, this.#sendLan));
  }

  /** Tells the client where its connection stands. @returns whether there is more to do for it. */
  #answer(connection: Connection, nowMs: number): boolean {
    if (isDoomed(connection, this.#context) || connection.phase === 'reset') {
      this.#end(connection, nowMs);
      return false;
    }
    this.#continueClock(connection, nowMs);
    connection.recoverNxt = connection.outUna;
    connection.recoverCredit = INITIAL_SEGMENTS * this.#emitter.segmentSize(connection);
    if (!connection.handshakeDone) {
      this.#emitter.synAck(connection, nowMs);
      return false;
    }
    connection.inWireEdge = Math.max(connection.inWireEdge, connection.inLocalEdge, connection.inEnd);
    connection.inWndKept = connection.inWireEdge - connection.inWireNxt;
    connection.inWireNxt = Math.max(connection.inWireNxt, connection.inEnd);
    this.keepOpen(connection);
    this.#emitter.ack(connection, nowMs);
    this.#virtualClient.pump(connection, nowMs);
    this.advance(connection, nowMs);
    return true;
  }

  /**
   * What wakes a client from its timers, and repeats what it may have missed. Where there is nothing to repeat it is asked: it may have
   * acknowledged or opened its window while nobody listened, and says so only once.
   */
  #recover(connection: Connection, nowMs: number): void {
    if (connection.finished) return;
    this.#nudge.send(connection);
    const { outUna, outWireNxt, outWireEdge } = connection;
    const isOpen = outWireEdge - outUna >= this.#emitter.segmentSize(connection);
    if (!this.#retransmit(connection, nowMs) && !(outUna === outWireNxt && isOpen)) {
      this.#emitter.probe(connection, nowMs);
      this.#vouch(connection);
    }
    if (connection.direct && connection.recoverNxt >= this.#sendableEnd(connection)) connection.recoverNxt = NONE;
  }

  /**
   * Sends kept output from `recoverNxt` on, as far as the credit, the client's window and the comparison allow.
   * @returns whether anything was sent.
   */
  #retransmit(connection: Connection, nowMs: number): boolean {
    const before = connection.recoverNxt;
    if (before === NONE) return false;
    const segment = this.#emitter.segmentSize(connection);
    const end = Math.min(connection.output.end, this.#sendableEnd(connection), connection.outWireEdge);
    while (connection.recoverCredit > 0 && connection.recoverNxt < end) {
      const most = this.#emitter.outputMost(connection, connection.recoverNxt);
      const length = Math.min(connection.recoverCredit, end - connection.recoverNxt, most);
      this.#emitter.output(connection, connection.recoverNxt, length, nowMs);
      this.#context.counters.recoveredSegments += Math.ceil(length / segment);
      connection.recoverNxt += length;
      connection.recoverCredit -= length;
    }
    if (connection.recoverNxt === connection.outLocalFin) {
      this.#emitter.fin(connection, nowMs);
      connection.outWireFin = connection.outLocalFin;
      connection.recoverNxt++;
    }
    connection.outWireNxt = Math.max(connection.outWireNxt, connection.recoverNxt);
    return connection.recoverNxt > before;
  }

  /** End of the kept output, the FIN counted, that may go to the client: where entries cover it, it has compared equal. */
  #sendableEnd(connection: Connection): number {
    if (connection.uncompared.length > 0) return connection.outComparedEnd;
    return connection.outLocalFin === connection.output.end ? connection.outLocalFin + 1 : connection.output.end;
  }

  /** TSval goes on from the last one that the client may have seen, and never runs backwards. RFC 7323 §5.4 */
  #continueClock(connection: Connection, nowMs: number): void {
    if (connection.clockContinued || !connection.open.timestamps || connection.tsLocalAtMs === 0) return;
    connection.clockContinued = true;
    const wire = connection.tsWire + Math.ceil(nowMs - connection.tsWireAtMs) + 1;
    const local = connection.tsLocal + Math.floor(nowMs - connection.tsLocalAtMs);
    connection.tsOffset = (wire - local) >>> 0;
  }

  /** A connection that cannot be continued right is reset rather than continued wrong (rule 4). */
  #end(connection: Connection, nowMs: number): void {
    this.#emitter.reset(connection, connection.outWireNxt, nowMs);
    connection.resetByServer = true;
    connection.endedHere = true;
    // The client may doubt the RST and acknowledge: that must not have it told what differs.
    connection.recoverNxt = NONE;
    this.#virtualClient.reset(connection);
  }
}

/** Whether the local server owes something that waits for nobody else. */
function isBehind(connection: Connection): boolean {
  const { handshakeDone, phase, inLocalNxt, inEnd, outLocalNxt, outWireNxt } = connection;
  if (phase !== 'established') return handshakeDone;
  return inLocalNxt >= inEnd && outLocalNxt < outWireNxt;
}
