// A backup's end of the log: each entry changes what is known of a connection and sets its virtual client to work.
import * as layout from '../log/entry.ts';
import type { FrameView } from '../log/frame.ts';
import type { OpenFields } from '../log/log-writer.ts';
import { seq } from '../wire/seq.ts';
import { Connection, NONE } from './connection.ts';
import type { SouthContext } from './context.ts';
import type { HeldResets } from './held-resets.ts';
import { compareOutput, expectOutput } from './output-comparison.ts';
import { countAsTaken } from './retention.ts';
import type { VirtualClient } from './virtual-client.ts';

export class Replay {
  readonly #context: SouthContext;
  readonly #virtualClient: VirtualClient;
  readonly #heldResets: HeldResets;

  constructor(context: SouthContext, virtualClient: VirtualClient, heldResets: HeldResets) {
    this.#context = context;
    this.#virtualClient = virtualClient;
    this.#heldResets = heldResets;
  }

  /** @returns '' or the reason why this cannot be an entry of the log that this host holds. */
  apply(entry: FrameView, nowMs: number): string {
    if (entry.type === layout.ENTRY.NOOP) return '';
    if (entry.type === layout.ENTRY.NORTH) {
      const length = entry.length - layout.NORTH_DATA;
      return this.#context.north.take(entry.bytes, entry.offset + layout.NORTH_DATA, length);
    }
    if (entry.type === layout.ENTRY.CHOICE) {
      const length = entry.length - layout.CHOICE_DATA;
      return this.#context.choices.take(entry.bytes, entry.offset + layout.CHOICE_DATA, length);
    }
    if (entry.type === layout.ENTRY.OPEN) return this.#open(entry, nowMs);
    const connection = this.#context.byId.get(entry.connection);
    if (connection === undefined) return `entry of type ${entry.type} for the unknown connection ${entry.connection}`;
    if (!holdsPositions(entry)) return `entry of type ${entry.type} with a position that is no number`;
    switch (entry.type) {
      case layout.ENTRY.ESTABLISHED:
        connection.handshakeDone = true;
        this.#clientWindow(connection, entry.u64(layout.ESTABLISHED_EDGE));
        this.#clientClock(connection, entry.u32(layout.ESTABLISHED_TSVAL), nowMs);
        this.#virtualClient.completeHandshake(connection, nowMs);
        return '';
      case layout.ENTRY.BYTES:
        return this.#bytes(connection, entry, nowMs);
      case layout.ENTRY.URGENT:
        connection.inUrgent.release(connection.inLocalNxt);
        if (connection.inUrgent.isFull) return `too much urgent data on connection ${connection.id}`;
        connection.inUrgent.add(entry.u64(layout.URGENT_MARK));
        return '';
      case layout.ENTRY.FIN:
        connection.inFin = entry.u64(layout.FIN_POSITION);
        connection.inFinAfter = connection.outWireNxt;
        if (this.#context.retains) countAsTaken(connection);
        this.#clientClock(connection, entry.u32(layout.FIN_TSVAL), nowMs);
        this.#virtualClient.pump(connection, nowMs);
        return '';
      case layout.ENTRY.RESET:
        connection.resetByClient = true;
        this.#heldResets.reset(connection, nowMs);
        return '';
      case layout.ENTRY.CLIENT_ACK:
        connection.outUna = Math.max(connection.outUna, entry.u64(layout.CLIENT_ACK_ACK));
        this.#clientWindow(connection, entry.u64(layout.CLIENT_ACK_EDGE));
        this.#clientClock(connection, entry.u32(layout.CLIENT_ACK_TSVAL), nowMs);
        connection.releaseOutput();
        this.#virtualClient.acknowledge(connection);
        return '';
      case layout.ENTRY.OUTPUT:
        return this.#output(connection, entry, nowMs);
      case layout.ENTRY.CLOSED:
        this.#forget(connection);
        return '';
      default:
        return `entry of unknown type ${entry.type}`;
    }
  }

  /** Whether what the client said can be kept until the server takes it. Of a connection that the server has ended nothing is kept. */
  hasRoom(entry: FrameView): boolean {
    if (entry.type === layout.ENTRY.NORTH) return this.#context.north.hasRoom();
    if (entry.type === layout.ENTRY.CHOICE) return this.#context.choices.hasRoom();
    if (entry.type !== layout.ENTRY.BYTES) return true;
    const connection = this.#context.byId.get(entry.connection);
    const end = entry.u64(layout.BYTES_POSITION) + entry.length - layout.BYTES_DATA;
    return connection === undefined || connection.phase === 'reset' || connection.input.accepts(end);
  }

  #open(entry: FrameView, nowMs: number): string {
    if (this.#context.byId.has(entry.connection)) return `connection ${entry.connection} opened twice`;
    const { connections, config } = this.#context;
    const { limits } = config;
    const connection = new Connection(
      entry.connection,
      readOpen(entry),
      false,
      limits.connectionBytes,
      this.#context.budget,
    );
    connection.openedAtMs = nowMs;
    connection.tsWireAtMs = nowMs;
    connection.tsRecentAtMs = nowMs;
    const before = connections.findTuple(connection);
    const most = limits.connections + limits.halfOpen;
    if (before === undefined && connections.size >= most) {
      return `connection ${connection.id} is beyond this host's limits.connections and limits.halfOpen: give both hosts the same`;
    }
    if (before !== undefined) {
      if (this.#virtualClient.superseded >= most)
        return `the server has not finished ${most} connections whose ports are in use again`;
      this.#virtualClient.supersede(before, connection);
    }
    this.#context.byId.set(connection.id, connection);
    connections.set(connection);
    this.#context.nextConnectionId = Math.max(this.#context.nextConnectionId, connection.id + 1);
    this.#virtualClient.start(connection, nowMs);
    return '';
  }

  #bytes(connection: Connection, entry: FrameView, nowMs: number): string {
    const position = entry.u64(layout.BYTES_POSITION);
    const length = entry.length - layout.BYTES_DATA;
    const { input } = connection;
    if (!(position >= input.base) || input.nextMissing(position, position + length) !== position) {
      return `bytes at ${position} of connection ${connection.id} are logged already`;
    }
    if (connection.phase === 'reset') input.release(input.end);
    if (!input.fits(position + length)) return `bytes at ${position} of connection ${connection.id} exceed the bound`;
    input.write(position, entry.bytes, entry.offset + layout.BYTES_DATA, length);
    this.#clientClock(connection, entry.u32(layout.BYTES_TSVAL), nowMs);
    if (this.#context.retains) this.#took(connection);
    else this.#virtualClient.pump(connection, nowMs);
    return '';
  }

  #output(connection: Connection, entry: FrameView, nowMs: number): string {
    const ack = entry.u64(layout.OUTPUT_ACK);
    // Rule 1: promoted, this host would acknowledge to the client what nobody holds.
    if (ack > connection.inEnd) return `output of connection ${connection.id} acknowledges ${ack}, which is not logged`;
    const end = entry.u64(layout.OUTPUT_END);
    const flags = entry.flags;
    if ((flags & layout.OUTPUT_FIN) !== 0) connection.outWireFin = end;
    const next = connection.outWireFin === NONE ? end : connection.outWireFin + 1;
    connection.outWireNxt = Math.max(connection.outWireNxt, next);
    connection.inWireNxt = Math.max(connection.inWireNxt, ack);
    connection.inWireEdge = Math.max(connection.inWireEdge, entry.u64(layout.OUTPUT_EDGE));
    connection.tsWire = entry.u32(layout.OUTPUT_TSVAL);
    connection.tsWireAtMs = nowMs;
    if (this.#context.retains) {
      connection.outChecksum = entry.u32(layout.OUTPUT_CHECKSUM);
      connection.outChecksumEnd = end;
      this.#took(connection);
    } else {
      expectOutput(connection, end, entry.u32(layout.OUTPUT_CHECKSUM));
      compareOutput(connection, this.#context);
      connection.releaseOutput();
      this.#virtualClient.promised(connection);
    }
    if ((flags & layout.OUTPUT_RST) !== 0) {
      connection.resetByServer = true;
      this.#heldResets.reset(connection, nowMs);
    }
    return '';
  }

  #took(connection: Connection): void {
    countAsTaken(connection);
    this.#virtualClient.reportStep(connection);
  }

  #forget(connection: Connection): void {
    const { byId, connections } = this.#context;
    byId.delete(connection.id);
    // Where its four-tuple is in use again, the local socket is first fed to its end, then reset for the next one's SYN.
    if (connections.findTuple(connection) !== connection) return;
    this.#heldResets.forget(connection);
  }

  #clientWindow(connection: Connection, edge: number): void {
    connection.outWireEdge = edge;
    connection.outWndMax = Math.max(connection.outWndMax, edge - connection.outUna);
  }

  #clientClock(connection: Connection, tsVal: number, nowMs: number): void {
    connection.tsRecent = tsVal;
    connection.tsRecentAtMs = nowMs;
  }
}

/** NaN, which stands for a u64 that no stream can reach, would stay in what is known of the connection for its life. */
function holdsPositions(entry: FrameView): boolean {
  for (const field of layout.positionFields(entry.type)) {
    if (Number.isNaN(entry.u64(field))) return false;
  }
  return true;
}

function readOpen(entry: FrameView): OpenFields {
  const scale = (field: number) => (entry.u8(field) === layout.NO_WINDOW_SCALE ? -1 : entry.u8(field));
  return {
    clientIp: entry.copy(layout.OPEN_CLIENT_IP, 16),
    serviceIp: entry.copy(layout.OPEN_SERVICE_IP, 16),
    clientPort: entry.u16(layout.OPEN_CLIENT_PORT),
    servicePort: entry.u16(layout.OPEN_SERVICE_PORT),
    clientMac: entry.copy(layout.OPEN_CLIENT_MAC, 6),
    irs: seq(entry.u32(layout.OPEN_IRS)),
    iss: seq(entry.u32(layout.OPEN_ISS)),
    clientMss: entry.u16(layout.OPEN_CLIENT_MSS),
    serverMss: entry.u16(layout.OPEN_SERVER_MSS),
    clientWindow: entry.u16(layout.OPEN_CLIENT_WINDOW),
    serverWindow: entry.u16(layout.OPEN_SERVER_WINDOW),
    clientScale: scale(layout.OPEN_CLIENT_SCALE),
    serverScale: scale(layout.OPEN_SERVER_SCALE),
    timestamps: (entry.flags & layout.OPEN_TIMESTAMPS) !== 0,
    sackPermitted: (entry.flags & layout.OPEN_SACK_PERMITTED) !== 0,
    ecn: (entry.flags & layout.OPEN_ECN) !== 0,
    clientTsVal: entry.u32(layout.OPEN_CLIENT_TSVAL),
    serverTsVal: entry.u32(layout.OPEN_SERVER_TSVAL),
  };
}
