// Rule 6: a backup whose server is slower than the primary's must hold what it has not fed yet, and what it has not said yet is what
// clients would wait for at a failover. Both are bounded by holding back the right edge of a window, and by nothing else.
//
// Input: of the client's window, for each connection and for all. What comes nevertheless, because it was promised before, is not taken,
// and not acknowledged. Output: of the window that this host's server sees the client offer. The end whose window was held knows nothing
// of it, so the daemon itself sends the window update when there is room again.
import type { Segment } from '../wire/segment.ts';
import { OWN_BYTES } from './budget.ts';
import type { Connection } from './connection.ts';
import type { SouthContext } from './context.ts';
import { clampWindow, type Emitter } from './emitter.ts';
import type { VirtualClient } from './virtual-client.ts';

/**
 * How many times `limits.connectionBytes` this host's server may be ahead of the backup's in output. Nothing of it is kept: it bounds
 * for how long a client waits at a failover, and should be more than a hiccup of the backup.
 */
const OUTPUT_AHEAD = 8;

export class Backpressure {
  readonly #context: SouthContext;
  readonly #emitter: Emitter;
  readonly #virtualClient: VirtualClient;
  #heldMs = 0;

  constructor(context: SouthContext, emitter: Emitter, virtualClient: VirtualClient) {
    this.#context = context;
    this.#emitter = emitter;
    this.#virtualClient = virtualClient;
  }

  /** A client has been held back for long by a backup whose server gets no further with it: what it would protect it stops. */
  get isTooLong(): boolean {
    return this.#heldMs >= this.#context.config.catchUpTimeoutMs;
  }

  /** There is a backup that must keep what its server does not take. A log on disk keeps it itself. */
  get #holds(): boolean {
    return this.#context.log.active && !this.#context.retains;
  }

  /** How far the right edge of the connection's window may be, by what the backup can keep. */
  limit({ inBackupNxt }: Connection): number {
    const { config, unfedBytes } = this.#context;
    if (!this.#holds) return Number.POSITIVE_INFINITY;
    const { connectionBytes, totalBytes } = config.limits;
    return inBackupNxt + Math.min(connectionBytes, Math.max(OWN_BYTES, totalBytes - unfedBytes));
  }

  /** Whether the backup can keep the client's bytes up to `end`, `length` of them new at most. */
  accepts({ inBackupNxt }: Connection, end: number, length: number): boolean {
    const { config, unfedBytes } = this.#context;
    return !this.#holds || unfedBytes + length <= config.limits.totalBytes || end - inBackupNxt <= OWN_BYTES;
  }

  /**
   * Holds back the window that a client's segment offers this host's server, by what the backup's has said. Its right edge does not
   * go back. RFC 9293 §3.8.6
   */
  narrow(connection: Connection, segment: Segment): void {
    const ack = connection.outWireToPosition(segment.ack);
    const scale = 2 ** connection.clientScale;
    const most = Math.max(connection.outLocalEdge, this.#outputLimit(connection));
    if (ack + segment.window * scale > most) segment.setWindow(clampWindow(Math.ceil((most - ack) / scale)));
    connection.outLocalEdge = Math.max(connection.outLocalEdge, ack + segment.window * scale);
  }

  /** New bytes of a client were logged. */
  logged(length: number): void {
    if (this.#holds) this.#context.unfedBytes += length;
  }

  /** The backup's server has acknowledged up to `position`. */
  fed(connection: Connection, position: number, nowMs: number): void {
    if (!(position > connection.inBackupNxt && position <= connection.inEnd)) return;
    this.#context.unfedBytes -= position - connection.inBackupNxt;
    connection.inBackupNxt = position;
    this.#widen(connection, nowMs);
  }

  /** The backup's server has said so much. It may be ahead. */
  said(connection: Connection, position: number): void {
    if (!(position > connection.outBackupNxt)) return;
    connection.outBackupNxt = position;
    this.#offer(connection);
  }

  /** There is no backup any more: nothing is held. */
  end(nowMs: number): void {
    this.#context.unfedBytes = 0;
    this.#heldMs = 0;
    for (const connection of this.#context.byId.values()) {
      this.#widen(connection, nowMs);
      this.#offer(connection);
    }
  }

  /** Counts anew, without connections that are gone, and opens windows that others' bytes had kept narrow. */
  sweep(nowMs: number): void {
    const { byId } = this.#context;
    let unfedBytes = 0;
    if (this.#holds) {
      for (const connection of byId.values()) {
        if (!connection.finished) unfedBytes += Math.max(0, connection.inEnd - connection.inBackupNxt);
      }
    }
    this.#context.unfedBytes = unfedBytes;
    this.#heldMs = 0;
    for (const connection of byId.values()) {
      this.#widen(connection, nowMs);
      this.#offer(connection);
      if (this.#holds) this.#watch(connection, nowMs);
    }
  }

  #watch(connection: Connection, nowMs: number): void {
    const { direct, finished, standstill, inBackupNxt, outBackupNxt } = connection;
    if (!direct || finished || !isHeld(connection)) standstill.reset();
    else this.#heldMs = Math.max(this.#heldMs, standstill.look(inBackupNxt + outBackupNxt, nowMs));
  }

  /** How far this host's server may send, by what the backup's has said. One that differs says nothing of it. */
  #outputLimit({ outBackupNxt, diverged }: Connection): number {
    const { config } = this.#context;
    return this.#holds && !diverged
      ? outBackupNxt + OUTPUT_AHEAD * config.limits.connectionBytes
      : Number.POSITIVE_INFINITY;
  }

  #offer(connection: Connection): void {
    const edge = Math.min(connection.outWireEdge, this.#outputLimit(connection));
    const { direct, handshakeDone, finished, outLocalEdge, clientScale } = connection;
    if (!direct || !handshakeDone || finished || edge < outLocalEdge + 2 ** clientScale) return;
    this.#virtualClient.offer(connection, edge);
  }

  #widen(connection: Connection, nowMs: number): void {
    const edge = Math.min(connection.inLocalEdge, this.limit(connection));
    if (!connection.direct || connection.finished || edge <= connection.inWireEdge) return;
    connection.inWireEdge = edge;
    this.#emitter.ack(connection, nowMs);
  }
}

/** One end has used up a window that is held back: it would go on if the backup did. */
function isHeld(connection: Connection): boolean {
  const { open, inEnd, inWireEdge, inLocalEdge, outLocalNxt, outLocalEdge, outWireEdge } = connection;
  const segment = Math.max(open.clientMss, open.serverMss);
  const input = inWireEdge < inLocalEdge && inEnd + segment > inWireEdge;
  const output = outLocalEdge < outWireEdge && outLocalNxt + segment > outLocalEdge;
  return input || output;
}
