// What the server sends and cannot leave: connections that it opens itself, which are not replicated, and datagrams to whom no
// client's packet has shown the way, or from a backup. It is told so at once, as by a router, instead of waiting for nobody: a
// name server that cannot be reached must not hold up the server's start.

import { writeIcmpPortUnreachable } from '../wire/icmp.ts';
import { PROTOCOL_UDP } from '../wire/ip.ts';
import type { Segment } from '../wire/segment.ts';
import { SegmentFields, writeSegment } from '../wire/segment-writer.ts';
import { seq, seqAdd } from '../wire/seq.ts';
import { ACK, RST } from '../wire/tcp.ts';
import { GSO_NONE, VIRTIO_HEADER, writeVirtio } from '../wire/virtio.ts';
import type { SouthContext } from './context.ts';
import { writeTcpVirtio } from './emitter.ts';

export class Refusal {
  readonly #context: SouthContext;
  readonly #scratch: Uint8Array;
  readonly #fields = new SegmentFields();

  constructor(context: SouthContext, scratch: Uint8Array) {
    this.#context = context;
    this.#scratch = scratch;
  }

  /** Answers a segment by RST and a datagram by "port unreachable"; anything else is dropped. */
  refuse(packet: Segment): void {
    this.#context.counters.serverRefused++;
    let length = 0;
    if (packet.isTcp) length = this.#writeReset(packet);
    else if (packet.protocol === PROTOCOL_UDP && !packet.isFragment) length = this.#writeUnreachable(packet);
    if (length === 0) return;
    this.#context.ports.tun(this.#scratch, 0, VIRTIO_HEADER + length);
  }

  /** RFC 9293 §3.10.7.1 */
  #writeReset(segment: Segment): number {
    const fields = this.#fields;
    segment.copyDestination(fields.source);
    segment.copySource(fields.destination);
    fields.sourcePort = segment.destinationPort;
    fields.destinationPort = segment.sourcePort;
    fields.seq = (segment.flags & ACK) === 0 ? seq(0) : segment.ack;
    fields.ack = seqAdd(segment.seq, segment.segLen);
    fields.flags = RST | ACK;
    const length = writeSegment(this.#scratch, VIRTIO_HEADER, fields);
    writeTcpVirtio(this.#scratch, 0, 0, length, fields, 0);
    return length;
  }

  #writeUnreachable(datagram: Segment): number {
    const from = new Uint8Array(16);
    const to = new Uint8Array(16);
    datagram.copyDestination(from);
    datagram.copySource(to);
    writeVirtio(this.#scratch, 0, 0, GSO_NONE, 0, 0, 0, 0);
    const { bytes: quoted, ipOffset: quotedOffset, ipLength: quotedLength } = datagram;
    return writeIcmpPortUnreachable(this.#scratch, VIRTIO_HEADER, { from, to, quoted, quotedOffset, quotedLength });
  }
}
