// The primary's end of the log: entries are appended to a bounded queue, which the data worker sends on the replication
// link. A position counts the bytes appended since the backup joined; the backup acknowledges positions cumulatively.
// Without a backup in the view nothing is kept, and every position counts as acknowledged.
import { assert } from '../errors.ts';
import { setU16, setU32 } from '../wire/bytes.ts';
import type { Seq } from '../wire/seq.ts';
import type { ByteQueue } from './byte-queue.ts';
import * as layout from './entry.ts';
import { setU64, writeFrameHeader } from './frame.ts';

/** What the entry OPEN tells: enough for the backup to replay the client's SYN and to translate for the connection's life. */
export interface OpenFields {
  readonly clientIp: Uint8Array;
  readonly serviceIp: Uint8Array;
  readonly clientPort: number;
  readonly servicePort: number;
  readonly clientMac: Uint8Array;
  readonly irs: Seq;
  readonly iss: Seq;
  readonly clientMss: number;
  readonly serverMss: number;
  /** Raw 16-bit windows of SYN and SYN-ACK. */
  readonly clientWindow: number;
  readonly serverWindow: number;
  /** -1 where window scaling was not negotiated. */
  readonly clientScale: number;
  readonly serverScale: number;
  readonly timestamps: boolean;
  readonly sackPermitted: boolean;
  /** Explicit congestion notification was asked for and granted. RFC 3168 §6.1.1 */
  readonly ecn: boolean;
  readonly clientTsVal: number;
  readonly serverTsVal: number;
}

export class LogWriter {
  readonly queue: ByteQueue;
  #active = false;
  #appended = 0;
  #acknowledged = 0;

  constructor(queue: ByteQueue) {
    this.queue = queue;
  }

  /** True while a backup is in the view. */
  get active(): boolean {
    return this.#active;
  }

  /** Position after the last entry. */
  get position(): number {
    return this.#appended;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** A backup has joined: positions count from 0. */
  start(): void {
    this.queue.clear();
    this.#active = true;
    this.#appended = 0;
    this.#acknowledged = 0;
  }

  /** No backup is left in the view: nothing waits any more, and what was not sent is dropped. */
  stop(): void {
    this.#active = false;
    this.queue.clear();
    this.#acknowledged = this.#appended;
  }

  /** @returns false for a position that was never appended: the peer is not talking of this log. */
  acknowledge(position: number): boolean {
    if (!(position <= this.#appended)) return false;
    if (position > this.#acknowledged) this.#acknowledged = position;
    return true;
  }

  /** Whether `length` bytes of client data can be appended now, a few small entries beside them included. */
  hasRoom(length: number): boolean {
    return !this.#active || this.queue.reserve(length + 2 * layout.FRAME_MAX) >= 0;
  }

  open(connection: number, fields: OpenFields): void {
    const flags =
      (fields.timestamps ? layout.OPEN_TIMESTAMPS : 0) |
      (fields.sackPermitted ? layout.OPEN_SACK_PERMITTED : 0) |
      (fields.ecn ? layout.OPEN_ECN : 0);
    const at = this.#begin(layout.ENTRY.OPEN, flags, connection, layout.OPEN_LENGTH);
    if (at < 0) return;
    const { bytes } = this.queue;
    bytes.set(fields.clientIp, at + layout.OPEN_CLIENT_IP);
    bytes.set(fields.serviceIp, at + layout.OPEN_SERVICE_IP);
    setU16(bytes, at + layout.OPEN_CLIENT_PORT, fields.clientPort);
    setU16(bytes, at + layout.OPEN_SERVICE_PORT, fields.servicePort);
    bytes.set(fields.clientMac, at + layout.OPEN_CLIENT_MAC);
    setU16(bytes, at + layout.OPEN_CLIENT_MSS, fields.clientMss);
    setU32(bytes, at + layout.OPEN_IRS, fields.irs);
    setU32(bytes, at + layout.OPEN_ISS, fields.iss);
    setU32(bytes, at + layout.OPEN_CLIENT_TSVAL, fields.clientTsVal);
    setU32(bytes, at + layout.OPEN_SERVER_TSVAL, fields.serverTsVal);
    setU16(bytes, at + layout.OPEN_SERVER_MSS, fields.serverMss);
    setU16(bytes, at + layout.OPEN_CLIENT_WINDOW, fields.clientWindow);
    setU16(bytes, at + layout.OPEN_SERVER_WINDOW, fields.serverWindow);
    bytes[at + layout.OPEN_CLIENT_SCALE] = fields.clientScale < 0 ? layout.NO_WINDOW_SCALE : fields.clientScale;
    bytes[at + layout.OPEN_SERVER_SCALE] = fields.serverScale < 0 ? layout.NO_WINDOW_SCALE : fields.serverScale;
  }

  established(connection: number, edge: number, tsVal: number): void {
    const at = this.#begin(layout.ENTRY.ESTABLISHED, 0, connection, layout.ESTABLISHED_LENGTH);
    if (at < 0) return;
    setU64(this.queue.bytes, at + layout.ESTABLISHED_EDGE, edge);
    setU32(this.queue.bytes, at + layout.ESTABLISHED_TSVAL, tsVal);
  }

  bytes(connection: number, position: number, tsVal: number, source: Uint8Array, offset: number, length: number): void {
    const at = this.#begin(layout.ENTRY.BYTES, 0, connection, layout.BYTES_DATA + length);
    if (at < 0) return;
    const { bytes } = this.queue;
    setU64(bytes, at + layout.BYTES_POSITION, position);
    setU32(bytes, at + layout.BYTES_TSVAL, tsVal);
    bytes.set(source.subarray(offset, offset + length), at + layout.BYTES_DATA);
  }

  urgent(connection: number, mark: number): void {
    const at = this.#begin(layout.ENTRY.URGENT, 0, connection, layout.URGENT_LENGTH);
    if (at < 0) return;
    setU64(this.queue.bytes, at + layout.URGENT_MARK, mark);
  }

  /** @param length at most NORTH_MOST */
  north(source: Uint8Array, offset: number, length: number): void {
    const at = this.#begin(layout.ENTRY.NORTH, 0, 0, layout.NORTH_DATA + length);
    if (at < 0) return;
    this.queue.bytes.set(source.subarray(offset, offset + length), at + layout.NORTH_DATA);
  }

  choice(source: Uint8Array, offset: number, length: number): void {
    const at = this.#begin(layout.ENTRY.CHOICE, 0, 0, layout.CHOICE_DATA + length);
    if (at < 0) return;
    this.queue.bytes.set(source.subarray(offset, offset + length), at + layout.CHOICE_DATA);
  }

  fin(connection: number, position: number, tsVal: number): void {
    const at = this.#begin(layout.ENTRY.FIN, 0, connection, layout.FIN_LENGTH);
    if (at < 0) return;
    setU64(this.queue.bytes, at + layout.FIN_POSITION, position);
    setU32(this.queue.bytes, at + layout.FIN_TSVAL, tsVal);
  }

  reset(connection: number): void {
    this.#begin(layout.ENTRY.RESET, 0, connection, layout.FRAME_HEADER);
  }

  clientAck(connection: number, ack: number, edge: number, tsVal: number): void {
    const at = this.#begin(layout.ENTRY.CLIENT_ACK, 0, connection, layout.CLIENT_ACK_LENGTH);
    if (at < 0) return;
    setU64(this.queue.bytes, at + layout.CLIENT_ACK_ACK, ack);
    setU64(this.queue.bytes, at + layout.CLIENT_ACK_EDGE, edge);
    setU32(this.queue.bytes, at + layout.CLIENT_ACK_TSVAL, tsVal);
  }

  output(
    connection: number,
    flags: number,
    end: number,
    checksum: number,
    ack: number,
    edge: number,
    tsVal: number,
  ): void {
    const at = this.#begin(layout.ENTRY.OUTPUT, flags, connection, layout.OUTPUT_LENGTH);
    if (at < 0) return;
    const { bytes } = this.queue;
    setU64(bytes, at + layout.OUTPUT_END, end);
    setU64(bytes, at + layout.OUTPUT_ACK, ack);
    setU64(bytes, at + layout.OUTPUT_EDGE, edge);
    setU32(bytes, at + layout.OUTPUT_CHECKSUM, checksum);
    setU32(bytes, at + layout.OUTPUT_TSVAL, tsVal);
  }

  closed(connection: number): void {
    this.#begin(layout.ENTRY.CLOSED, 0, connection, layout.FRAME_HEADER);
  }

  noop(): void {
    this.#begin(layout.ENTRY.NOOP, 0, 0, layout.FRAME_HEADER);
  }

  /** The last entry of a planned hand-over: whoever reads it is the primary from then on. */
  handover(): void {
    this.#begin(layout.LINK_FRAME.HANDOVER, 0, 0, layout.FRAME_HEADER);
  }

  /** Appends an empty entry and returns its offset, or -1 when no backup is there to hold it. */
  #begin(type: number, flags: number, connection: number, length: number): number {
    if (!this.#active) return -1;
    const at = this.queue.reserve(length);
    assert(at >= 0, 'whoever appends to the log has asked for room first');
    writeFrameHeader(this.queue.bytes, at, length, type, flags, connection);
    this.queue.commit(at, length);
    this.#appended += length;
    return at;
  }
}
