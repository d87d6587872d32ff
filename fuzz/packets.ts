/** Packets to be mutated, made by the project's own writers, and what is set right in them again after a mutation. */
import { ARP_REPLY, ARP_REQUEST, writeArp } from '../src/wire/arp.ts';
import { setU16, setU32 } from '../src/wire/bytes.ts';
import { checksum, ipv4HeaderChecksum, pseudoHeaderSum } from '../src/wire/checksum.ts';
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  MAC_BROADCAST,
  writeEthernet,
} from '../src/wire/ethernet.ts';
import {
  ICMP_ECHO_REQUEST,
  ICMPV6_ECHO_REQUEST,
  writeIcmpError,
  writeIcmpFragmentationNeeded,
  writeIcmpPortUnreachable,
} from '../src/wire/icmp.ts';
import {
  IPV4_HEADER,
  IPV6_HEADER,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../src/wire/ip.ts';
import { ipFromString } from '../src/wire/ip-address.ts';
import { Segment } from '../src/wire/segment.ts';
import { SegmentFields, writeIpv4, writeIpv6, writeSegment } from '../src/wire/segment-writer.ts';
import { type Seq, seq } from '../src/wire/seq.ts';
import { ACK, FIN, PSH, RST, SYN } from '../src/wire/tcp.ts';

export type Family = 4 | 6;

export const SERVICE_MAC = Uint8Array.of(2, 0, 0, 0, 1, 0);
export const CLIENT_MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
export const SERVICE_PORT = 7000;
export const CLIENT_PORT = 40_000;
export const CLIENT_ISS: Seq = seq(0xffff_ff00);
export const SERVER_ISS: Seq = seq(0xffff_fff0);
export const CLIENT_TSVAL = 0xffff_f000;

export function serviceIp(family: Family): Uint8Array {
  return address(family === 4 ? '10.0.0.100' : '2001:db8::100');
}

export function clientIp(family: Family): Uint8Array {
  return address(family === 4 ? '10.0.0.1' : '2001:db8::1');
}

function address(text: string): Uint8Array {
  return ipFromString(text) ?? new Uint8Array(16);
}

/** A TCP packet, its checksum complete, from its IP header on. */
export function tcp(changes: Partial<Omit<SegmentFields, 'sack'>>, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const fields = Object.assign(new SegmentFields(), changes);
  fields.dataLength = data.length;
  for (let i = 0; i < 2 * fields.sackCount; i++) fields.sack[i] = fields.ack + 100 * (i + 1);
  const bytes = new Uint8Array(120 + data.length);
  const headers = writeSegment(bytes, 0, fields);
  bytes.set(data, headers);
  const segment = new Segment();
  segment.parse(bytes, 0, headers + data.length);
  segment.fillFullChecksum();
  return bytes.slice(0, headers + data.length);
}

export function upwards(family: Family): Partial<SegmentFields> {
  return {
    source: clientIp(family),
    destination: serviceIp(family),
    sourcePort: CLIENT_PORT,
    destinationPort: SERVICE_PORT,
  };
}

export function downwards(family: Family): Partial<SegmentFields> {
  return {
    source: serviceIp(family),
    destination: clientIp(family),
    sourcePort: SERVICE_PORT,
    destinationPort: CLIENT_PORT,
  };
}

/** What a client may send, and what comes beside it. */
export function clientPackets(family: Family): Uint8Array[] {
  const ends = upwards(family);
  const established = {
    ...ends,
    seq: seq(CLIENT_ISS + 1),
    ack: seq(SERVER_ISS + 1),
    window: 500,
    hasTimestamps: true,
    tsVal: CLIENT_TSVAL,
    tsEcr: 1,
  };
  const syn = { ...ends, flags: SYN, window: 64_240, seq: CLIENT_ISS };
  const options = { mss: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true, tsVal: CLIENT_TSVAL };
  return [
    tcp({ ...syn, ...options }),
    withOption(tcp({ ...syn, mss: 1460 }), family, [30, 12, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]),
    withOption(tcp({ ...syn, mss: 1460 }), family, [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1]),
    tcp({ ...syn, ...options, mss: 8 }),
    tcp({ ...established, flags: ACK }),
    tcp({ ...established, flags: ACK | PSH }, pattern(300)),
    tcp({ ...established, flags: ACK | PSH }, pattern(1)),
    tcp({ ...established, flags: ACK, sackCount: 3 }),
    tcp({ ...established, flags: ACK | FIN }, pattern(20)),
    tcp({ ...established, flags: RST | ACK }),
    tcp({ ...established, flags: ACK, window: 0 }),
    datagram(family, pattern(40)),
    echoRequest(family),
    quotingError(family),
    tooBig(family),
    fragment(family, 0, true),
    fragment(family, 16, false),
    ...(family === 6 ? [withExtensions()] : []),
  ];
}

/** What the server's kernel may send. */
export function serverPackets(family: Family): Uint8Array[] {
  const ends = downwards(family);
  const established = {
    ...ends,
    seq: seq(SERVER_ISS + 1),
    ack: seq(CLIENT_ISS + 1),
    window: 500,
    hasTimestamps: true,
    tsVal: 5000,
    tsEcr: CLIENT_TSVAL,
  };
  return [
    tcp({
      ...established,
      flags: SYN | ACK,
      seq: SERVER_ISS,
      window: 65_160,
      mss: 1460,
      windowScale: 7,
      sackPermitted: true,
    }),
    tcp({ ...established, flags: ACK }),
    tcp({ ...established, flags: ACK | PSH }, pattern(500)),
    tcp({ ...established, flags: ACK | FIN }),
    tcp({ ...established, flags: RST | ACK }),
    tcp({ ...established, flags: RST }),
    tcp({ ...ends, flags: SYN, mss: 1460 }),
    datagram(family, pattern(30)),
    echoRequest(family),
    quotingError(family),
    fragment(family, 0, true),
  ];
}

/** An Ethernet frame to the service. */
export function frameOf(packet: Uint8Array, family: Family, destination = SERVICE_MAC): Uint8Array {
  return ethernet(packet, family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, destination);
}

/** Frames that are not the clients' IP. */
export function otherFrames(): Uint8Array[] {
  const v4 = { senderIp: clientIp(4), targetIp: serviceIp(4), senderMac: CLIENT_MAC, targetMac: new Uint8Array(6) };
  const claim = { ...v4, senderIp: serviceIp(4), operation: ARP_REPLY };
  return [
    arp({ ...v4, operation: ARP_REQUEST }),
    arp(claim),
    ethernet(Uint8Array.of(0, 5, 8, 0, ...tcp({ ...upwards(4), flags: SYN })), ETHERTYPE_VLAN, SERVICE_MAC),
  ];
}

export function arpPacket(): Uint8Array {
  const bytes = new Uint8Array(28);
  const fields = { senderIp: clientIp(4), targetIp: serviceIp(4), senderMac: CLIENT_MAC, targetMac: new Uint8Array(6) };
  writeArp(bytes, 0, { ...fields, operation: ARP_REQUEST });
  return bytes;
}

function arp(fields: Parameters<typeof writeArp>[2]): Uint8Array {
  const bytes = new Uint8Array(28);
  writeArp(bytes, 0, fields);
  return ethernet(bytes, ETHERTYPE_ARP, MAC_BROADCAST);
}

function ethernet(packet: Uint8Array, type: number, destination: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ETHERNET_HEADER + packet.length);
  writeEthernet(bytes, 0, destination, 0, CLIENT_MAC, 0, type);
  bytes.set(packet, ETHERNET_HEADER);
  return bytes;
}

/** Puts an option of whole words behind the others of a SYN with nothing but an MSS. */
function withOption(syn: Uint8Array, family: Family, option: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(syn.length + option.length);
  bytes.set(syn);
  bytes.set(option, syn.length);
  const header = family === 4 ? IPV4_HEADER : IPV6_HEADER;
  bytes[header + 12] = (bytes.length - header) << 2;
  repairLengths(bytes, 0);
  repairChecksums(bytes, 0);
  return bytes;
}

function ipPacket(family: Family, protocol: number, payload: Uint8Array): Uint8Array {
  const header = family === 4 ? IPV4_HEADER : IPV6_HEADER;
  const bytes = new Uint8Array(header + payload.length);
  const write = family === 4 ? writeIpv4 : writeIpv6;
  write(bytes, 0, protocol, clientIp(family), serviceIp(family), payload.length);
  bytes.set(payload, header);
  repairChecksums(bytes, 0);
  return bytes;
}

function datagram(family: Family, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  setU16(bytes, 0, CLIENT_PORT);
  setU16(bytes, 2, 53);
  setU16(bytes, 4, bytes.length);
  bytes.set(payload, 8);
  return ipPacket(family, PROTOCOL_UDP, bytes);
}

function echoRequest(family: Family): Uint8Array {
  const type = family === 4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST;
  return ipPacket(family, icmpOf(family), Uint8Array.of(type, 0, 0, 0, 0, 1, 0, 2, ...pattern(16)));
}

/** @returns what an ICMP error quotes: a segment of the service. */
function quote(family: Family) {
  const quoted = tcp({ ...downwards(family), seq: seq(SERVER_ISS + 1), ack: seq(CLIENT_ISS + 1), flags: ACK });
  return { from: clientIp(family), to: serviceIp(family), quoted, quotedOffset: 0, quotedLength: quoted.length };
}

function quotingError(family: Family): Uint8Array {
  const bytes = new Uint8Array(200);
  return bytes.slice(0, writeIcmpPortUnreachable(bytes, 0, quote(family)));
}

function tooBig(family: Family): Uint8Array {
  const bytes = new Uint8Array(200);
  return bytes.slice(0, writeIcmpFragmentationNeeded(bytes, 0, 1300, quote(family)));
}

/** ICMP errors of every kind, for the view of them. */
export function icmpPackets(family: Family): Uint8Array[] {
  const bytes = new Uint8Array(200);
  const types = family === 4 ? [3, 4, 5, 11, 12] : [1, 2, 3, 4];
  const errors = types.map((type) => bytes.slice(0, writeIcmpError(bytes, 0, type, 1, 5, quote(family))));
  return [...errors, echoRequest(family)];
}

function fragment(family: Family, offset: number, more: boolean): Uint8Array {
  const whole = tcp({ ...upwards(family), flags: ACK, seq: seq(CLIENT_ISS + 1) }, pattern(44));
  if (family === 4) {
    setU16(whole, 6, (more ? 0x2000 : 0) | (offset / 8));
    ipv4HeaderChecksum(whole, 0);
    return whole;
  }
  const field = Uint8Array.of(PROTOCOL_TCP, 0, offset >>> 8, (offset & 0xf8) | (more ? 1 : 0), 0, 0, 0, 7);
  return ipPacket(6, 44, Uint8Array.of(...field, ...whole.subarray(IPV6_HEADER)));
}

/** Hop-by-hop options, destination options, an atomic fragment, and then TCP. */
function withExtensions(): Uint8Array {
  const segment = tcp({ ...upwards(6), flags: ACK, seq: seq(CLIENT_ISS + 1), ack: seq(SERVER_ISS + 1) }, pattern(10));
  const extensions = Uint8Array.of(60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, PROTOCOL_TCP, 0, 0, 0, 0, 0, 0, 9);
  return ipPacket(6, 0, Uint8Array.of(...extensions, ...segment.subarray(IPV6_HEADER)));
}

function icmpOf(family: Family): number {
  return family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
}

export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i);
}

const segment = new Segment();

/** Has the IP header say how long the packet is that begins at `offset` and ends with `bytes`. */
export function repairLengths(bytes: Uint8Array, offset: number): void {
  const length = bytes.length - offset;
  const version = (bytes[offset] ?? 0) >>> 4;
  if (version === 4 && length >= IPV4_HEADER) setU16(bytes, offset + 2, length);
  if (version === 6 && length >= IPV6_HEADER) setU16(bytes, offset + 4, length - IPV6_HEADER);
}

/** Fills in the checksums of the IP header and of what it carries, as far as that can be found. */
export function repairChecksums(bytes: Uint8Array, offset: number): void {
  const wrong = segment.parse(bytes, offset, bytes.length - offset);
  if (wrong !== '' && wrong !== 'tcp-option') return;
  const { family, protocol, transportOffset: at, transportLength: length, isFragment } = segment;
  if (family === 4) ipv4HeaderChecksum(bytes, offset);
  const place = checksumPlace(protocol);
  if (place < 0 || isFragment || length < place + 2) return;
  setU16(bytes, at + place, 0);
  const initial = protocol === PROTOCOL_ICMP ? 0 : pseudoHeaderSum(bytes, offset, family, protocol, length);
  setU16(bytes, at + place, checksum(bytes, at, length, initial));
}

function checksumPlace(protocol: number): number {
  switch (protocol) {
    case PROTOCOL_TCP:
      return 16;
    case PROTOCOL_UDP:
      return 6;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      return 2;
    default:
      return -1;
  }
}

/** Sets SEQ and ACK of the TCP segment in the packet at `offset`, if one is there. @returns whether it was. */
export function setNumbers(bytes: Uint8Array, offset: number, sequence: number, acknowledgement: number): boolean {
  segment.parse(bytes, offset, bytes.length - offset);
  if (!segment.isTcp) return false;
  setU32(bytes, segment.transportOffset + 4, sequence);
  setU32(bytes, segment.transportOffset + 8, acknowledgement);
  if (segment.tsOffset >= 0) setU32(bytes, segment.tsOffset, CLIENT_TSVAL + 60_000);
  return true;
}
