/**
 * A small TCP endpoint in virtual time: enough of RFC 9293 to be a strict partner of the south-side wrap, on either side of it.
 * It retransmits on a timer (go back N), after three duplicate ACKs, and probes a closed window. All it does follows from what it
 * is given and from the time. Positions count from the initial sequence number, as in src/south/connection.ts.
 */
import { ok } from 'node:assert/strict';
import { positionOf, type Seq, seqAt } from '../src/wire/seq.ts';
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../src/wire/tcp.ts';
import { type TcpPacket, tcpPacket } from './packets.ts';

const RTO_MS = 200;
const RTO_MAX_MS = 1600;
const DUPLICATE_ACKS = 3;
/** No echo is as old as this in any simulated world. */
const TS_KEPT_MS = 3_600_000;

export interface TcpOptions {
  readonly mss: number;
  /** −1: no window scaling. */
  readonly windowScale: number;
  readonly sackPermitted: boolean;
  /** Asks for ECN, and grants it. */
  readonly ecn: boolean;
  readonly timestamps: boolean;
  /** Receive buffer, bytes. */
  readonly bufferBytes: number;
  /**
   * What is really kept of it: as Linux counts memory, small segments need more than they carry. What comes beyond that is dropped, and
   * the window is closed whatever was offered, until the application has read half of it.
   */
  readonly memoryBytes: number;
  /** TSval is the time in ms plus this. */
  readonly tsOffset: number;
  /** Largest packet, in segments: a server's kernel hands large ones to the TUN. */
  readonly bulkSegments: number;
  /** Most that is sent before an acknowledgement: a congestion window that never changes. */
  readonly flightSegments: number;
}

export type TcpState = 'syn-sent' | 'syn-received' | 'established' | 'closed' | 'reset';

export class ModelTcp {
  readonly options: TcpOptions;
  readonly ownPort: number;
  readonly peerPort: number;
  readonly iss: Seq;
  irs: Seq = 0 as Seq;
  state: TcpState = 'syn-sent';
  /** Packets to be sent; whoever owns this endpoint takes them. */
  readonly out: TcpPacket[] = [];
  /** What the application has written, and whether it has closed. */
  readonly written: number[] = [];
  shut = false;
  /** The peer's stream as far as it is whole. */
  readonly received: number[] = [];
  readOffset = 0;
  /** Where the peer has said that urgent data ends, as positions. */
  readonly urgentHeard: number[] = [];
  peerFinished = false;
  nextTimerAt = Number.POSITIVE_INFINITY;
  /** How often it ran out of memory. */
  shrunk = 0;

  sndUna = 0;
  sndNxt = 0;
  /** Highest position ever sent. */
  sndMax = 0;
  sndEdge = 1;
  rcvNxt = 0;
  /** Right edge that was offered; it goes back only when memory ends. */
  rcvEdge = 0;
  mss: number;
  /** ECN was asked for and granted. */
  ecn = false;
  #rtoMs = RTO_MS;
  #duplicates = 0;
  #scaled = false;
  #sndScale = 0;
  #rcvScale = 0;
  #windowFrom = 0;
  #timestamps: boolean;
  #sack: boolean;
  #tsRecent = 0;
  /** Bytes beyond the first hole, by position. */
  readonly #beyond = new Map<number, number>();
  #finAt = -1;
  #latestIsland = -1;
  #outOfMemory = false;
  /** Where urgent data ends in what was written. */
  #urgentEnd = 0;
  /** Latest TSval that was sent. */
  #tsLatest = 0;

  constructor(options: TcpOptions, ownPort: number, peerPort: number, iss: Seq) {
    this.options = options;
    this.ownPort = ownPort;
    this.peerPort = peerPort;
    this.iss = iss;
    this.mss = options.mss;
    this.#timestamps = options.timestamps;
    this.#sack = options.sackPermitted;
  }

  get isOver(): boolean {
    return this.state === 'closed' || this.state === 'reset';
  }

  /** Whether a SYN begins a new connection where this one has ended; from TIME-WAIT only if it is newer. RFC 6191 §2 */
  givesWayTo(syn: TcpPacket): boolean {
    if (this.state !== 'closed') return this.isOver;
    const newer = this.#timestamps && syn.hasTimestamps && ((syn.tsVal - this.#tsRecent) | 0) > 0;
    return newer || positionOf(this.irs, syn.seq, this.rcvNxt) > this.rcvNxt;
  }

  get established(): boolean {
    return this.state === 'established' || this.state === 'closed';
  }

  /** Bytes that wait for the application. */
  get unread(): number {
    return this.received.length - this.readOffset;
  }

  /** Everything written is acknowledged, the FIN too. */
  get sentAll(): boolean {
    return this.shut && this.sndUna === this.written.length + 2;
  }

  connect(nowMs: number): void {
    this.#say(SYN, 0, 0, nowMs);
    this.sndNxt = this.sndMax = 1;
    this.#armTimer(nowMs);
  }

  /** Becomes the server's end of what `syn` opens. */
  accept(syn: TcpPacket, nowMs: number): void {
    this.state = 'syn-received';
    this.#learnSyn(syn);
    this.sndEdge = 1 + syn.window;
    this.#say(SYN | ACK, 0, 0, nowMs);
    this.sndNxt = this.sndMax = 1;
    this.#armTimer(nowMs);
  }

  write(data: Uint8Array | readonly number[], nowMs: number): void {
    for (const byte of data) this.written.push(byte);
    this.#pump(nowMs);
  }

  /** The same, and the last byte is urgent. RFC 6093: the pointer is that of the byte behind it. */
  writeUrgent(data: Uint8Array | readonly number[], nowMs: number): void {
    this.#urgentEnd = 1 + this.written.length + data.length;
    this.write(data, nowMs);
  }

  close(nowMs: number): void {
    if (this.shut || this.isOver) return;
    this.shut = true;
    this.#pump(nowMs);
  }

  abort(nowMs: number): void {
    if (this.isOver) return;
    this.#say(RST | ACK, this.sndNxt, 0, nowMs);
    this.#end('reset');
  }

  read(most: number, nowMs: number): number[] {
    const data = this.received.slice(this.readOffset, this.readOffset + most);
    const before = this.rcvEdge - this.rcvNxt;
    this.readOffset += data.length;
    // RFC 9293 §3.8.6.2.2: a window that was nearly closed and opens well is told of.
    const opens = this.options.bufferBytes - this.unread - before;
    if (data.length > 0 && this.state === 'established' && !this.peerFinished) {
      if (opens >= Math.min(this.options.bufferBytes / 2, 2 * this.mss)) this.#acknowledge(nowMs);
    }
    return data;
  }

  receive(packet: TcpPacket, nowMs: number): void {
    if (this.state === 'reset') return;
    if (this.state === 'syn-sent') this.#receiveSynAck(packet, nowMs);
    else this.#receiveSegment(packet, nowMs);
    this.#maybeClosed();
  }

  /** What a peer tells of this side's own numbers must be of what this side has said: other kernels would drop it, or be misled. */
  checkEchoes({ seq, flags, data, sack, hasTimestamps, tsEcr }: TcpPacket): void {
    // What is old as a whole may be an earlier connection's; no TCP believes it.
    if (positionOf(this.irs, seq, this.rcvNxt) + data.length < this.rcvNxt) return;
    for (const [left, right] of sack) {
      const [from, to] = [positionOf(this.iss, left, this.sndUna), positionOf(this.iss, right, this.sndUna)];
      ok(
        from >= 1 && from < to && to <= this.sndMax,
        `RFC 2018 §3: SACK ${from}–${to} of ${this.sndMax} that were sent`,
      );
    }
    if (!this.#timestamps || !hasTimestamps || (flags & ACK) === 0 || tsEcr === 0) return;
    // What the daemon says between a server's segments carries the time too, and is echoed as they are.
    ok(Math.abs((tsEcr - this.#tsLatest) | 0) < TS_KEPT_MS, `RFC 7323 §3.2: TSecr ${tsEcr} echoes ${this.#tsLatest}`);
  }

  /** RFC 1191 as Linux does it: what was sent and is not acknowledged is sent again at once. */
  resend(nowMs: number): void {
    if (!this.established || this.sndUna >= this.sndMax) return;
    this.sndNxt = this.sndUna;
    this.#pump(nowMs);
  }

  /** RFC 6069 as Linux does it: one doubling of the timer is undone, which counts from when it was set. */
  undoBackOff(nowMs: number): void {
    if (!this.established || this.sndUna >= this.sndMax || this.#rtoMs <= RTO_MS) return;
    const setAt = this.nextTimerAt - this.#rtoMs;
    this.#rtoMs /= 2;
    this.nextTimerAt = Math.max(nowMs, setAt + this.#rtoMs);
    this.timer(nowMs);
  }

  timer(nowMs: number): void {
    if (nowMs < this.nextTimerAt) return;
    this.nextTimerAt = Number.POSITIVE_INFINITY;
    if (this.isOver) return;
    this.#rtoMs = Math.min(RTO_MAX_MS, 2 * this.#rtoMs);
    if (this.state === 'syn-sent') this.#say(SYN, 0, 0, nowMs);
    else if (this.state === 'syn-received') this.#say(SYN | ACK, 0, 0, nowMs);
    else if (this.sndEdge <= this.sndUna) this.#say(ACK, this.sndUna - 1, 0, nowMs);
    else this.sndNxt = this.sndUna;
    this.#pump(nowMs);
    this.#armTimer(nowMs);
  }

  #receiveSynAck(packet: TcpPacket, nowMs: number): void {
    if ((packet.flags & ACK) !== 0 && packet.ack !== seqAt(this.iss, 1)) {
      // RFC 9293 §3.10.7.3: the peer still has an earlier connection with this four-tuple.
      if ((packet.flags & RST) === 0) this.#refuse(packet.ack);
      return;
    }
    if ((packet.flags & RST) !== 0) {
      if ((packet.flags & ACK) !== 0) this.#end('reset');
      return;
    }
    if ((packet.flags & (SYN | ACK)) !== (SYN | ACK)) return;
    this.#learnSyn(packet);
    this.state = 'established';
    this.sndUna = 1;
    this.sndEdge = 1 + packet.window;
    this.#progressed();
    this.#acknowledge(nowMs);
    this.#pump(nowMs);
  }

  /** RFC 9293 §3.10.7.4 */
  #receiveSegment(packet: TcpPacket, nowMs: number): void {
    const position = positionOf(this.irs, packet.seq, this.rcvNxt);
    const length = packet.data.length + (packet.flags & FIN);
    if ((packet.flags & RST) !== 0) {
      if (position === this.rcvNxt) this.#end('reset');
      else if (position > this.rcvNxt && position < this.rcvEdge) this.#acknowledge(nowMs);
      return;
    }
    if ((packet.flags & SYN) !== 0) {
      if (this.state === 'syn-received') this.#say(SYN | ACK, 0, 0, nowMs);
      else this.#acknowledge(nowMs);
      return;
    }
    const old = length > 0 ? position + length <= this.rcvNxt : position < this.rcvNxt;
    const beyond = length > 0 && packet.data.length > 0 ? position >= this.rcvEdge : position > this.rcvEdge;
    const late = this.#timestamps && packet.hasTimestamps && ((packet.tsVal - this.#tsRecent) | 0) < 0;
    if (old || beyond || late || (packet.flags & ACK) === 0) {
      this.#acknowledge(nowMs);
      return;
    }
    if (packet.hasTimestamps && position <= this.rcvNxt) this.#tsRecent = packet.tsVal;
    if (!this.#takeAck(packet, position, length, nowMs)) return;
    if (length > 0) {
      this.#takeData(packet, position);
      this.#acknowledge(nowMs);
    }
    this.#pump(nowMs);
  }

  #takeAck(packet: TcpPacket, position: number, length: number, nowMs: number): boolean {
    const ack = positionOf(this.iss, packet.ack, this.sndUna);
    if (ack > this.sndMax) {
      this.#acknowledge(nowMs);
      return false;
    }
    if (this.state === 'syn-received') {
      if (ack < 1) return false;
      this.state = 'established';
    }
    const edge = ack + packet.window * 2 ** this.#sndScale;
    if (ack > this.sndUna) {
      this.sndUna = ack;
      this.sndNxt = Math.max(this.sndNxt, ack);
      this.#duplicates = 0;
      this.#progressed();
    } else if (ack === this.sndUna && length === 0 && edge === this.sndEdge && this.sndUna < this.sndMax) {
      this.#duplicates++;
      if (this.#duplicates === DUPLICATE_ACKS) this.#resendFirst(nowMs);
    }
    // RFC 9293 §3.10.7.4: only a later segment updates the window.
    if (ack >= this.sndUna && position >= this.#windowFrom) {
      this.sndEdge = edge;
      this.#windowFrom = position;
    }
    this.#armTimer(nowMs);
    return true;
  }

  /** Of two segments that overlap, the first one's bytes count. */
  #takeData(packet: TcpPacket, position: number): void {
    this.#outOfMemory = this.unread > 0 && this.unread + packet.data.length > this.options.memoryBytes;
    if (this.#outOfMemory) {
      this.shrunk++;
      return;
    }
    for (let i = 0; i < packet.data.length; i++) {
      const at = position + i;
      if (at < this.rcvNxt || at >= this.rcvEdge || this.#beyond.has(at)) continue;
      this.#beyond.set(at, packet.data[i] ?? 0);
      this.#latestIsland = at;
    }
    const urgent = position + packet.urgentPointer;
    if ((packet.flags & URG) !== 0 && !this.urgentHeard.includes(urgent)) this.urgentHeard.push(urgent);
    const end = position + packet.data.length;
    if ((packet.flags & FIN) !== 0 && end <= this.rcvEdge && this.#finAt < 0) this.#finAt = end;
    for (let byte = this.#beyond.get(this.rcvNxt); byte !== undefined; byte = this.#beyond.get(this.rcvNxt)) {
      if (this.rcvNxt === this.#finAt) break;
      this.#beyond.delete(this.rcvNxt++);
      this.received.push(byte);
    }
    if (this.rcvNxt === this.#finAt && !this.peerFinished) {
      this.rcvNxt++;
      this.peerFinished = true;
      // As Linux does: what came out of order from beyond a FIN is dropped with it.
      this.#beyond.clear();
    }
  }

  #learnSyn(syn: TcpPacket): void {
    const { options } = this;
    this.irs = syn.seq;
    this.rcvNxt = 1;
    this.mss = Math.min(options.mss, syn.mss === 0 ? 536 : syn.mss);
    const scaled = options.windowScale >= 0 && syn.windowScale >= 0;
    this.#scaled = scaled;
    this.#sndScale = scaled ? syn.windowScale : 0;
    this.#rcvScale = scaled ? options.windowScale : 0;
    this.#timestamps = options.timestamps && syn.hasTimestamps;
    this.#sack = options.sackPermitted && syn.sackPermitted;
    const asked = (syn.flags & ACK) === 0 ? ECE | CWR : ECE;
    this.ecn = options.ecn && (syn.flags & (ECE | CWR)) === asked;
    this.#tsRecent = syn.tsVal;
    if (this.#timestamps) this.mss -= 12;
  }

  #pump(nowMs: number): void {
    if (!this.established || this.isOver) return;
    const dataEnd = 1 + this.written.length;
    for (;;) {
      const limit = Math.min(dataEnd, this.sndEdge, this.sndUna + this.options.flightSegments * this.mss);
      const length = Math.min(limit - this.sndNxt, this.mss * this.options.bulkSegments);
      if (length <= 0) break;
      // RFC 9293 §3.8.6.2.1, as Linux does it: the rest of a window that is less than a segment waits for what is outstanding.
      if (limit === this.sndEdge && limit < dataEnd && length < this.mss && this.sndNxt > this.sndUna) break;
      this.#say(ACK | PSH, this.sndNxt, length, nowMs);
      this.#sent(this.sndNxt + length);
    }
    if (this.shut && this.sndNxt === dataEnd && this.sndUna + this.options.flightSegments * this.mss > dataEnd) {
      this.#say(ACK | FIN, this.sndNxt, 0, nowMs);
      this.#sent(dataEnd + 1);
    }
    if (this.nextTimerAt === Number.POSITIVE_INFINITY) this.#armTimer(nowMs);
  }

  #resendFirst(nowMs: number): void {
    const length = Math.min(this.mss, this.sndMax - this.sndUna, 1 + this.written.length - this.sndUna);
    if (length > 0) this.#say(ACK, this.sndUna, length, nowMs);
    else this.#say(ACK | FIN, this.sndUna, 0, nowMs);
  }

  #refuse(seq: Seq): void {
    this.out.push(tcpPacket({ sourcePort: this.ownPort, destinationPort: this.peerPort, seq, flags: RST }));
  }

  #sent(end: number): void {
    this.sndNxt = end;
    this.sndMax = Math.max(this.sndMax, end);
  }

  #acknowledge(nowMs: number): void {
    if (this.state === 'syn-received') this.#say(SYN | ACK, 0, 0, nowMs);
    // As Linux and BSD do, also while they send again what is older; Linux not beyond a window that has become smaller.
    else this.#say(ACK, Math.min(this.sndMax, Math.max(this.sndUna, this.sndEdge)), 0, nowMs);
  }

  #say(flags: number, position: number, length: number, nowMs: number): void {
    const { options } = this;
    const syn = (flags & SYN) !== 0;
    const first = syn && (flags & ACK) === 0;
    const urgentPointer = length > 0 && this.#urgentEnd > position ? this.#urgentEnd - position : 0;
    this.#tsLatest = (Math.floor(nowMs) + options.tsOffset) >>> 0;
    this.out.push(
      tcpPacket({
        sourcePort: this.ownPort,
        destinationPort: this.peerPort,
        seq: seqAt(this.iss, position),
        ack: first ? (0 as Seq) : seqAt(this.irs, this.rcvNxt),
        flags: (syn ? flags | this.#ecnFlags(first) : flags) | (urgentPointer > 0 ? URG : 0),
        urgentPointer,
        window: this.#window(syn),
        data: Uint8Array.from(this.written.slice(position - 1, position - 1 + length)),
        hasTimestamps: this.#timestamps,
        tsVal: this.#tsLatest,
        tsEcr: first ? 0 : this.#tsRecent,
        mss: syn ? options.mss : 0,
        windowScale: syn && (first || this.#scaled) ? options.windowScale : -1,
        sackPermitted: syn && this.#sack,
        sack: syn || length > 0 ? [] : this.#sackBlocks(),
      }),
    );
  }

  /** RFC 3168 §6.1.1 */
  #ecnFlags(first: boolean): number {
    if (first) return this.options.ecn ? ECE | CWR : 0;
    return this.ecn ? ECE : 0;
  }

  /** The window field: the edge goes back by no more than its granularity. RFC 7323 §2.4 */
  #window(syn: boolean): number {
    if (this.#outOfMemory) {
      this.#outOfMemory = 2 * this.unread > this.options.memoryBytes;
      this.rcvEdge = this.rcvNxt;
      // All that the peer says until the window is open again it says from here.
      this.#windowFrom = Math.min(this.#windowFrom, this.rcvNxt);
      if (this.#outOfMemory) return 0;
    }
    const scale = syn ? 1 : 2 ** this.#rcvScale;
    const free = this.options.bufferBytes - this.unread;
    let field = Math.min(0xffff, Math.floor(free / scale));
    const next = Math.max(1, this.rcvNxt);
    if (next + field * scale < this.rcvEdge) field = Math.floor((this.rcvEdge - next) / scale);
    this.rcvEdge = Math.max(this.rcvEdge, next + field * scale);
    return field;
  }

  /** RFC 2018 §4: the block of the latest segment first. */
  #sackBlocks(): [Seq, Seq][] {
    if (!this.#sack || this.#beyond.size === 0) return [];
    const runs: [number, number][] = [];
    for (const at of [...this.#beyond.keys()].sort((a, b) => a - b)) {
      const last = runs.at(-1);
      if (last !== undefined && last[1] === at) last[1]++;
      else runs.push([at, at + 1]);
    }
    const latest = (run: [number, number]) => (run[0] <= this.#latestIsland && this.#latestIsland < run[1] ? 0 : 1);
    runs.sort((a, b) => latest(a) - latest(b));
    return runs.slice(0, 3).map(([left, right]) => [seqAt(this.irs, left), seqAt(this.irs, right)]);
  }

  #progressed(): void {
    this.#rtoMs = RTO_MS;
    this.nextTimerAt = Number.POSITIVE_INFINITY;
  }

  #armTimer(nowMs: number): void {
    const pending = this.sndUna < this.sndMax || (this.established && this.sndNxt < 1 + this.written.length);
    if (!pending) this.nextTimerAt = Number.POSITIVE_INFINITY;
    else if (this.nextTimerAt === Number.POSITIVE_INFINITY) this.nextTimerAt = nowMs + this.#rtoMs;
  }

  #maybeClosed(): void {
    if (this.state === 'established' && this.peerFinished && this.sentAll) {
      this.state = 'closed';
      this.nextTimerAt = Number.POSITIVE_INFINITY;
    }
  }

  #end(state: 'reset'): void {
    this.state = state;
    this.nextTimerAt = Number.POSITIVE_INFINITY;
  }
}
