// Rule 6: a backup whose server is slower than the primary's must hold what it has not fed yet. That is bounded, for each connection and for
// all, by holding back the right edge of the client's window; what comes nevertheless, because it was promised before, is not taken, and not
// acknowledged. The server's kernel does not know that its window was held, so the daemon itself sends the window update when there is
// room again.
import { OWN_BYTES } from './budget.ts';
import type { Connection } from './connection.ts';
import type { SouthContext } from './context.ts';
import type { Emitter } from './emitter.ts';

export class Backpressure {
  readonly #context: SouthContext;
  readonly #emitter: Emitter;

  constructor(context: SouthContext, emitter: Emitter) {
    this.#context = context;
    this.#emitter = emitter;
  }

  /** How far the right edge of the connection's window may be, by what the backup can keep. */
  limit({ inBackupNxt }: Connection): number {
    const { log, config, unfedBytes } = this.#context;
    if (!log.active) return Number.POSITIVE_INFINITY;
    const { connectionBytes, totalBytes } = config.limits;
    return inBackupNxt + Math.min(connectionBytes, Math.max(OWN_BYTES, totalBytes - unfedBytes));
  }

  /** Whether the backup can keep the client's bytes up to `end`, `length` of them new at most. */
  accepts({ inBackupNxt }: Connection, end: number, length: number): boolean {
    const { log, config, unfedBytes } = this.#context;
    return !log.active || unfedBytes + length <= config.limits.totalBytes || end - inBackupNxt <= OWN_BYTES;
  }

  /** New bytes of a client were logged. */
  logged(length: number): void {
    if (this.#context.log.active) this.#context.unfedBytes += length;
  }

  /** The backup's server has acknowledged up to `position`. */
  fed(connection: Connection, position: number, nowMs: number): void {
    if (!(position > connection.inBackupNxt && position <= connection.inEnd)) return;
    this.#context.unfedBytes -= position - connection.inBackupNxt;
    connection.inBackupNxt = position;
    this.#widen(connection, nowMs);
  }

  /** There is no backup any more: nothing is held. */
  end(nowMs: number): void {
    this.#context.unfedBytes = 0;
    for (const connection of this.#context.byId.values()) this.#widen(connection, nowMs);
  }

  /** Counts anew, without connections that are gone, and opens windows that others' bytes had kept narrow. */
  sweep(nowMs: number): void {
    const { log, byId } = this.#context;
    let unfedBytes = 0;
    if (log.active) {
      for (const connection of byId.values()) {
        if (!connection.finished) unfedBytes += Math.max(0, connection.inEnd - connection.inBackupNxt);
      }
    }
    this.#context.unfedBytes = unfedBytes;
    for (const connection of byId.values()) this.#widen(connection, nowMs);
  }

  #widen(connection: Connection, nowMs: number): void {
    const edge = Math.min(connection.inLocalEdge, this.limit(connection));
    if (!connection.direct || connection.finished || edge <= connection.inWireEdge) return;
    connection.inWireEdge = edge;
    this.#emitter.ack(connection, nowMs);
  }
}
