// Backup of a recorded server: connections that the client, or the primary's server, has reset. A kernel that hears of it forgets what the
// server has not read yet; so it hears only when the server's processes have come to that place of their recording.
import type { Connection } from './connection.ts';
import type { SouthContext } from './context.ts';
import type { VirtualClient } from './virtual-client.ts';

/** A process that was interrupted between a read and its record publishes it that much later at most. */
const LATE_RECORD_MS = 100;

interface Held {
  readonly mark: number;
  readonly sinceMs: number;
  /** The primary knows nothing of it any more. */
  forgotten: boolean;
}

export class HeldResets {
  readonly #context: SouthContext;
  readonly #virtualClient: VirtualClient;
  readonly #held = new Map<Connection, Held>();

  constructor(context: SouthContext, virtualClient: VirtualClient) {
    this.#context = context;
    this.#virtualClient = virtualClient;
  }

  /** The connection is over; the server hears of it in time. */
  reset(connection: Connection, nowMs: number): void {
    const { north } = this.#context;
    if (!north.replays) this.#virtualClient.reset(connection);
    else if (!this.#held.has(connection)) {
      this.#held.set(connection, { mark: north.taken, sinceMs: nowMs, forgotten: false });
    }
  }

  forget(connection: Connection): void {
    const held = this.#held.get(connection);
    if (held === undefined) this.#virtualClient.forget(connection);
    else held.forgotten = true;
  }

  tick(nowMs: number): void {
    const { north } = this.#context;
    for (const [connection, { mark, sinceMs, forgotten }] of this.#held) {
      if (north.replays && (north.replayed < mark || nowMs - sinceMs < LATE_RECORD_MS)) continue;
      this.#held.delete(connection);
      if (forgotten) this.#virtualClient.forget(connection);
      else this.#virtualClient.reset(connection);
    }
  }
}
