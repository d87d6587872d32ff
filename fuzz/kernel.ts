/**
 * A server's kernel, as simple as can be: it acknowledges what comes in order, says something back, and closes when its peer does.
 * It checks nothing: all that it acknowledges was delivered to it, so that whoever delivers what is not logged is found out.
 */

import { Segment } from '../src/wire/segment.ts';
import type { SegmentFields } from '../src/wire/segment-writer.ts';
import { type Seq, seqAdd, seqDiff } from '../src/wire/seq.ts';
import { ACK, FIN, PSH, RST, SYN } from '../src/wire/tcp.ts';
import { VIRTIO_HEADER } from '../src/wire/virtio.ts';
import { pattern, tcp } from './packets.ts';

interface Socket {
  rcvNxt: Seq;
  sndNxt: Seq;
  closed: boolean;
  readonly timestamps: boolean;
}

/** Every so many segments with data it says something. */
const SAYS_EVERY = 3;
const SAYS = pattern(60);
/** Its own tables are bounded as well. */
const SOCKETS_MAX = 64;
const WINDOW = 600;

export class Kernel {
  readonly #segment = new Segment();
  readonly #sockets = new Map<string, Socket>();
  #iss: Seq;
  #segments = 0;
  /** Packets that it has sent, from their IP header on. */
  readonly said: Uint8Array[] = [];

  /** @param iss of its first socket. */
  constructor(iss: Seq) {
    this.#iss = iss;
  }

  /** A packet for the TUN: virtio header, packet. */
  take(bytes: Uint8Array, offset: number, length: number): void {
    const segment = this.#segment;
    if (segment.parse(bytes, offset + VIRTIO_HEADER, length - VIRTIO_HEADER) !== '' || !segment.isTcp) return;
    const source = new Uint8Array(16);
    segment.copySource(source);
    const key = `${source.join()} ${segment.sourcePort} ${segment.destinationPort}`;
    const socket = this.#sockets.get(key);
    if ((segment.flags & RST) !== 0) this.#sockets.delete(key);
    else if ((segment.flags & SYN) !== 0) this.#syn(key, socket, segment);
    else if (socket === undefined) this.#say(segment, { flags: RST, seq: segment.ack });
    else this.#data(socket, segment);
  }

  #syn(key: string, socket: Socket | undefined, segment: Segment): void {
    if (socket !== undefined && !socket.closed) {
      // RFC 5961 §4.2
      this.#answer(socket, segment, ACK);
      return;
    }
    if (this.#sockets.size >= SOCKETS_MAX) return;
    const { hasTimestamps } = segment;
    const fresh = { rcvNxt: seqAdd(segment.seq, 1), sndNxt: this.#iss, closed: false, timestamps: hasTimestamps };
    this.#iss = seqAdd(this.#iss, 64_000);
    this.#sockets.set(key, fresh);
    const { sackPermitted } = segment;
    const windowScale = segment.windowScale < 0 ? -1 : 7;
    this.#answer(fresh, segment, SYN | ACK, { mss: 1460, sackPermitted, windowScale, window: 64_240 });
    fresh.sndNxt = seqAdd(fresh.sndNxt, 1);
  }

  #data(socket: Socket, segment: Segment): void {
    const end = seqAdd(segment.seq, segment.dataLength);
    const isNext = seqDiff(segment.seq, socket.rcvNxt) <= 0 && seqDiff(end, socket.rcvNxt) >= 0;
    if (isNext) socket.rcvNxt = end;
    const fin = isNext && (segment.flags & FIN) !== 0;
    if (fin) socket.rcvNxt = seqAdd(socket.rcvNxt, 1);
    if (fin && !socket.closed) {
      this.#answer(socket, segment, ACK | FIN);
      socket.sndNxt = seqAdd(socket.sndNxt, 1);
      socket.closed = true;
    } else if (segment.dataLength > 0 && !socket.closed && this.#segments++ % SAYS_EVERY === 0) {
      this.#answer(socket, segment, ACK | PSH, {}, SAYS);
      socket.sndNxt = seqAdd(socket.sndNxt, SAYS.length);
    } else if (segment.segLen > 0 || !isNext) this.#answer(socket, segment, ACK);
  }

  #answer(
    socket: Socket,
    segment: Segment,
    flags: number,
    changes: Partial<SegmentFields> = {},
    data?: Uint8Array,
  ): void {
    const { rcvNxt: ack, sndNxt: seq, timestamps: hasTimestamps } = socket;
    this.#say(
      segment,
      { flags, seq, ack, hasTimestamps, tsVal: this.#segments, tsEcr: segment.tsVal, window: WINDOW, ...changes },
      data,
    );
  }

  #say(to: Segment, changes: Partial<SegmentFields>, data?: Uint8Array): void {
    const source = new Uint8Array(16);
    const destination = new Uint8Array(16);
    to.copyDestination(source);
    to.copySource(destination);
    const ends = { source, destination, sourcePort: to.destinationPort, destinationPort: to.sourcePort };
    this.said.push(tcp({ ...ends, ...changes }, data));
  }
}
