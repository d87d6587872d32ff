// Frames that the daemon itself says for the service. They are voice too (rule 3): each appends an entry and waits for it at
// the release barrier, behind what the server's TCP has said before.

import { OUTPUT_RST } from '../log/entry.ts';
import { type ArpView, writeArpReply, writeGratuitousArp } from '../wire/arp.ts';
import { ETHERNET_HEADER, ETHERTYPE_IPV4, ETHERTYPE_IPV6, writeEthernet } from '../wire/ethernet.ts';
import { isIpv4 } from '../wire/ip-address.ts';
import { ALL_NODES, groupMac, writeNeighbourAdvertisement } from '../wire/ndp.ts';
import { SACK_BLOCKS_MAX, SegmentFields, tcpHeaderLength, writeSegment } from '../wire/segment-writer.ts';
import { ACK, ECE, FIN, PSH, RST, SYN, TCP_CHECKSUM, URG } from '../wire/tcp.ts';
import { GSO_NONE, GSO_TCPV4, GSO_TCPV6, VIRTIO_HEADER, VIRTIO_NEEDS_CSUM, writeVirtio } from '../wire/virtio.ts';
import { type Connection, NONE } from './connection.ts';
import type { SouthContext } from './context.ts';
import { FRAME_IP } from './release-queue.ts';

/** Most payload in one frame that the kernel or the NIC cuts into segments. */
export const BULK_PAYLOAD_MAX = 60_000;

/** Linux cuts no finer, whatever MSS its peer offers: 48 bytes (tcp_min_snd_mss), of which timestamps take 12. */
const SEGMENT_LEAST = 36;

export class Emitter {
  readonly #context: SouthContext;
  readonly #fields = new SegmentFields();

  constructor(context: SouthContext) {
    this.#context = context;
  }

  /** Tells every host and switch on the LAN where the service address is now. */
  announce(): void {
    const { config, release } = this.#context;
    if (!isIpv4(config.serviceIp)) {
      this.advertise(ALL_NODES, groupMac(ALL_NODES), false);
      return;
    }
    const at = this.#reserve();
    if (at < 0) return;
    const length = writeGratuitousArp(release.bytes, at + VIRTIO_HEADER, config.serviceMac, config.serviceIp);
    writeVirtio(release.bytes, at, 0, GSO_NONE, 0, 0, 0, 0);
    this.#queue(at, VIRTIO_HEADER + length);
  }

  arpReply(request: ArpView): void {
    const at = this.#reserve();
    if (at < 0) return;
    const { config, release } = this.#context;
    const length = writeArpReply(release.bytes, at + VIRTIO_HEADER, config.serviceMac, request);
    writeVirtio(release.bytes, at, 0, GSO_NONE, 0, 0, 0, 0);
    this.#queue(at, VIRTIO_HEADER + length);
  }

  /** The IPv6 service address is here. @param solicited whether that answers a question of `to`. RFC 4861 §7.2.4, §7.2.6 */
  advertise(to: Uint8Array, toMac: Uint8Array, solicited: boolean): void {
    const at = this.#reserve();
    if (at < 0) return;
    const { release, config } = this.#context;
    const advertisement = { ip: config.serviceIp, mac: config.serviceMac, to, toMac, solicited };
    const length = writeNeighbourAdvertisement(release.bytes, at + VIRTIO_HEADER, advertisement);
    writeVirtio(release.bytes, at, 0, GSO_NONE, 0, 0, 0, 0);
    this.#queue(at, VIRTIO_HEADER + length);
  }

  /** An ACK of everything that the client has been promised, with the current window; not from beyond the client's, where it is not heard. */
  ack(connection: Connection, nowMs: number): void {
    const position = Math.min(connection.outWireNxt, connection.outWireEdge);
    this.#segment(connection, ACK | (connection.congested ? ECE : 0), position, 0, nowMs);
  }

  /** Has the client say its ACK and window: a segment just before the next byte. RFC 9293 §3.8.6.1 */
  probe(connection: Connection, nowMs: number): void {
    this.#segment(connection, ACK, connection.outUna - 1, 0, nowMs);
  }

  /** Repeats the SYN-ACK for a client that may not have heard it. */
  synAck(connection: Connection, nowMs: number): void {
    this.#segment(connection, SYN | ACK | (connection.open.ecn ? ECE : 0), 0, 0, nowMs);
  }

  /** @param position that the client expects next: elsewhere it only doubts. RFC 5961 §3.2 */
  reset(connection: Connection, position: number, nowMs: number): void {
    this.#segment(connection, RST | ACK, position, 0, nowMs);
  }

  /** How much kept output from `position` on may go into one frame. One that tells of urgent data is not cut on its way: all parts would. */
  outputMost(connection: Connection, position: number): number {
    const { outUrgent } = connection;
    if (outUrgent.pointer(position) === 0) return BULK_PAYLOAD_MAX;
    return Math.min(this.segmentSize(connection), outUrgent.after(position) - position);
  }

  /** Sends kept output [position, position + length): one frame, cut into segments of the client's MSS on its way. */
  output(connection: Connection, position: number, length: number, nowMs: number): void {
    this.#segment(connection, ACK | PSH, position, length, nowMs);
  }

  fin(connection: Connection, nowMs: number): void {
    this.#segment(connection, ACK | FIN, connection.outLocalFin, 0, nowMs);
  }

  /** Bytes of payload per segment on the wire. */
  segmentSize(connection: Connection): number {
    return segmentSizeFor(connection.outMss, connection.open.timestamps);
  }

  #segment(connection: Connection, flags: number, position: number, length: number, nowMs: number): void {
    const at = this.#reserve();
    if (at < 0) return;
    const { release, config } = this.#context;
    const { open } = connection;
    const syn = (flags & SYN) !== 0;
    const fields = this.#fields;
    fields.source = connection.serviceIp;
    fields.destination = connection.clientIp;
    fields.sourcePort = connection.servicePort;
    fields.destinationPort = connection.clientPort;
    fields.seq = connection.outPositionToWire(position);
    fields.ack = connection.inPositionToSeq(syn ? 1 : connection.inWireNxt);
    fields.urgentPointer = length > 0 ? connection.outUrgent.pointer(position) : 0;
    fields.flags = fields.urgentPointer > 0 ? flags | URG : flags;
    fields.window = syn
      ? open.serverWindow
      : clampWindow((connection.inSaidEdge - connection.inWireNxt) / 2 ** connection.serverScaleWire);
    fields.dataLength = length;
    fields.hasTimestamps = open.timestamps;
    fields.tsVal = connection.sayTsVal(wireTsVal(connection, nowMs));
    fields.tsEcr = connection.tsRecent;
    fields.mss = syn ? open.serverMss : 0;
    fields.windowScale = syn ? open.serverScale : -1;
    fields.sackPermitted = syn && open.sackPermitted;
    fields.sackCount = 0;
    if (!syn && open.sackPermitted && length === 0) this.#selectiveAck(connection);
    const headers = writeSegment(release.bytes, at + FRAME_IP, fields);
    if (length > 0) connection.output.read(position, length, release.bytes, at + FRAME_IP + headers);
    const type = isIpv4(connection.clientIp) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    writeEthernet(release.bytes, at + VIRTIO_HEADER, connection.clientMac, 0, config.serviceMac, 0, type);
    writeTcpVirtio(release.bytes, at, ETHERNET_HEADER, headers, fields, this.segmentSize(connection));
    this.#logOutput(connection, flags, fields.tsVal);
    release.commit(at, FRAME_IP + headers + length, this.#context.log.position);
  }

  /** What the client is about to hear. What is said of the server's stream, the log has heard before, but its end. */
  #logOutput(connection: Connection, flags: number, tsVal: number): void {
    const { id, outLocalFin, outChecksum, outChecksumEnd, inWireNxt, inWireEdge } = connection;
    const end = outLocalFin === NONE ? outChecksumEnd : outLocalFin;
    const kinds = (flags & RST) === 0 ? 0 : OUTPUT_RST;
    this.#context.log.output(id, kinds, end, outChecksum, inWireNxt, inWireEdge, tsVal);
  }

  /** The logged bytes beyond holes, the latest first. RFC 2018 §4 */
  #selectiveAck(connection: Connection): void {
    const { input } = connection;
    const fields = this.#fields;
    fields.sackCount = Math.min(input.holes, SACK_BLOCKS_MAX);
    for (let i = 0; i < fields.sackCount; i++) {
      const island = input.holes - 1 - i;
      fields.sack[2 * i] = connection.inPositionToSeq(input.islandStart(island));
      fields.sack[2 * i + 1] = connection.inPositionToSeq(input.islandEnd(island));
    }
  }

  #reserve(): number {
    const { log, release } = this.#context;
    return log.hasRoom(0) ? release.reserve() : -1;
  }

  #queue(offset: number, length: number): void {
    const { log, release } = this.#context;
    log.noop();
    release.commit(offset, length, log.position);
  }
}

/** The TSval that the server's TCP would put on the wire now: milliseconds, as Linux counts them. */
export function wireTsVal(connection: Connection, nowMs: number): number {
  if (connection.tsLocalAtMs > 0 && (connection.direct || connection.clockContinued)) {
    return connection.tsLocalToWire(connection.tsLocal + Math.floor(nowMs - connection.tsLocalAtMs));
  }
  return (connection.tsWire + Math.floor(nowMs - connection.tsWireAtMs)) >>> 0;
}

/** Payload per segment to whom has offered `mss`, which may be less than the options take. */
export function segmentSizeFor(mss: number, timestamps: boolean): number {
  return Math.max(SEGMENT_LEAST, mss - (timestamps ? 12 : 0));
}

export function clampWindow(window: number): number {
  return Math.max(0, Math.min(0xffff, Math.floor(window)));
}

/**
 * Writes the virtio header of a TCP packet whose checksum is partial and which is to be cut into segments of `segmentSize`.
 * @param linkHeader bytes before the IP header in this kind of frame: 14 on a packet socket, 0 on a TUN.
 * @param headers length of IP and TCP header together.
 */
export function writeTcpVirtio(
  bytes: Uint8Array,
  offset: number,
  linkHeader: number,
  headers: number,
  fields: SegmentFields,
  segmentSize: number,
): void {
  const bulk = fields.dataLength > segmentSize;
  const gso = isIpv4(fields.source) ? GSO_TCPV4 : GSO_TCPV6;
  writeVirtio(
    bytes,
    offset,
    VIRTIO_NEEDS_CSUM,
    bulk ? gso : GSO_NONE,
    bulk ? linkHeader + headers : 0,
    bulk ? segmentSize : 0,
    linkHeader + headers - tcpHeaderLength(fields),
    TCP_CHECKSUM,
  );
}
