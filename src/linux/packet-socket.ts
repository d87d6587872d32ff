/**
 * Packet sockets: whole Ethernet frames of one interface, by a filter in the kernel. With `vnetHeader`, each frame comes and goes behind
 * 10 bytes of virtio-net header, so that unsegmented TCP of up to 64 KB passes in one piece.
 */
import { assert } from '../errors.ts';
import { isIpv4 } from '../wire/ip-address.ts';
import { check } from './errors.ts';
import { close } from './io.ts';
import { libc } from './libc.ts';
import { interfaceIndex } from './link-state.ts';
import { addressOf, allocate } from './memory.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const ETH_P_ALL = 0x0003;

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;

const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_DROP_MEMBERSHIP = 2;
const PACKET_STATISTICS = 6;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_MULTICAST = 0;
const PACKET_MR_PROMISC = 1;
const PACKET_MR_UNICAST = 3;

/** Classic BPF: code, jump if true, jump if false, operand. */
export type BpfProgram = readonly (readonly [code: number, jt: number, jf: number, k: number])[];

const LD_WORD = 0x20;
const LD_HALF = 0x28;
const LD_BYTE = 0x30;
const JEQ = 0x15;
const AND = 0x54;
const RETURN = 0x06;
/** Where BPF shows what the kernel took off the frame: non-zero when there was a VLAN tag. */
const VLAN_TAG_PRESENT = 0xfffff000 + 48;
const VLAN_TAG = 0xfffff000 + 44;
const VLAN_ID = 0xfff;
const WHOLE_FRAME = 0x40000;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const NEXT_HEADER_ICMPV6 = 58;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;

export const FILTER_NOTHING: BpfProgram = [[RETURN, 0, 0, 0]];
const FILTER_EVERYTHING: BpfProgram = [[RETURN, 0, 0, WHOLE_FRAME]];

/**
 * What concerns a service on the LAN: frames to its MAC, all ARP, and multicast neighbour discovery (RFC 4861 §4.3, §4.4). The kernel shows
 * frames of other VLANs on the parent interface with the tag taken off; those are somebody else's. A tag of VLAN 0 says only how urgent
 * the frame is (IEEE 802.1Q §6.9).
 */
export function filterForService(mac: Uint8Array): BpfProgram {
  assert(mac.length === 6, 'a MAC address has 6 bytes');
  const view = new DataView(mac.buffer, mac.byteOffset);
  return [
    /*  0 */ [LD_WORD, 0, 0, VLAN_TAG_PRESENT],
    /*  1 */ [JEQ, 3, 0, 0],
    /*  2 */ [LD_WORD, 0, 0, VLAN_TAG],
    /*  3 */ [AND, 0, 0, VLAN_ID],
    /*  4 */ [JEQ, 0, 14, 0],
    /*  5 */ [LD_WORD, 0, 0, 0],
    /*  6 */ [JEQ, 0, 2, view.getUint32(0)],
    /*  7 */ [LD_HALF, 0, 0, 4],
    /*  8 */ [JEQ, 11, 0, view.getUint16(4)],
    /*  9 */ [LD_HALF, 0, 0, 12],
    /* 10 */ [JEQ, 9, 0, ETHERTYPE_ARP],
    /* 11 */ [JEQ, 0, 7, ETHERTYPE_IPV6],
    /* 12 */ [LD_HALF, 0, 0, 0],
    /* 13 */ [JEQ, 0, 5, 0x3333],
    /* 14 */ [LD_BYTE, 0, 0, 14 + 6],
    /* 15 */ [JEQ, 0, 3, NEXT_HEADER_ICMPV6],
    /* 16 */ [LD_BYTE, 0, 0, 14 + 40],
    /* 17 */ [JEQ, 2, 0, NEIGHBOR_SOLICITATION],
    /* 18 */ [JEQ, 1, 0, NEIGHBOR_ADVERTISEMENT],
    /* 19 */ [RETURN, 0, 0, 0],
    /* 20 */ [RETURN, 0, 0, WHOLE_FRAME],
  ];
}

/**
 * What speaks for an address, by whoever it is sent: frames from its MAC, IP packets from it, ARP of which it is the sender. The
 * MAC comes first: a look beyond the end of a frame ends the program.
 */
export function filterForVoice(ip: Uint8Array, mac: Uint8Array): BpfProgram {
  assert(ip.length === 16 && mac.length === 6, 'an address has 16 bytes, a MAC 6');
  const ipWords = new DataView(ip.buffer, ip.byteOffset);
  const macView = new DataView(mac.buffer, mac.byteOffset);
  const word = (index: number, at: number): Comparison => [LD_WORD, at, ipWords.getUint32(4 * index)];
  const type = (ethertype: number): Comparison => [LD_HALF, 12, ethertype];
  const tests: Comparison[][] = [
    [
      [LD_WORD, 6, macView.getUint32(0)],
      [LD_HALF, 10, macView.getUint16(4)],
    ],
    isIpv4(ip, 0)
      ? [type(ETHERTYPE_IPV4), word(3, 26)]
      : [type(ETHERTYPE_IPV6), word(0, 22), word(1, 26), word(2, 30), word(3, 34)],
    ...(isIpv4(ip, 0) ? [[type(ETHERTYPE_ARP), word(3, 28)]] : []),
  ];
  return [...tests.flatMap(acceptIf), [RETURN, 0, 0, 0]];
}

type Comparison = readonly [load: number, at: number, value: number];

/** Accepts the frame if all comparisons hold, goes on behind this piece of program otherwise. */
function acceptIf(test: readonly Comparison[]): BpfProgram {
  const comparisons = test.flatMap(
    ([load, at, value], index): BpfProgram => [
      [load, 0, 0, at],
      [JEQ, 0, 2 * (test.length - index) - 1, value],
    ],
  );
  return [...comparisons, [RETURN, 0, 0, WHOLE_FRAME]];
}

export interface PacketSocketOptions {
  readonly interface: string;
  /** Undefined takes every frame. */
  readonly filter: BpfProgram | undefined;
  readonly receiveBufferBytes?: number;
  /** Keep so many bytes of each frame. Unsegmented TCP being long, many times more frames then fit into the buffer. */
  readonly snapBytes?: number;
  /** True by default. */
  readonly vnetHeader?: boolean;
  /** Leave out what this host itself sends; true by default. */
  readonly ignoreOutgoing?: boolean;
}

/** Frames start to arrive only at the end of this, with everything in place. Non-blocking. */
export function openPacketSocket(options: PacketSocketOptions): { fd: number; ifindex: number } {
  const ifindex = interfaceIndex(options.interface);
  // Protocol 0 receives nothing until bind() names one: no foreign frame slips in before the filter.
  const fd = check(
    libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
    'socket(AF_PACKET)',
    'run as root, or with CAP_NET_RAW',
  );
  try {
    if (options.vnetHeader ?? true) setOption(fd, PACKET_VNET_HDR, 'PACKET_VNET_HDR');
    if (options.ignoreOutgoing ?? true) setOption(fd, PACKET_IGNORE_OUTGOING, 'PACKET_IGNORE_OUTGOING');
    setReceiveBuffer(fd, options.receiveBufferBytes ?? 16 << 20);
    const { filter = FILTER_EVERYTHING, snapBytes = WHOLE_FRAME } = options;
    setFilter(fd, keepFirst(filter, snapBytes));
    bindTo(fd, ifindex, options.interface);
  } catch (error) {
    close(fd);
    throw error;
  }
  return { fd, ifindex };
}

/** What a filter lets in, cut to so many bytes. */
function keepFirst(program: BpfProgram, bytes: number): BpfProgram {
  return program.map(([code, jt, jf, k]) => [code, jt, jf, code === RETURN && k === WHOLE_FRAME ? bytes : k]);
}

function setOption(fd: number, option: number, name: string): void {
  const on = allocate(4);
  on[0] = 1;
  check(libc.setsockopt(fd, SOL_PACKET, option, addressOf(on), 4), `setsockopt(${name})`);
}

function setReceiveBuffer(fd: number, size: number): void {
  const value = allocate(4);
  new DataView(value.buffer).setInt32(0, size, true);
  // The forced one passes net.core.rmem_max but needs CAP_NET_ADMIN on the host.
  if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, addressOf(value), 4) === 0) return;
  check(libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, addressOf(value), 4), 'setsockopt(SO_RCVBUF)');
}

function bindTo(fd: number, ifindex: number, name: string): void {
  const address = allocate(20); // struct sockaddr_ll
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL, false);
  view.setInt32(4, ifindex, true);
  check(libc.bind(fd, addressOf(address), address.length), `bind(AF_PACKET, ${name})`);
}

/** Replaces the filter at once. Frames that the old one let in may still be in the socket's queue. */
export function setFilter(fd: number, program: BpfProgram): void {
  const instructions = allocate(program.length * 8);
  const view = new DataView(instructions.buffer);
  program.forEach(([code, jt, jf, k], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  });
  const header = allocate(16); // struct sock_fprog
  const headerView = new DataView(header.buffer);
  headerView.setUint16(0, program.length, true);
  headerView.setBigUint64(8, BigInt(addressOf(instructions)), true);
  check(
    libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, addressOf(header), header.length),
    'setsockopt(SO_ATTACH_FILTER)',
  );
}

/** Lets the network card take in frames for one more MAC address, for as long as the socket lives. */
export function addUnicastAddress(fd: number, ifindex: number, mac: Uint8Array): void {
  changeMembership(fd, ifindex, PACKET_ADD_MEMBERSHIP, PACKET_MR_UNICAST, mac);
}

export function dropUnicastAddress(fd: number, ifindex: number, mac: Uint8Array): void {
  changeMembership(fd, ifindex, PACKET_DROP_MEMBERSHIP, PACKET_MR_UNICAST, mac);
}

/** The same for a multicast group, for example the solicited-node group (33:33:ff:…) of an IPv6 service address. */
export function addMulticastAddress(fd: number, ifindex: number, mac: Uint8Array): void {
  changeMembership(fd, ifindex, PACKET_ADD_MEMBERSHIP, PACKET_MR_MULTICAST, mac);
}

export function dropMulticastAddress(fd: number, ifindex: number, mac: Uint8Array): void {
  changeMembership(fd, ifindex, PACKET_DROP_MEMBERSHIP, PACKET_MR_MULTICAST, mac);
}

/** Has the network card take in every frame, for as long as the socket lives. */
export function addPromiscuity(fd: number, ifindex: number): void {
  changeMembership(fd, ifindex, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, NO_MAC);
}

export function dropPromiscuity(fd: number, ifindex: number): void {
  changeMembership(fd, ifindex, PACKET_DROP_MEMBERSHIP, PACKET_MR_PROMISC, NO_MAC);
}

const NO_MAC = new Uint8Array(6);

function changeMembership(fd: number, ifindex: number, option: number, kind: number, mac: Uint8Array): void {
  assert(mac.length === 6, 'a MAC address has 6 bytes');
  const request = allocate(16); // struct packet_mreq
  const view = new DataView(request.buffer);
  view.setInt32(0, ifindex, true);
  view.setUint16(4, kind, true);
  view.setUint16(6, mac.length, true);
  request.set(mac, 8);
  check(libc.setsockopt(fd, SOL_PACKET, option, addressOf(request), request.length), 'setsockopt(PACKET_MEMBERSHIP)');
}

const statistics = allocate(8);
const statisticsWords = new Uint32Array(statistics.buffer);
const statisticsLength = allocate(4);

/** How many frames the kernel has dropped for want of buffer since the last call. */
export function droppedFrames(fd: number): number {
  statisticsLength[0] = statistics.length;
  const result = libc.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, addressOf(statistics), addressOf(statisticsLength));
  return result < 0 ? 0 : (statisticsWords[1] ?? 0);
}
