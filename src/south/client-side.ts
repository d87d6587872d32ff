// From the LAN: every frame that a client, or anyone, sends to the service. The log is the authority: a segment is checked as a
// careful TCP would, its new bytes are logged, and the server's TCP is given logged content only. Delivery does not wait.
import { assert } from '../errors.ts';
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  etherType,
  MAC_BYTES,
} from '../wire/ethernet.ts';
import { ECN_CE } from '../wire/ip.ts';
import { ipIs, loadIp } from '../wire/ip-address.ts';
import { Segment } from '../wire/segment.ts';
import { ACK, CWR, FIN, RST, SYN, URG } from '../wire/tcp.ts';
import {
  frameToTunVirtio,
  requirePartialChecksum,
  VIRTIO_DATA_VALID,
  VIRTIO_HEADER,
  VIRTIO_NEEDS_CSUM,
  virtioFlags,
} from '../wire/virtio.ts';
import { type AddressResolution, isNdp } from './address-resolution.ts';
import type { Backpressure } from './backpressure.ts';
import { type Connection, NONE } from './connection.ts';
import type { SouthContext } from './context.ts';
import type { Emitter } from './emitter.ts';
import { halfOpenOf } from './half-open.ts';
import type { IcmpErrors } from './icmp-errors.ts';
import type { Reassembly } from './reassembly.ts';
import { FRAME_IP } from './release-queue.ts';
import { countAsTaken } from './retention.ts';
import type { Takeover } from './takeover.ts';
import { translateForServer } from './translation.ts';
import type { VirtualClient } from './virtual-client.ts';

/** Where the TUN's virtio header goes in a frame of the LAN: over the end of its Ethernet header. */
const TUN_START = ETHERNET_HEADER;

/** RFC 7323 §5.5: the last TSval of a connection that has been idle for 24 days says nothing any more. */
const TIMESTAMP_KEPT_MS = 24 * 24 * 60 * 60 * 1000;

/** Holes per connection in the logged input; real networks make a handful. */
const HOLES_MAX = 256;

export interface ClientSideParts {
  readonly emitter: Emitter;
  readonly resolution: AddressResolution;
  readonly icmpErrors: IcmpErrors;
  readonly reassembly: Reassembly;
  readonly virtualClient: VirtualClient;
  readonly takeover: Takeover;
  readonly backpressure: Backpressure;
}

export class ClientSide {
  readonly #context: SouthContext;
  readonly #emitter: Emitter;
  readonly #resolution: AddressResolution;
  readonly #icmpErrors: IcmpErrors;
  readonly #reassembly: Reassembly;
  readonly #virtualClient: VirtualClient;
  readonly #takeover: Takeover;
  readonly #backpressure: Backpressure;
  readonly #segment = new Segment();
  /** What is read was heard before this host spoke: one ACK will answer for all of it. */
  #isSnooped = false;

  constructor(context: SouthContext, parts: ClientSideParts) {
    this.#context = context;
    this.#emitter = parts.emitter;
    this.#resolution = parts.resolution;
    this.#icmpErrors = parts.icmpErrors;
    this.#reassembly = parts.reassembly;
    this.#virtualClient = parts.virtualClient;
    this.#takeover = parts.takeover;
    this.#backpressure = parts.backpressure;
  }

  /** @param bytes a frame at offset 0: virtio header, Ethernet, packet. It is changed on its way to the server. */
  fromLan(bytes: Uint8Array, length: number, nowMs: number): void {
    const { counters } = this.#context;
    counters.lanFrames++;
    if (length < FRAME_IP) return;
    const type = etherType(bytes, VIRTIO_HEADER);
    if (type === ETHERTYPE_ARP) this.#resolution.fromArp(bytes, length, nowMs);
    else if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) this.#fromIp(bytes, length, nowMs);
  }

  /** A frame that was heard while another host spoke. */
  fromSnooped(frame: Uint8Array, nowMs: number): void {
    this.#isSnooped = true;
    this.fromLan(frame, frame.length, nowMs);
    this.#isSnooped = false;
  }

  #fromIp(bytes: Uint8Array, length: number, nowMs: number): void {
    const segment = this.#segment;
    if (segment.parse(bytes, FRAME_IP, length - FRAME_IP) !== '') this.#context.counters.lanMalformed++;
    else if (segment.isFragment) this.#fromFragment(segment, nowMs);
    else if (!this.#resolution.fromNdp(segment, nowMs)) this.#fromWhole(segment, length, nowMs);
  }

  #fromFragment(fragment: Segment, nowMs: number): void {
    const { counters } = this.#context;
    if (!this.#isForService(fragment)) return;
    counters.lanFragments++;
    const { frame } = this.#reassembly;
    const length = this.#reassembly.add(fragment, nowMs);
    if (length < 0) counters.lanBadFragments++;
    if (length <= 0) return;
    counters.lanReassembled++;
    const segment = this.#segment;
    const wrong = segment.parse(frame, FRAME_IP, length - FRAME_IP) !== '' || segment.isFragment;
    // RFC 6980 §5: neighbour discovery does not come in fragments.
    if (wrong || isNdp(segment)) counters.lanMalformed++;
    else this.#fromWhole(segment, length, nowMs);
  }

  #fromWhole(packet: Segment, length: number, nowMs: number): void {
    if (!this.#isForService(packet)) return;
    if (packet.isTcp) {
      this.#fromTcp(packet, length, nowMs);
      return;
    }
    const { bytes, sourceOffset, family } = packet;
    this.#context.neighbours.learn(bytes, sourceOffset, family === 4 ? 4 : 16, bytes, VIRTIO_HEADER + MAC_BYTES);
    if (this.#icmpErrors.fromLan(packet, nowMs)) this.#deliver(bytes, length);
  }

  #isForService({ bytes, destinationOffset, family }: Segment): boolean {
    return ipIs(this.#context.config.serviceIp, bytes, destinationOffset, family);
  }

  #fromTcp(segment: Segment, length: number, nowMs: number): void {
    const { counters, connections } = this.#context;
    const { bytes } = segment;
    if (!this.#checksumHolds(segment)) {
      counters.lanBadChecksum++;
      return;
    }
    const addressLength = segment.family === 4 ? 4 : 16;
    const connection = connections.find(
      bytes,
      segment.sourceOffset,
      addressLength,
      segment.sourcePort,
      segment.destinationPort,
    );
    if ((segment.flags & (SYN | ACK | RST)) === SYN) {
      this.#fromSyn(connection, segment, length, nowMs);
    } else if (connection === undefined) {
      const { neighbours } = this.#context;
      neighbours.learn(bytes, segment.sourceOffset, addressLength, bytes, VIRTIO_HEADER + MAC_BYTES);
      this.#deliver(bytes, length);
    } else {
      this.#fromConnection(connection, segment, length, nowMs);
    }
  }

  #fromSyn(connection: Connection | undefined, segment: Segment, length: number, nowMs: number): void {
    const { halfOpen, config, counters, connections, standingIn, north } = this.#context;
    // A server that has not come to the end of its replay may not even listen yet.
    if ((standingIn || north.replays) && connection === undefined) {
      this.#holdSyn(segment, length);
      return;
    }
    if (connection !== undefined && !connection.direct && !this.#usedAgain(connection, segment)) {
      // The server's TCP cannot answer yet: repeat the SYN-ACK that was logged.
      if (connection.irs === segment.seq && !connection.handshakeDone) this.#emitter.synAck(connection, nowMs);
      return;
    }
    const { bytes } = segment;
    const addressLength = segment.family === 4 ? 4 : 16;
    const before = halfOpen.find(
      bytes,
      segment.sourceOffset,
      addressLength,
      segment.sourcePort,
      segment.destinationPort,
    );
    const hasRoom = before !== undefined || halfOpen.size < config.limits.halfOpen;
    if (!hasRoom || (connection === undefined && connections.size >= config.limits.connections)) {
      counters.synDropped++;
      return;
    }
    const clientIp = new Uint8Array(16);
    loadIp(clientIp, 0, bytes, segment.sourceOffset, segment.family);
    const mac = bytes.slice(VIRTIO_HEADER + MAC_BYTES, VIRTIO_HEADER + 2 * MAC_BYTES);
    this.#context.neighbours.learn(clientIp, 16 - addressLength, addressLength, mac, 0);
    segment.removeSynOptions();
    // Data before the handshake is done would reach the server unlogged, if it took any; the client sends it again. RFC 9293 §3.4
    const kept = length - segment.dataLength;
    this.#trim(segment, 0);
    halfOpen.set(halfOpenOf(segment, clientIp, mac, nowMs));
    this.#deliver(bytes, kept);
  }

  #holdSyn({ bytes, sourceOffset, family, sourcePort, destinationPort }: Segment, length: number): void {
    const client = bytes.subarray(sourceOffset, sourceOffset + (family === 4 ? 4 : 16));
    const isHeld = this.#context.heldSyns.hold(`${client} ${sourcePort} ${destinationPort}`, bytes.subarray(0, length));
    if (!isHeld) this.#context.counters.synDropped++;
  }

  /** A connection that has finished at or before a promotion may never have come to be direct: nothing was left to say. */
  #usedAgain(connection: Connection, syn: Segment): boolean {
    if (
      this.#context.standingIn ||
      !connection.finished ||
      connection.irs === syn.seq ||
      !this.#virtualClient.clear(connection)
    )
      return false;
    connection.direct = true;
    return true;
  }

  #fromConnection(connection: Connection, segment: Segment, length: number, nowMs: number): void {
    const position = connection.inSeqToPosition(segment.seq);
    // What the server's TCP says from now on may be for the client.
    connection.asked = false;
    if (!this.#acceptable(connection, segment, position, nowMs)) return;
    connection.quietSinceMs = nowMs;
    for (let i = 0; i < MAC_BYTES; i++) {
      connection.clientMac[i] = segment.bytes[VIRTIO_HEADER + MAC_BYTES + i] ?? 0;
    }
    if ((segment.flags & RST) !== 0) {
      this.#fromReset(connection, segment, length);
      return;
    }
    // RFC 9293 §3.10.7.4, first: what is old as a whole is answered by an ACK, and believed in nothing. It may be an earlier connection's.
    const isCurrent = position + segment.segLen >= connection.inWireNxt;
    if (isCurrent && segment.hasTimestamps && position <= connection.inWireNxt) {
      connection.tsRecent = segment.tsVal;
      connection.tsRecentAtMs = nowMs;
    }
    if (isCurrent && !this.#takeAck(connection, segment, nowMs)) return;
    const kept = this.#takeData(connection, segment, position, length);
    if (kept < 0) return;
    if (connection.direct) {
      this.#backpressure.narrow(connection, segment);
      translateForServer(connection, segment);
      // An ACK from beyond the window the server's TCP does not hear, and may wait for it with opening that.
      const unheard = segment.segLen === 0 && connection.isBeyondLocalWindow(position);
      if (unheard) segment.setSeq(connection.inPositionToSeq(connection.inLocalEdge));
      this.#deliver(segment.bytes, kept);
    } else if (connection.resetByServer) {
      // It has not heard of that. RFC 9293 §3.10.7.1
      this.#emitter.reset(connection, connection.outWireToPosition(segment.ack), nowMs);
    } else {
      connection.congested = heardOfCongestion(connection, segment);
      this.#virtualClient.pump(connection, nowMs);
      // The log is the authority, and answers before the server can: what it holds is acknowledged, as far as was promised.
      if (this.#isSnooped) return;
      connection.inWireNxt = Math.max(connection.inWireNxt, connection.inEnd);
      this.#takeover.keepOpen(connection);
      if (segment.segLen > 0) this.#emitter.ack(connection, nowMs);
      this.#takeover.advance(connection, nowMs);
    }
  }

  /** RFC 9293 §3.10.7.4, RFC 7323 §5.3, RFC 5961 §3–§5. What fails is neither logged nor delivered. */
  #acceptable(connection: Connection, segment: Segment, position: number, nowMs: number): boolean {
    const { counters } = this.#context;
    const { flags } = segment;
    if ((flags & RST) !== 0) {
      if (position === connection.inEnd) return true;
      counters.lanBadReset++;
      if (position > connection.inLocalNxt && position < connection.inWireEdge) this.#elicitAck(connection, nowMs);
      return false;
    }
    if ((flags & ACK) === 0) return false;
    if ((flags & SYN) !== 0) {
      this.#elicitAck(connection, nowMs);
      return false;
    }
    if (isOld(connection, segment, nowMs)) {
      counters.lanPaws++;
      if (segment.segLen > 0) this.#elicitAck(connection, nowMs);
      return false;
    }
    const beyond = segment.dataLength > 0 ? position >= connection.inWireEdge : position > connection.inWireEdge;
    if (beyond) {
      counters.lanOutOfWindow++;
      this.#elicitAck(connection, nowMs);
      return false;
    }
    const ack = connection.outWireToPosition(segment.ack);
    // RFC 5961 §5.2; before the handshake is done, RFC 9293 §3.10.7.4, fifth, SYN-RECEIVED
    const oldest = connection.handshakeDone ? connection.outUna - connection.outWndMax : 1;
    if (ack > connection.outWireNxt || ack < oldest) {
      counters.lanBadAck++;
      this.#elicitAck(connection, nowMs);
      return false;
    }
    return true;
  }

  #fromReset(connection: Connection, segment: Segment, length: number): void {
    connection.resetByClient = true;
    this.#context.log.reset(connection.id);
    if (connection.direct) {
      translateForServer(connection, segment);
      this.#deliver(segment.bytes, length);
    } else {
      this.#virtualClient.reset(connection);
    }
  }

  /** Learns the client's ACK and window. @returns false when the log has no room for what must be in it. */
  #takeAck(connection: Connection, segment: Segment, nowMs: number): boolean {
    const { log, counters } = this.#context;
    const ack = connection.outWireToPosition(segment.ack);
    const window = segment.window * 2 ** connection.clientScale;
    const edge = ack + window;
    connection.outWndMax = Math.max(connection.outWndMax, window);
    if (!connection.handshakeDone && ack >= 1) {
      if (!log.hasRoom(0)) {
        counters.lanNoRoom++;
        return false;
      }
      connection.handshakeDone = true;
      connection.outWireEdge = Math.max(connection.outWireEdge, edge);
      log.established(connection.id, connection.outWireEdge, connection.tsRecent);
      if (!connection.direct) this.#virtualClient.completeHandshake(connection, nowMs);
    }
    if (ack < connection.outUna) return true;
    const advanced = ack - connection.outUna;
    if ((advanced > 0 || edge !== connection.outWireEdge) && !connection.noteDue) {
      connection.noteDue = true;
      this.#context.noted.push(connection);
    }
    connection.outUna = ack;
    connection.outWireEdge = edge;
    if (connection.direct) connection.outLocalAcked = ack;
    this.#takeover.acknowledged(connection, advanced, nowMs);
    if (!connection.direct) this.#virtualClient.acknowledge(connection);
    return true;
  }

  /**
   * Logs what is new of the segment's bytes and its FIN, cuts off what is beyond the window, and puts logged bytes over what
   * was logged before.
   * @returns the frame's length after that, or -1 when nothing of it may be delivered.
   */
  #takeData(connection: Connection, segment: Segment, position: number, length: number): number {
    const { log, counters } = this.#context;
    const { input } = connection;
    let kept = length;
    const limit = Math.min(
      connection.inWireEdge,
      connection.inFin === NONE ? Number.POSITIVE_INFINITY : connection.inFin,
    );
    if (segment.dataLength > 0 && position > limit) return -1;
    if (segment.dataLength > 0 && position + segment.dataLength > limit) {
      kept -= segment.dataLength - (limit - position);
      this.#trim(segment, limit - position);
    }
    const end = position + segment.dataLength;
    if ((segment.flags & FIN) !== 0 && !finFits(connection, end)) return -1;
    const hasRoom =
      log.hasRoom(segment.dataLength) &&
      input.accepts(end) &&
      this.#backpressure.accepts(connection, end, segment.dataLength);
    if (!hasRoom || input.holes > HOLES_MAX || !this.#takesUrgent(connection, segment, position)) {
      counters.lanNoRoom++;
      return -1;
    }
    if (segment.dataLength > 0) this.#logBytes(connection, segment, position, end);
    if ((segment.flags & FIN) !== 0 && connection.inFin === NONE) {
      connection.inFin = end;
      connection.inFinAfter = connection.outUna;
      log.fin(connection.id, end, connection.tsRecent);
    }
    if (this.#context.retains) countAsTaken(connection);
    return kept;
  }

  /**
   * Logs where urgent data ends, if that is news. What is neither that nor still to be heard by a server is not delivered.
   * @returns false when more of it is still to be heard than is kept.
   */
  #takesUrgent(connection: Connection, segment: Segment, position: number): boolean {
    if ((segment.flags & URG) === 0) return true;
    const { inUrgent, inLocalNxt, inBackupNxt, id } = connection;
    const { log, retains } = this.#context;
    const mark = position + segment.urgentPointer;
    inUrgent.release(log.active && !retains ? Math.min(inLocalNxt, inBackupNxt) : inLocalNxt);
    if (mark > position && inUrgent.isNews(mark)) {
      if (inUrgent.isFull) return false;
      inUrgent.add(mark);
      log.urgent(id, mark);
    } else if (!inUrgent.has(mark)) {
      segment.setFlags(segment.flags & ~URG);
    }
    return true;
  }

  #logBytes(connection: Connection, segment: Segment, position: number, end: number): void {
    const { input } = connection;
    const { log } = this.#context;
    let from = input.nextMissing(position, end);
    let overlaps = from > position;
    while (from < end) {
      const to = input.missingEnd(from, end);
      const offset = segment.dataOffset + (from - position);
      log.bytes(connection.id, from, connection.tsRecent, segment.bytes, offset, to - from);
      input.write(from, segment.bytes, offset, to - from);
      this.#backpressure.logged(to - from);
      overlaps ||= to < end;
      from = input.nextMissing(to, end);
    }
    if (overlaps) input.overlay(position, end - position, segment.bytes, segment.dataOffset);
  }

  #trim(segment: Segment, dataLength: number): void {
    assert(dataLength >= 0, 'a segment beyond the window is not accepted');
    segment.setDataLength(dataLength);
    segment.setFlags(segment.flags & ~FIN);
    segment.fillPartialChecksum();
  }

  #elicitAck(connection: Connection, nowMs: number): void {
    if (connection.direct) this.#virtualClient.probe(connection);
    else if (!this.#isSnooped) this.#emitter.ack(connection, nowMs);
  }

  /** From here on the segment may be changed: its checksum is partial. */
  #checksumHolds(segment: Segment): boolean {
    const isVouchedFor = (virtioFlags(segment.bytes, 0) & (VIRTIO_NEEDS_CSUM | VIRTIO_DATA_VALID)) !== 0;
    if (!isVouchedFor && !segment.checksumOk()) return false;
    requirePartialChecksum(segment.bytes, 0, segment);
    return true;
  }

  #deliver(bytes: Uint8Array, length: number): void {
    frameToTunVirtio(bytes, 0, TUN_START);
    this.#context.ports.tun(bytes, TUN_START, length - TUN_START);
  }
}

/** RFC 3168 §6.1.3: from a marked packet on, until the client says that it has slowed down. */
function heardOfCongestion({ open, congested }: Connection, segment: Segment): boolean {
  if (!open.ecn) return false;
  return segment.ecn === ECN_CE || (congested && (segment.flags & CWR) === 0);
}

/** PAWS. RFC 7323 §5.3 */
function isOld(connection: Connection, segment: Segment, nowMs: number): boolean {
  if (!segment.hasTimestamps || !connection.open.timestamps) return false;
  return ((segment.tsVal - connection.tsRecent) | 0) < 0 && nowMs - connection.tsRecentAtMs < TIMESTAMP_KEPT_MS;
}

/**
 * Whether a FIN at `position` agrees with what is logged: with the FIN, or with bytes beyond it. Which of those a server would see
 * before its end would hang on how it is fed.
 */
function finFits({ inFin, input }: Connection, position: number): boolean {
  return inFin === NONE ? position >= input.highest : position === inFin;
}
