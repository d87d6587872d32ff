// Rule 6: a backup whose server is slower than the primary's must hold what it has not fed yet. That is bounded by holding back
// the right edge of the client's window; only the connection that is behind is slowed. The server's kernel does not know that its
// window was held, so the daemon itself sends the window update when the backup has caught up.
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
  limit(connection: Connection): number {
    const { log, config } = this.#context;
    return log.active ? connection.inBackupNxt + config.limits.connectionBytes : Number.POSITIVE_INFINITY;
  }

  /** The backup's server has acknowledged up to `position`. */
  fed(connection: Connection, position: number, nowMs: number): void {
    if (!(position > connection.inBackupNxt && position <= connection.inEnd)) return;
    connection.inBackupNxt = position;
    this.#widen(connection, nowMs);
  }

  /** There is no backup any more: nothing is held. */
  end(nowMs: number): void {
    for (const connection of this.#context.byId.values()) this.#widen(connection, nowMs);
  }

  #widen(connection: Connection, nowMs: number): void {
    const edge = Math.min(connection.inLocalEdge, this.limit(connection));
    if (!connection.direct || connection.finished || edge <= connection.inWireEdge) return;
    connection.inWireEdge = edge;
    this.#emitter.ack(connection, nowMs);
  }
}
