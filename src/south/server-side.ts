// From the TUN: every packet that the server's TCP sends. On the primary each is announced to the log by an output entry and
// waits for it at the release barrier; on a backup it is the virtual client's business and never leaves.
import { assert } from '../errors.ts';
import { OUTPUT_FIN, OUTPUT_RST } from '../log/entry.ts';
import type { OpenFields } from '../log/log-writer.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, writeEthernet } from '../wire/ethernet.ts';
import { loadIp } from '../wire/ip-address.ts';
import { Segment } from '../wire/segment.ts';
import { seqAdd, seqDiff } from '../wire/seq.ts';
import { ACK, CWR, ECE, FIN, RST, SYN } from '../wire/tcp.ts';
import { requirePartialChecksum, tunToFrameVirtio, VIRTIO_HEADER } from '../wire/virtio.ts';
import type { Backpressure } from './backpressure.ts';
import { Connection, NONE } from './connection.ts';
import type { SouthContext } from './context.ts';
import type { Existence } from './existence.ts';
import type { HalfOpen } from './half-open.ts';
import type { IcmpErrors } from './icmp-errors.ts';
import type { Refusal } from './refusal.ts';
import { FRAME_IP, TUN_HEADROOM } from './release-queue.ts';
import type { Takeover } from './takeover.ts';
import { isTranslated, translateForClient } from './translation.ts';
import type { VirtualClient } from './virtual-client.ts';

const MAC_SCRATCH = new Uint8Array(6);
/** More are lost: the kernel, or the client, asks again. */
const HELD_MAX = 256;

export interface ServerSideParts {
  readonly virtualClient: VirtualClient;
  readonly takeover: Takeover;
  readonly refusal: Refusal;
  readonly icmpErrors: IcmpErrors;
  readonly backpressure: Backpressure;
  readonly existence: Existence;
}

export class ServerSide {
  readonly #context: SouthContext;
  readonly #virtualClient: VirtualClient;
  readonly #takeover: Takeover;
  readonly #refusal: Refusal;
  readonly #icmpErrors: IcmpErrors;
  readonly #backpressure: Backpressure;
  readonly #existence: Existence;
  readonly #segment = new Segment();
  /** Packets that end connections, of a server that is gone and was not seen to go. */
  readonly #held: Uint8Array[] = [];
  /** The turn in which the server was last found alive. */
  #aliveAtMs = Number.NaN;

  constructor(context: SouthContext, parts: ServerSideParts) {
    this.#context = context;
    this.#refusal = parts.refusal;
    this.#icmpErrors = parts.icmpErrors;
    this.#backpressure = parts.backpressure;
    this.#existence = parts.existence;
    this.#virtualClient = parts.virtualClient;
    this.#takeover = parts.takeover;
  }

  /**
   * A packet read from the TUN to `offset + TUN_HEADROOM` of the release queue's memory.
   * @param offset what `ReleaseQueue.reserve` returned.
   * @param length as read: virtio header and packet.
   */
  fromTun(offset: number, length: number, nowMs: number): void {
    const { counters, release, connections, speaking } = this.#context;
    const segment = this.#segment;
    counters.serverPackets++;
    if (length < VIRTIO_HEADER || segment.parse(release.bytes, offset + FRAME_IP, length - VIRTIO_HEADER) !== '') {
      counters.serverMalformed++;
      return;
    }
    const frameLength = length + TUN_HEADROOM;
    if (this.#isMuted(segment)) return;
    if (!segment.isTcp) {
      if (!speaking || !this.#passUnconnected(segment, offset, frameLength)) this.#refusal.refuse(segment);
      return;
    }
    const addressLength = segment.family === 4 ? 4 : 16;
    const connection = connections.find(
      segment.bytes,
      segment.destinationOffset,
      addressLength,
      segment.destinationPort,
      segment.sourcePort,
    );
    if (this.#endsSomething(connection, segment) && this.#isDeathCry(connection, offset, length, nowMs)) {
      counters.deathCries++;
    } else if (
      speaking &&
      (segment.flags & (SYN | ACK)) === (SYN | ACK) &&
      (connection === undefined || connection.direct)
    ) {
      this.#fromListener(connection, segment, offset, frameLength, nowMs);
    } else if (connection === undefined) {
      if ((segment.flags & (SYN | ACK)) === SYN) this.#refusal.refuse(segment);
      else if (speaking) this.#fromNoConnection(segment, offset, frameLength);
    } else if (connection.direct) {
      this.#fromConnection(connection, segment, offset, frameLength, nowMs);
    } else if (connection.socketOwner !== connection) {
      this.#virtualClient.fromServer(connection.socketOwner, segment, nowMs);
    } else {
      const before = connection.outLocalNxt;
      this.#virtualClient.fromServer(connection, segment, nowMs);
      if (speaking) this.#fromCatchingUp(connection, segment, before, nowMs);
    }
  }

  /** The end of a connection, or the refusal of one that a client wants. */
  #endsSomething(connection: Connection | undefined, segment: Segment): boolean {
    if ((segment.flags & (FIN | RST)) === 0) return false;
    return connection !== undefined || this.#halfOpenOf(segment) !== undefined;
  }

  /**
   * FIN and RST of a process that is killed are its kernel's doing. While another host can go on, no client hears of them; where there
   * is none, or it was the client's request that killed both servers, they pass. Where it is too late to see they are held until it is known.
   */
  #isDeathCry(connection: Connection | undefined, offset: number, length: number, nowMs: number): boolean {
    const context = this.#context;
    if (!this.#isReplicated || context.serverEnded) return false;
    if (context.killedBy === '') {
      // To look takes longer than anybody takes to send a SYN to a port where nobody listens.
      if (connection === undefined && nowMs === this.#aliveAtMs) return false;
      const fate = context.serverFate();
      if (fate.is === 'alive') {
        this.#aliveAtMs = nowMs;
        return false;
      }
      if (fate.is === 'gone') {
        const at = offset + TUN_HEADROOM;
        // Who is refused asks again.
        if (connection !== undefined && this.#held.length < HELD_MAX)
          this.#held.push(context.release.bytes.slice(at, at + length));
        return true;
      }
      context.killedBy = fate.signal;
      this.forgetHeld();
    }
    if (!context.speaking && connection !== undefined) connection.phase = 'reset';
    return true;
  }

  /** The server did not mean what is held. */
  forgetHeld(): void {
    this.#held.length = 0;
  }

  /** It did. */
  passHeld(nowMs: number): void {
    const { release } = this.#context;
    for (const packet of this.#held.splice(0)) {
      const offset = release.reserve();
      if (offset < 0) return;
      release.bytes.set(packet, offset + TUN_HEADROOM);
      this.fromTun(offset, packet.length, nowMs);
    }
  }

  /** What the kernel of a primary's dead server says in place of it, until another host speaks. */
  #isMuted({ isTcp }: Segment): boolean {
    const { killedBy, speaking } = this.#context;
    return killedBy !== '' && speaking && this.#isReplicated && isTcp;
  }

  /** A backup's server, or a primary's that has a backup. */
  get #isReplicated(): boolean {
    return !this.#context.speaking || this.#context.log.active;
  }

  /** Most likely the RST that answers a SYN for which nobody listens: then the client's place among the half-open is free. */
  #fromNoConnection(segment: Segment, offset: number, frameLength: number): void {
    const syn = (segment.flags & RST) === 0 ? undefined : this.#halfOpenOf(segment);
    if (syn !== undefined) this.#context.halfOpen.delete(syn);
    // A socket of a connection that is over for everybody else, such as one that was reset and did not hear of it.
    if (segment.segLen > 0 && (segment.flags & RST) === 0) this.#refusal.refuse(segment);
    else this.#passUnconnected(segment, offset, frameLength);
  }

  #halfOpenOf(segment: Segment): HalfOpen | undefined {
    return this.#context.halfOpen.find(
      segment.bytes,
      segment.destinationOffset,
      segment.family === 4 ? 4 : 16,
      segment.destinationPort,
      segment.sourcePort,
    );
  }

  /** A new primary whose server has not caught up. @param before end of the server's output before this segment. */
  #fromCatchingUp(connection: Connection, segment: Segment, before: number, nowMs: number): void {
    const start = connection.outLocalToPosition(segment.seq);
    if ((segment.flags & (SYN | RST)) === 0 && start < before) {
      this.#takeover.repeated(connection, start, segment.segLen, nowMs);
    }
    this.#takeover.progress(connection, nowMs);
  }

  /** A SYN-ACK: from its entry on, the connection exists. */
  #fromListener(
    known: Connection | undefined,
    segment: Segment,
    offset: number,
    frameLength: number,
    nowMs: number,
  ): void {
    const { halfOpen, connections, byId, log } = this.#context;
    const syn = this.#halfOpenOf(segment);
    if (known !== undefined && segment.ack === seqAdd(known.irs, 1) && segment.seq === known.issLocal) {
      // The server repeats itself, unasked or for a SYN that came again: the connection is the same.
      if (syn !== undefined && syn.irs === known.irs) halfOpen.delete(syn);
      this.#fromConnection(known, segment, offset, frameLength, nowMs);
    } else if (syn !== undefined && segment.ack === seqAdd(syn.irs, 1)) {
      halfOpen.delete(syn);
      const connection = new Connection(
        this.#context.nextConnectionId++,
        openFieldsOf(syn, segment),
        true,
        this.#context.config.limits.connectionBytes,
        this.#context.budget,
      );
      connection.openedAtMs = nowMs;
      connection.quietSinceMs = nowMs;
      connection.tsRecentAtMs = nowMs;
      this.#learnTimestamps(connection, segment, nowMs);
      connections.set(connection);
      byId.set(connection.id, connection);
      log.open(connection.id, connection.open);
      if (known !== undefined) {
        // The server's TCP has let the four-tuple be used again: what it was before is over.
        byId.delete(known.id);
        known.drop();
        log.closed(known.id);
      }
      this.#queue(connection.clientMac, segment, offset, frameLength);
    }
  }

  #fromConnection(connection: Connection, segment: Segment, offset: number, frameLength: number, nowMs: number): void {
    const { log, counters } = this.#context;
    const { flags } = segment;
    const start = connection.outLocalToPosition(segment.seq);
    const data = (flags & SYN) === 0 ? start : start + 1;
    if ((flags & RST) === 0 && data > connection.outLocalNxt) {
      // The TUN dropped what comes before: as if it had dropped this too, the server's TCP sends both again.
      counters.serverHoles++;
      return;
    }
    if (connection.asked && this.#existence.isAnswer(connection, segment, data)) return;
    connection.quietSinceMs = nowMs;
    this.#learnTimestamps(connection, segment, nowMs);
    this.#learnOutput(connection, segment, data);
    const edge = this.#learnAck(connection, segment);
    let outputFlags = 0;
    if ((flags & FIN) !== 0) outputFlags |= OUTPUT_FIN;
    if ((flags & RST) !== 0) {
      outputFlags |= OUTPUT_RST;
      connection.resetByServer = true;
    }
    const end = connection.outLocalFin === NONE ? connection.outLocalNxt : connection.outLocalFin;
    log.output(
      connection.id,
      outputFlags,
      end,
      connection.outChecksum,
      connection.inWireNxt,
      connection.inWireEdge,
      connection.tsWire,
    );
    const isLate = segment.hasTimestamps && connection.tsWire !== connection.tsLocalToWire(segment.tsVal);
    if (isTranslated(connection) || isLate || edge > connection.inWireEdge) {
      translateForClient(connection, segment);
      tunToFrameVirtio(segment.bytes, offset + TUN_HEADROOM, offset);
      requirePartialChecksum(segment.bytes, offset, segment);
      this.#commit(connection.clientMac, segment, offset, frameLength);
    } else {
      this.#queue(connection.clientMac, segment, offset, frameLength);
    }
  }

  /** Continues the checksum over what is new, and notes the FIN. */
  #learnOutput(connection: Connection, segment: Segment, start: number): void {
    const end = start + segment.dataLength;
    const fresh = connection.outChecksumEnd;
    if (end > fresh && start <= fresh) {
      const offset = segment.dataOffset + (fresh - start);
      connection.outChecksum = this.#context.checksum(connection.outChecksum, segment.bytes, offset, end - fresh);
      connection.outChecksumEnd = end;
      connection.samples?.take(fresh, segment.bytes, offset, end - fresh);
      connection.outLocalNxt = Math.max(connection.outLocalNxt, end);
    }
    if ((segment.flags & FIN) !== 0 && connection.outLocalFin === NONE) {
      connection.outLocalFin = end;
      connection.outWireFin = end;
      connection.outLocalNxt = end + 1;
    }
    connection.outWireNxt = Math.max(connection.outWireNxt, connection.outLocalNxt);
  }

  /** @returns the right edge that this segment offers. */
  #learnAck(connection: Connection, segment: Segment): number {
    if ((segment.flags & ACK) === 0) return connection.inLocalEdge;
    const ack = connection.inLocalNxt + seqDiff(segment.ack, connection.inPositionToSeq(connection.inLocalNxt));
    assert(ack <= connection.inEnd, 'the server acknowledges nothing that is not logged (rule 1)');
    const scale = (segment.flags & SYN) === 0 ? connection.serverScaleLocal : 0;
    const edge = ack + segment.window * 2 ** scale;
    if (ack >= connection.inLocalNxt) {
      connection.inLocalNxt = ack;
      connection.inFed = Math.max(connection.inFed, ack);
      connection.input.release(ack);
      connection.offered(edge);
      connection.inWireNxt = Math.max(connection.inWireNxt, ack);
      connection.inWireEdge = Math.max(connection.inWireEdge, Math.min(edge, this.#backpressure.limit(connection)));
    }
    return edge;
  }

  #learnTimestamps(connection: Connection, segment: Segment, nowMs: number): void {
    if (!segment.hasTimestamps) return;
    connection.tsLocal = segment.tsVal;
    connection.tsLocalAtMs = nowMs;
    connection.tsWire = connection.sayTsVal(connection.tsLocalToWire(segment.tsVal));
    connection.tsWireAtMs = nowMs;
  }

  /**
   * What belongs to no connection: ICMP, UDP, and the RST for a port where nobody listens.
   * @returns false when it is not known where the addressee is.
   */
  #passUnconnected(segment: Segment, offset: number, frameLength: number): boolean {
    const { neighbours, log } = this.#context;
    const addressLength = segment.family === 4 ? 4 : 16;
    const isKnown = neighbours.lookup(segment.bytes, segment.destinationOffset, addressLength, MAC_SCRATCH, 0);
    const about = this.#icmpErrors.fromServer(segment);
    if (!isKnown && about === undefined) return false;
    log.noop();
    this.#queue(isKnown || about === undefined ? MAC_SCRATCH : about.clientMac, segment, offset, frameLength);
    return true;
  }

  #queue(destination: Uint8Array, segment: Segment, offset: number, frameLength: number): void {
    tunToFrameVirtio(segment.bytes, offset + TUN_HEADROOM, offset);
    this.#commit(destination, segment, offset, frameLength);
  }

  #commit(destination: Uint8Array, segment: Segment, offset: number, frameLength: number): void {
    const { release, config, log } = this.#context;
    const type = segment.family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    writeEthernet(release.bytes, offset + VIRTIO_HEADER, destination, 0, config.serviceMac, 0, type);
    release.commit(offset, frameLength, log.position);
  }
}

function openFieldsOf(syn: HalfOpen, synAck: Segment): OpenFields {
  return {
    clientIp: syn.clientIp,
    serviceIp: serviceIpOf(synAck),
    clientPort: syn.clientPort,
    servicePort: syn.servicePort,
    clientMac: syn.clientMac,
    irs: syn.irs,
    iss: synAck.seq,
    clientMss: syn.mss,
    serverMss: synAck.mss,
    clientWindow: syn.window,
    serverWindow: synAck.window,
    clientScale: synAck.windowScale < 0 ? -1 : syn.windowScale,
    serverScale: syn.windowScale < 0 ? -1 : synAck.windowScale,
    timestamps: synAck.hasTimestamps,
    sackPermitted: synAck.sackPermitted,
    ecn: syn.ecn && (synAck.flags & (ECE | CWR)) === ECE,
    clientTsVal: syn.tsVal,
    serverTsVal: synAck.tsVal,
  };
}

function serviceIpOf(synAck: Segment): Uint8Array {
  const ip = new Uint8Array(16);
  loadIp(ip, 0, synAck.bytes, synAck.sourceOffset, synAck.family);
  return ip;
}
