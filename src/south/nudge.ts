// The nudge: after an outage a client sits in retransmission back-off, and an ACK of what it already knows does not move it. ICMP does,
// as a router on the path would send it, with the segment that we acknowledge next quoted:
//
//  - "fragmentation needed", for IPv6 "Packet Too Big": a sender resends every segment larger than the named MTU at once instead of waiting
//    for its timer (Linux: tcp_simple_retransmit, from tcp_v4_mtu_reduced and tcp_v6_mtu_reduced alike);
//  - "host unreachable", for IPv6 "no route": a sender of smaller ones undoes one doubling of its timer, counted from when it last sent
//    (RFC 6069; Linux: tcp_ld_RTO_revert). An established connection takes it for a hint and no more (RFC 1122 §4.2.3.9). But Linux keeps
//    the hint for SO_ERROR, which programs ask to learn whether they are connected: only those that have sent something know already.
//
// A client that ignores both falls back to its timer.
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, writeEthernet } from '../wire/ethernet.ts';
import { type IcmpQuote, writeIcmpFragmentationNeeded, writeIcmpHostUnreachable } from '../wire/icmp.ts';
import { IPV4_HEADER, IPV6_HEADER } from '../wire/ip.ts';
import { isIpv4 } from '../wire/ip-address.ts';
import { SegmentFields, writeSegment } from '../wire/segment-writer.ts';
import { seqAdd } from '../wire/seq.ts';
import { ACK, TCP_HEADER } from '../wire/tcp.ts';
import { GSO_NONE, VIRTIO_HEADER, writeVirtio } from '../wire/virtio.ts';
import { type Connection, NONE } from './connection.ts';
import type { SouthContext } from './context.ts';
import { FRAME_IP } from './release-queue.ts';

/** How much smaller than the client's segments the named MTU is; it is remembered by the client for ten minutes. */
const MTU_STEP = 8;
/** RFC 8200 §5: no link of IPv6 has less, and a host discards who says so (RFC 8201 §4); below it a path of IPv4 would rather fragment. */
const MTU_MIN = 1280;
/** An MSS that tells of more tells nothing: no packet is so long. */
const MTU_MAX = 0xffff - MTU_STEP;

/** Doublings of a client's timer that are undone: after three it sends again if it last did longer ago than an eighth of it. */
const BACK_OFFS_UNDONE = 3;

export class Nudge {
  readonly #context: SouthContext;
  readonly #quoted = new Uint8Array(128);
  readonly #fields = new SegmentFields();

  constructor(context: SouthContext) {
    this.#context = context;
  }

  /** Has the client send again, from the first byte that is not acknowledged, what it has sent since. */
  send(connection: Connection): void {
    const { config, counters } = this.#context;
    if (!config.nudge || connection.inFin !== NONE) return;
    const ipHeader = isIpv4(connection.clientIp) ? IPV4_HEADER : IPV6_HEADER;
    // The client's segments are as large as the server's MSS allows, at most; that MSS tells the MTU of the path.
    const mtu = connection.open.serverMss + TCP_HEADER + ipHeader - MTU_STEP;
    const names = mtu >= MTU_MIN && mtu <= MTU_MAX;
    const undoes = connection.inEnd > 1 ? BACK_OFFS_UNDONE : 0;
    if (!names && undoes === 0) return;
    const quote = this.#quoteNextSegment(connection);
    if (names) this.#say(connection, (bytes, offset) => writeIcmpFragmentationNeeded(bytes, offset, mtu, quote));
    for (let undone = 0; undone < undoes; undone++) {
      this.#say(connection, (bytes, offset) => writeIcmpHostUnreachable(bytes, offset, quote));
    }
    counters.nudges++;
  }

  /** @param write puts the packet there, and returns its length. */
  #say(connection: Connection, write: (bytes: Uint8Array, offset: number) => number): void {
    const { log, release, config } = this.#context;
    const at = log.hasRoom(0) ? release.reserve() : -1;
    if (at < 0) return;
    const packet = write(release.bytes, at + FRAME_IP);
    const type = isIpv4(connection.clientIp) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    writeEthernet(release.bytes, at + VIRTIO_HEADER, connection.clientMac, 0, config.serviceMac, 0, type);
    writeVirtio(release.bytes, at, 0, GSO_NONE, 0, 0, 0, 0);
    log.noop();
    release.commit(at, FRAME_IP + packet, log.position);
  }

  /** The headers of the client's segment at the position that is acknowledged next. */
  #quoteNextSegment(connection: Connection): IcmpQuote {
    const fields = this.#fields;
    fields.source = connection.clientIp;
    fields.destination = connection.serviceIp;
    fields.sourcePort = connection.clientPort;
    fields.destinationPort = connection.servicePort;
    fields.seq = connection.inPositionToSeq(connection.inWireNxt);
    fields.ack = seqAdd(connection.issWire, 1);
    fields.flags = ACK;
    fields.dataLength = Math.min(connection.open.serverMss, MTU_MAX - IPV6_HEADER - TCP_HEADER);
    const quotedLength = writeSegment(this.#quoted, 0, fields);
    const { serviceIp: from, clientIp: to } = connection;
    return { from, to, quoted: this.#quoted, quotedOffset: 0, quotedLength };
  }
}
