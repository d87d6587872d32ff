// What a replica knows of one client connection. Both roles use the same record: the primary fills it from the packets, the
// backup from the log, and promotion changes nothing but who speaks.
//
// All positions are stream positions (SYN at 0): `in…` is the client's stream, `out…` the server's. "Local" is what this
// host's server TCP has done; "wire" is what the client has been told, or may have been.
import type { OpenFields } from '../log/log-writer.ts';
import { positionOf, type Seq, seqAt } from '../wire/seq.ts';
import type { Budget } from './budget.ts';
import { OutputSamples } from './output-samples.ts';
import { Standstill } from './standstill.ts';
import { StreamBuffer } from './stream-buffer.ts';
import { UrgentMarks } from './urgent-marks.ts';

export const NONE = -1;
/** A TSval that is behind by more is ahead: the clock has gone on for weeks. */
const TS_BEHIND_MAX = 3_600_000;

/** Where the local server's socket stands for the virtual client, which plays the client's part on a backup. */
export type LocalPhase =
  /** Nothing sent yet, or the SYN is not answered. */
  | 'syn-sent'
  /** SYN-ACK received; the third segment waits for its entry. */
  | 'syn-received'
  | 'established'
  /** The local server has reset the connection. */
  | 'reset';

export class Connection {
  readonly id: number;
  readonly open: OpenFields;
  readonly clientIp: Uint8Array;
  readonly serviceIp: Uint8Array;
  readonly clientPort: number;
  readonly servicePort: number;
  /** Where the client's frames came from last: its own MAC or its router's. */
  readonly clientMac: Uint8Array;

  readonly irs: Seq;
  /** Initial sequence number of the server as the client knows it, and as the local server's TCP has it. */
  readonly issWire: Seq;
  issLocal: Seq;
  readonly clientScale: number;
  readonly serverScaleWire: number;
  serverScaleLocal: number;

  /** True while client and local server talk to each other directly; false while the virtual client stands between. */
  direct: boolean;
  phase: LocalPhase;
  handshakeDone = false;
  resetByClient = false;
  resetByServer = false;
  /** A host that took over has reset it. A client that waits for an answer says nothing, and may not have heard. */
  endedHere = false;
  openedAtMs = 0;
  closedAtMs = NONE;
  /** Primary: since when neither side has said anything, or when the server's TCP was last asked whether it knows the connection. */
  quietSinceMs = 0;
  /** That question is open, and the client has said nothing since. */
  asked = false;
  /** The server's TCP does not know the connection any more. */
  vanished = false;

  /** Logged bytes of the client that the local server's TCP has not acknowledged: `base` is the local rcvNxt. */
  readonly input: StreamBuffer;
  /** Where the client has said that urgent data ends: what the local server, and the backup's, may not have heard yet. */
  readonly inUrgent = new UrgentMarks();
  /** Position of the client's FIN. */
  inFin = NONE;
  /** The server's output, its FIN counted, that the client may have seen when it sent its FIN. */
  inFinAfter = 1;
  /** Local rcvNxt, the FIN counted. */
  inLocalNxt = 1;
  /** Right edge of the window that the local server's TCP offers. */
  inLocalEdge = 1;
  /** The greatest that it has been: a server's TCP takes back what it turns out to have no memory for. */
  #inLocalOffered = 1;
  /** Highest ACK and right edge that the client may have seen. */
  inWireNxt = 1;
  inWireEdge = 1;
  /** Primary: how far the backup's server has acknowledged, as last heard. Backup: as last reported. */
  inBackupNxt = 1;
  /** End of what the virtual client has sent to the local server, the FIN counted. */
  inFed = 1;

  /** Highest ACK of the client, and the right edge of its window. */
  outUna = 1;
  outWireEdge = 1;
  /** The right edge of the window that the local server was offered, by the virtual client or in the client's segments. */
  outLocalEdge = 1;
  /** How far the backup's server has sent, as `inBackupNxt` is for the input. */
  outBackupNxt = 1;
  /** Largest window that the client has offered: MAX.SND.WND of RFC 5961 §5.2. */
  outWndMax: number;
  /** End of what the local server has sent, the FIN counted. */
  outLocalNxt = 1;
  /** End of what the client may have seen, the FIN counted: the last output entry. */
  outWireNxt = 1;
  outLocalFin = NONE;
  outWireFin = NONE;
  /** Payload and options of the largest segment that the client takes, or less where a router on the path has said so. */
  outMss: number;
  /** What the virtual client has acknowledged to the local server. */
  outLocalAcked = 1;
  /** After a promotion: how far it may acknowledge what the client has not, because this host keeps and repeats it. */
  outVouched = 1;
  /** Output of the local server from the client's ACK on, kept by a backup for retransmission. */
  readonly output: StreamBuffer;
  /** Where urgent data ends in it. */
  readonly outUrgent = new UrgentMarks();

  /** Running checksum of the local server's output up to `outChecksumEnd`. */
  outChecksum = 0;
  outChecksumEnd = 1;
  /** Backup: end of the output that was compared with the primary's; not beyond `outChecksumEnd`. */
  outComparedEnd = 1;
  /** Output entries not yet compared with the local output: end, checksum, … */
  readonly uncompared: number[] = [];
  /** Where the two servers' outputs cease to be known to be the same. */
  divergedAt = NONE;
  /** What the local server has said there, or some of it. */
  divergedSaid: Uint8Array = new Uint8Array(0);
  /** While client and local server talk directly. */
  samples: OutputSamples | undefined;

  /** Latest TSval of the client (RFC 7323 ts_recent), and of the local server, each with the time it was read. */
  tsRecent: number;
  tsRecentAtMs = 0;
  tsLocal = 0;
  tsLocalAtMs = 0;
  /** Latest TSval that the client may have seen, and when this host learnt of it. */
  tsWire: number;
  tsWireAtMs = 0;
  /** The latest TSval that the client may have been told. */
  #tsSaid: number;
  /** TSval on the wire minus local TSval, modulo 2³². */
  tsOffset = 0;

  /** A CLIENT_ACK note is due: the connection is among `SouthContext.noted`. */
  noteDue = false;
  /** While the virtual client stands between: the client is to hear of congestion on its way. RFC 3168 §6.1.3 */
  congested = false;
  /** When the virtual client tries again, and how often it has. */
  retryAtMs = 0;
  retries = 0;
  /** Whether `tsOffset` has been set by a promotion. */
  clockContinued = false;
  /** After a promotion: next position of the kept output to send, and how many bytes may be sent before the next ACK. */
  recoverNxt = NONE;
  recoverCredit = 0;
  /** After a promotion: what the local server has done. Before: what the backup's has, while it holds this client back. */
  readonly standstill = new Standstill();
  /** After a promotion: how wide the window was that the client had. While the server recovers it is kept so. */
  inWndKept = 0;
  /** After a promotion: the client's ACK when it was looked at. */
  outUnaSeen = 1;
  /**
   * Those that have had the same four-tuple, oldest first, from the first that the local server has not finished up to the latest one. They
   * share the list; undefined while there was only this one.
   */
  lineage: Connection[] | undefined;

  constructor(id: number, open: OpenFields, direct: boolean, bufferBytesMax: number, budget: Budget) {
    this.id = id;
    this.open = open;
    this.clientIp = open.clientIp;
    this.serviceIp = open.serviceIp;
    this.clientPort = open.clientPort;
    this.servicePort = open.servicePort;
    this.clientMac = open.clientMac.slice();
    this.irs = open.irs;
    this.issWire = open.iss;
    this.issLocal = open.iss;
    const scaled = open.clientScale >= 0 && open.serverScale >= 0;
    this.clientScale = scaled ? open.clientScale : 0;
    this.serverScaleWire = scaled ? open.serverScale : 0;
    this.serverScaleLocal = this.serverScaleWire;
    this.direct = direct;
    this.phase = direct ? 'established' : 'syn-sent';
    this.input = new StreamBuffer(1, bufferBytesMax, budget);
    this.output = new StreamBuffer(1, bufferBytesMax, budget);
    if (direct) this.samples = new OutputSamples();
    this.tsRecent = open.clientTsVal;
    this.tsWire = open.serverTsVal;
    this.#tsSaid = open.serverTsVal;
    this.inWireEdge = 1 + open.serverWindow;
    this.inLocalEdge = direct ? this.inWireEdge : 1;
    this.outWireEdge = 1 + open.clientWindow;
    if (direct) this.outLocalEdge = this.outWireEdge;
    this.outWndMax = open.clientWindow;
    this.outMss = open.clientMss;
  }

  /** Whose the local socket of this four-tuple is: of the oldest that is not finished. */
  get socketOwner(): Connection {
    return this.lineage?.[0] ?? this;
  }

  /** Gives the buffers' memory back: nobody will ask for what they hold. */
  drop(): void {
    this.input.drop();
    this.output.drop();
  }

  /** Forgets the output that the client has and that the checksum covers: nobody will ask for it. */
  releaseOutput(): void {
    this.output.release(Math.min(this.outUna, this.outChecksumEnd));
  }

  /** The local server's TCP offers its client a window up to `edge`. */
  offered(edge: number): void {
    this.inLocalEdge = edge;
    this.#inLocalOffered = Math.max(this.#inLocalOffered, edge);
  }

  /** Whether `position` is beyond the window that it offers now, as far as a scaled window tells. RFC 7323 §2.4 */
  isBeyondLocalWindow(position: number): boolean {
    return position >= this.inLocalEdge + 2 ** this.serverScaleLocal;
  }

  /** Whether it has taken back so much that `position`, which was within its window, is not any more. */
  isTakenBack(position: number): boolean {
    return this.isBeyondLocalWindow(position) && this.isBeyondLocalWindow(this.#inLocalOffered);
  }

  /** The right edge that the client is told. */
  get inSaidEdge(): number {
    return this.direct && this.isTakenBack(this.inWireEdge)
      ? Math.max(this.inLocalEdge, this.inWireNxt)
      : this.inWireEdge;
  }

  /** End of the logged input, the FIN counted once everything before it is there. */
  get inEnd(): number {
    return this.input.end === this.inFin ? this.inFin + 1 : this.input.end;
  }

  /** Both directions are finished and acknowledged, or one side has reset. */
  get finished(): boolean {
    if (this.resetByClient || this.resetByServer) return true;
    return this.inFin !== NONE && this.inWireNxt > this.inFin && this.outputDone;
  }

  /** The two servers' outputs differ (rule 4). */
  get diverged(): boolean {
    return this.divergedAt !== NONE;
  }

  /** The client has acknowledged all that the server had to say, its FIN too. */
  get outputDone(): boolean {
    return this.outWireFin !== NONE && this.outUna > this.outWireFin;
  }

  get state(): string {
    if (this.resetByClient || this.resetByServer) return 'CLOSED';
    if (!this.handshakeDone) return 'SYN-RECEIVED';
    const clientClosed = this.inFin !== NONE && this.input.end >= this.inFin;
    const serverClosed = this.outWireFin !== NONE;
    if (clientClosed && serverClosed) return this.outputDone ? 'CLOSED' : 'LAST-ACK';
    if (clientClosed) return 'CLOSE-WAIT';
    if (!serverClosed) return 'ESTABLISHED';
    return this.outputDone ? 'FIN-WAIT-2' : 'FIN-WAIT-1';
  }

  // Sequence numbers and positions. The client's ISN is the same on the wire and locally, because the virtual client
  // replays it; the server's differs. Each pair below is inverse.
  inSeqToPosition(value: Seq): number {
    return positionOf(this.irs, value, this.input.end);
  }

  inPositionToSeq(position: number): Seq {
    return seqAt(this.irs, position);
  }

  outWireToPosition(value: Seq): number {
    return positionOf(this.issWire, value, this.outUna);
  }

  outPositionToWire(position: number): Seq {
    return seqAt(this.issWire, position);
  }

  outLocalToPosition(value: Seq): number {
    return positionOf(this.issLocal, value, this.outLocalNxt);
  }

  outPositionToLocal(position: number): Seq {
    return seqAt(this.issLocal, position);
  }

  /**
   * A TSval for the client, or the last one if that is later: it never runs backwards, although what the server's TCP said before this host
   * stood still is read after this host has spoken itself. RFC 7323 §5.4
   */
  sayTsVal(tsVal: number): number {
    const behind = (this.#tsSaid - tsVal) | 0;
    if (behind <= 0 || behind > TS_BEHIND_MAX) this.#tsSaid = tsVal;
    return this.#tsSaid;
  }

  tsLocalToWire(tsVal: number): number {
    return (tsVal + this.tsOffset) >>> 0;
  }

  tsWireToLocal(tsVal: number): number {
    return (tsVal - this.tsOffset) >>> 0;
  }
}
