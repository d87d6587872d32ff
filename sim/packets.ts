/**
 * Packets of the simulated world, as objects: what the model TCPs exchange, written to and read from the frames that the
 * south-side wrap takes and gives. Whatever it gives is checked for what a kernel would check: lengths, checksums, offsets.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { ARP_REQUEST, ArpView, writeArp } from '../src/wire/arp.ts';
import { checksum, pseudoHeaderSum } from '../src/wire/checksum.ts';
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  etherType,
  MAC_BROADCAST,
  macFromString,
  macToString,
  writeEthernet,
} from '../src/wire/ethernet.ts';
import { type IcmpQuote, IcmpView, writeIcmpFragmentationNeeded, writeIcmpHostUnreachable } from '../src/wire/icmp.ts';
import { IPV6_HEADER, PROTOCOL_ICMPV6 } from '../src/wire/ip.ts';
import { ipFromString, isIpv4, loadIp } from '../src/wire/ip-address.ts';
import { NdpView, NEIGHBOUR_ADVERTISEMENT } from '../src/wire/ndp.ts';
import { Segment } from '../src/wire/segment.ts';
import { SegmentFields, tcpHeaderLength, writeIpv6, writeSegment } from '../src/wire/segment-writer.ts';
import { type Seq, seq } from '../src/wire/seq.ts';
import {
  GSO_NONE,
  VIRTIO_DATA_VALID,
  VIRTIO_HEADER,
  VIRTIO_NEEDS_CSUM,
  virtioCsumOffset,
  virtioCsumStart,
  virtioFlags,
  virtioGsoSize,
  virtioGsoType,
  virtioHdrLen,
  writeVirtio,
} from '../src/wire/virtio.ts';

export const FRAME_IP = VIRTIO_HEADER + ETHERNET_HEADER;
const TCP_CHECKSUM_OFFSET = 16;

export function ip(text: string): Uint8Array {
  const bytes = ipFromString(text);
  ok(bytes);
  return bytes;
}

export function mac(text: string): Uint8Array {
  const bytes = macFromString(text);
  ok(bytes);
  return bytes;
}

/** One TCP segment, without the addresses. */
export interface TcpPacket {
  sourcePort: number;
  destinationPort: number;
  seq: Seq;
  ack: Seq;
  flags: number;
  window: number;
  urgentPointer: number;
  data: Uint8Array;
  hasTimestamps: boolean;
  tsVal: number;
  tsEcr: number;
  mss: number;
  windowScale: number;
  sackPermitted: boolean;
  sack: readonly (readonly [Seq, Seq])[];
}

export function tcpPacket(fields: Partial<TcpPacket>): TcpPacket {
  return {
    sourcePort: 0,
    destinationPort: 0,
    seq: seq(0),
    ack: seq(0),
    flags: 0,
    window: 0,
    urgentPointer: 0,
    data: new Uint8Array(0),
    hasTimestamps: false,
    tsVal: 0,
    tsEcr: 0,
    mss: 0,
    windowScale: -1,
    sackPermitted: false,
    sack: [],
    ...fields,
  };
}

export interface Ends {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** How the checksum of a written frame is: summed in full, by a sender whose network card has verified it too, partial, or wrong. */
export type ChecksumKind = 'full' | 'verified' | 'partial' | 'wrong';

/** A frame of the LAN as a packet socket gives it: virtio header, Ethernet, packet. */
export function lanFrame(packet: TcpPacket, ends: Ends, macs: Ends, kind: ChecksumKind = 'full'): Uint8Array {
  const bytes = new Uint8Array(FRAME_IP + 120 + packet.data.length);
  const type = isIpv4(ends.source) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  writeEthernet(bytes, VIRTIO_HEADER, macs.destination, 0, macs.source, 0, type);
  const fields = fieldsOf(packet, ends);
  const headers = writePacket(bytes, FRAME_IP, packet, fields);
  const length = FRAME_IP + headers + packet.data.length;
  if (kind === 'partial') {
    const start = ETHERNET_HEADER + headers - tcpHeaderLength(fields);
    writeVirtio(bytes, 0, VIRTIO_NEEDS_CSUM, GSO_NONE, 0, 0, start, TCP_CHECKSUM_OFFSET);
  } else {
    const segment = new Segment();
    equal(segment.parse(bytes, FRAME_IP, length - FRAME_IP), '');
    segment.fillFullChecksum();
    if (kind === 'wrong') segment.setChecksum(segment.checksum ^ 0x5a);
    if (kind === 'verified') writeVirtio(bytes, 0, VIRTIO_DATA_VALID, GSO_NONE, 0, 0, 0, 0);
  }
  return bytes.slice(0, length);
}

/** A packet of the server's kernel as a TUN gives it: virtio header, packet; cut later if it is larger than the MSS. */
export function tunPacket(packet: TcpPacket, ends: Ends, segmentSize: number): Uint8Array {
  const bytes = new Uint8Array(VIRTIO_HEADER + 120 + packet.data.length);
  const fields = fieldsOf(packet, ends);
  const headers = writePacket(bytes, VIRTIO_HEADER, packet, fields);
  const bulk = packet.data.length > segmentSize;
  const gso = isIpv4(ends.source) ? 1 : 4;
  const start = headers - tcpHeaderLength(fields);
  const [type, header, size] = bulk ? [gso, headers, segmentSize] : [GSO_NONE, 0, 0];
  writeVirtio(bytes, 0, VIRTIO_NEEDS_CSUM, type, header, size, start, TCP_CHECKSUM_OFFSET);
  return bytes.slice(0, VIRTIO_HEADER + headers + packet.data.length);
}

export function arpRequest(from: Uint8Array, fromMac: Uint8Array, target: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_IP + 28);
  writeEthernet(bytes, VIRTIO_HEADER, MAC_BROADCAST, 0, fromMac, 0, ETHERTYPE_ARP);
  const fields = { senderMac: fromMac, senderIp: from, targetMac: new Uint8Array(6), targetIp: target };
  writeArp(bytes, FRAME_IP, { operation: ARP_REQUEST, ...fields });
  return bytes;
}

/** A frame that asks for, or claims, an IPv6 address. */
export function neighbourFrame(
  type: number,
  ends: Ends,
  macs: Ends,
  target: Uint8Array,
  options: readonly number[],
  hopLimit = 255,
): Uint8Array {
  const length = 24 + options.length;
  const bytes = new Uint8Array(FRAME_IP + IPV6_HEADER + length);
  writeEthernet(bytes, VIRTIO_HEADER, macs.destination, 0, macs.source, 0, ETHERTYPE_IPV6);
  writeIpv6(bytes, FRAME_IP, PROTOCOL_ICMPV6, ends.source, ends.destination, length);
  bytes[FRAME_IP + 7] = hopLimit;
  const icmp = FRAME_IP + IPV6_HEADER;
  bytes[icmp] = type;
  bytes.set(target, icmp + 8);
  bytes.set(options, icmp + 24);
  const pseudo = pseudoHeaderSum(bytes, FRAME_IP, 6, PROTOCOL_ICMPV6, length);
  new DataView(bytes.buffer).setUint16(icmp + 2, checksum(bytes, icmp, length, pseudo));
  return bytes;
}

/** What a router says of a packet of `quoted.source` to `quoted.destination`: written by the project's own codec, which icmp.test.ts checks. */
export function tooBigFrame(quoted: Ends, tcp: TcpPacket, mtu: number, router: Uint8Array, macs: Ends): Uint8Array {
  const bytes = new Uint8Array(FRAME_IP + 300);
  const type = isIpv4(router) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  writeEthernet(bytes, VIRTIO_HEADER, macs.destination, 0, macs.source, 0, type);
  const length = writeIcmpFragmentationNeeded(bytes, FRAME_IP, mtu, quoteOf(quoted, tcp, router));
  return bytes.slice(0, FRAME_IP + length);
}

/** What a kernel behind the TUN says of a segment that it was given. */
export function unreachablePacket(quoted: Ends, tcp: TcpPacket): Uint8Array {
  const bytes = new Uint8Array(VIRTIO_HEADER + 300);
  const length = writeIcmpHostUnreachable(bytes, VIRTIO_HEADER, quoteOf(quoted, tcp, quoted.destination));
  return bytes.slice(0, VIRTIO_HEADER + length);
}

function quoteOf(quoted: Ends, tcp: TcpPacket, from: Uint8Array): IcmpQuote {
  const headers = new Uint8Array(120);
  const quotedLength = writeSegment(headers, 0, fieldsOf(tcp, quoted));
  return { from, to: quoted.source, quoted: headers, quotedOffset: 0, quotedLength };
}

/** What was found in a frame or packet. */
export type Heard =
  | {
      readonly kind: 'tcp';
      readonly tcp: TcpPacket /** Most payload in one segment on the wire. */;
      readonly segmentSize: number;
      /** Of the IP header. */
      readonly ecn: number;
      readonly source: Uint8Array;
      readonly destination: Uint8Array;
    }
  | { readonly kind: 'arp'; readonly operation: number }
  | {
      readonly kind: 'advertisement';
      readonly destination: Uint8Array;
      readonly destinationMac: string;
      readonly solicited: boolean;
    }
  | {
      readonly kind: 'icmp';
      readonly icmpType: number;
      readonly mtu: number;
      /** Of the quoted segment: its number, and the ports of its sender and its addressee. */
      readonly quotedSeq: Seq;
      readonly quotedAck: Seq;
      readonly quotedPorts: readonly [number, number];
      readonly destination: Uint8Array;
    }
  | { readonly kind: 'other' };

/** Reads a frame that the wrap sends to the LAN. */
export function readLan(bytes: Uint8Array, offset: number, length: number): Heard {
  const type = etherType(bytes, offset + VIRTIO_HEADER);
  if (type === ETHERTYPE_ARP) {
    const arp = new ArpView();
    ok(arp.set(bytes, offset + FRAME_IP, length - FRAME_IP), 'the wrap sends whole ARP packets');
    return { kind: 'arp', operation: arp.operation };
  }
  return (
    readAdvertisement(bytes, offset, length) ??
    readPacket(bytes, offset, offset + FRAME_IP, length - FRAME_IP, ETHERNET_HEADER)
  );
}

/** A neighbour advertisement; anything else is undefined. */
function readAdvertisement(bytes: Uint8Array, offset: number, length: number): Heard | undefined {
  const packet = new Segment();
  if (packet.parse(bytes, offset + FRAME_IP, length - FRAME_IP) !== '' || packet.protocol !== PROTOCOL_ICMPV6)
    return undefined;
  if (bytes[packet.transportOffset] !== NEIGHBOUR_ADVERTISEMENT) return undefined;
  ok(new NdpView().set(packet), 'the wrap sends advertisements that RFC 4861 §7.1.2 lets count');
  const destination = bytes.slice(packet.destinationOffset, packet.destinationOffset + 16);
  const solicited = ((bytes[packet.transportOffset + 4] ?? 0) & 0x40) !== 0;
  return { kind: 'advertisement', destination, destinationMac: macToString(bytes, offset + VIRTIO_HEADER), solicited };
}

/** Whether a kernel would take the packet in this frame: its checksum holds, or is still to be summed. */
export function isSound(bytes: Uint8Array): boolean {
  const segment = new Segment();
  if (segment.parse(bytes, FRAME_IP, bytes.length - FRAME_IP) !== '' || !segment.isTcp) return true;
  return (virtioFlags(bytes, 0) & VIRTIO_NEEDS_CSUM) !== 0 || segment.checksumOk();
}

/** Reads a packet that the wrap gives to the server's kernel. */
export function readTun(bytes: Uint8Array, offset: number, length: number): Heard {
  return readPacket(bytes, offset, offset + VIRTIO_HEADER, length - VIRTIO_HEADER, 0);
}

function readPacket(bytes: Uint8Array, virtio: number, start: number, length: number, linkHeader: number): Heard {
  const segment = new Segment();
  equal(segment.parse(bytes, start, length), '', 'the wrap sends well-formed packets');
  equal(segment.transportOffset + segment.transportLength, start + length, 'a packet is as long as its frame');
  const [source, destination] = [new Uint8Array(16), new Uint8Array(16)];
  loadIp(source, 0, bytes, segment.sourceOffset, segment.family);
  loadIp(destination, 0, bytes, segment.destinationOffset, segment.family);
  if (!segment.isTcp) {
    const icmp = new IcmpView();
    if (!icmp.set(segment)) return { kind: 'other' };
    ok(icmp.checksumOk(), 'the wrap sends ICMP with a right checksum');
    const quotes = icmp.quotedTcpOffset >= 0;
    const quotedSeq = quotes ? icmp.quotedSeq : seq(0);
    const quotedPorts = quotes ? ([icmp.quotedSourcePort, icmp.quotedDestinationPort] as const) : ([0, 0] as const);
    return {
      kind: 'icmp',
      icmpType: icmp.type,
      mtu: icmp.rest,
      quotedSeq,
      quotedAck: icmp.quotedAck,
      quotedPorts,
      destination,
    };
  }
  checkOffload(segment, virtio, start - linkHeader);
  const tcp = packetOf(segment);
  const segmentSize = virtioGsoType(bytes, virtio) === GSO_NONE ? tcp.data.length : virtioGsoSize(bytes, virtio);
  return { kind: 'tcp', tcp, segmentSize, ecn: segment.ecn, source, destination };
}

/** VIRTIO 1.2 §5.1.6: what a kernel would refuse, or send on wrong. Linux does not look at DATA_VALID in what it is given. */
function checkOffload(segment: Segment, virtio: number, linkStart: number): void {
  const { bytes } = segment;
  const flags = virtioFlags(bytes, virtio);
  if ((flags & VIRTIO_NEEDS_CSUM) !== 0) {
    equal(virtioCsumStart(bytes, virtio), segment.transportOffset - linkStart, 'csum_start');
    equal(virtioCsumOffset(bytes, virtio), TCP_CHECKSUM_OFFSET, 'csum_offset');
    const given = segment.checksum;
    segment.fillPartialChecksum();
    equal(given, segment.checksum, 'the partial checksum is the sum of the pseudo-header');
  } else {
    ok(segment.checksumOk(), 'the checksum is right, or still to be summed');
  }
  if (virtioGsoType(bytes, virtio) !== GSO_NONE) {
    ok((flags & VIRTIO_NEEDS_CSUM) !== 0, 'a large segment has a partial checksum');
    equal(virtioHdrLen(bytes, virtio), segment.dataOffset - linkStart, 'hdr_len');
    ok(virtioGsoSize(bytes, virtio) > 0, 'gso_size');
  }
}

function packetOf(segment: Segment): TcpPacket {
  const { bytes, dataOffset, dataLength } = segment;
  const sack: [Seq, Seq][] = [];
  for (let i = 0; i < segment.sackCount; i++) sack.push([segment.sackLeft(i), segment.sackRight(i)]);
  return {
    sourcePort: segment.sourcePort,
    destinationPort: segment.destinationPort,
    seq: segment.seq,
    ack: segment.ack,
    flags: segment.flags,
    window: segment.window,
    urgentPointer: segment.urgentPointer,
    data: bytes.slice(dataOffset, dataOffset + dataLength),
    hasTimestamps: segment.hasTimestamps,
    tsVal: segment.tsVal,
    tsEcr: segment.tsEcr,
    mss: segment.mss,
    windowScale: segment.windowScale,
    sackPermitted: segment.sackPermitted,
    sack,
  };
}

function fieldsOf(packet: TcpPacket, ends: Ends): SegmentFields {
  const { data, sack, ...plain } = packet;
  const fields = Object.assign(new SegmentFields(), plain, ends);
  fields.dataLength = data.length;
  fields.sackCount = Math.min(3, sack.length);
  for (let i = 0; i < fields.sackCount; i++) fields.sack.set(sack[i] ?? [], 2 * i);
  return fields;
}

function writePacket(bytes: Uint8Array, offset: number, packet: TcpPacket, fields: SegmentFields): number {
  const headers = writeSegment(bytes, offset, fields);
  bytes.set(packet.data, offset + headers);
  return headers;
}

/** Compares streams without printing them whole. */
export function sameStream(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (actual.length === expected.length && actual.every((byte, i) => byte === expected[i])) return;
  let at = 0;
  while (at < actual.length && actual[at] === expected[at]) at++;
  deepEqual({ length: actual.length, differsAt: at }, { length: expected.length, differsAt: expected.length }, what);
}
