// A TCP gives a connection up without a word when its peer has vanished: nothing is acknowledged, or no FIN comes. Nobody would ever
// tell this host. So it asks the server's TCP about a connection that has long been quiet, by a segment out of the window: who knows
// the connection answers by an ACK, who does not by a RST. RFC 9293 §3.10.7.4, §3.10.7.1. Neither is for the client.
import type { Segment } from '../wire/segment.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import type { VirtualClient } from './virtual-client.ts';

/** A little longer than Linux waits for the FIN of a client that has acknowledged the server's (tcp_fin_timeout). */
const QUIET_MS = 65_000;
const FLAGS = SYN | FIN | RST | ACK;

export class Existence {
  readonly #virtualClient: VirtualClient;

  constructor(virtualClient: VirtualClient) {
    this.#virtualClient = virtualClient;
  }

  /** Whether it is time to ask for the connection. */
  isDue(connection: Connection, nowMs: number): boolean {
    const { direct, finished, handshakeDone, quietSinceMs } = connection;
    return direct && !finished && handshakeDone && nowMs - quietSinceMs >= QUIET_MS;
  }

  ask(connection: Connection, nowMs: number): void {
    connection.quietSinceMs = nowMs;
    connection.asked = true;
    this.#virtualClient.probe(connection);
  }

  /**
   * Takes a packet of the server's TCP while the question is open.
   * @param position of the segment in the server's stream.
   * @returns whether it is the answer, and so nobody else's business.
   */
  isAnswer(connection: Connection, segment: Segment, position: number): boolean {
    const flags = segment.flags & FLAGS;
    // A server that resets a connection acknowledges with it.
    if (flags === RST) connection.vanished = true;
    else if (flags !== ACK || segment.dataLength > 0 || !saysNothingNew(connection, segment, position)) return false;
    connection.asked = false;
    return true;
  }
}

function saysNothingNew(connection: Connection, segment: Segment, position: number): boolean {
  const { inLocalNxt, inWireEdge, outLocalNxt, serverScaleLocal } = connection;
  const sameNumbers = position === outLocalNxt && segment.ack === connection.inPositionToSeq(inLocalNxt);
  return sameNumbers && inLocalNxt + segment.window * 2 ** serverScaleLocal <= inWireEdge;
}
