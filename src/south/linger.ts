// A server program that ends by itself leaves connections behind whose kernel still has output to send, and the kernel goes with
// the enclosure. So its host stays until the clients have acknowledged all of it, the FIN too, as the kernel of an ordinary host
// would stay. A backup keeps the same output for the same clients; it leaves no earlier than they have it.
import type { Connection } from './connection.ts';

/** How long a client that has all of the output may take to close its own side, whose FIN wants an ACK. */
const CLOSING_MS = 1_000;

export class Linger {
  readonly #timeoutMs: number;
  #acknowledged = Number.NaN;
  #progressAtMs: number;

  /** @param timeoutMs nobody is waited for any more when no client has acknowledged anything for so long. */
  constructor(timeoutMs: number, nowMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#progressAtMs = nowMs;
  }

  /** Whether this host may leave. */
  isOver(connections: Iterable<Connection>, nowMs: number): boolean {
    let acknowledged = 0;
    let patienceMs = 0;
    for (const connection of connections) {
      // A RST whose SEQ the client does not expect is repeated when it asks (RFC 5961 §3.2).
      if (connection.resetByServer && !connection.direct) patienceMs = Math.max(patienceMs, CLOSING_MS);
      if (!isServed(connection)) continue;
      acknowledged += connection.outUna;
      const wantsOutput = !connection.outputDone;
      patienceMs = Math.max(patienceMs, wantsOutput ? this.#timeoutMs : Math.min(CLOSING_MS, this.#timeoutMs));
    }
    if (acknowledged !== this.#acknowledged) {
      this.#acknowledged = acknowledged;
      this.#progressAtMs = nowMs;
    }
    return nowMs - this.#progressAtMs >= patienceMs;
  }
}

/** Whether this host has a part in the connection's end: its server took it, and did as the primary's. */
function isServed(connection: Connection): boolean {
  const { finished, handshakeDone, phase, direct, diverged } = connection;
  return !finished && handshakeDone && phase === 'established' && (direct || !diverged);
}
