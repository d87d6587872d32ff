// IP fragments for the service, put together before anything looks at them: TCP is checked, logged and translated by the segment.
// Few senders fragment, and many of those are hostile: memory is bounded, the oldest gives way, and a datagram whose fragments
// overlap is dropped whole (RFC 5722, also for IPv4, as Linux does). Nobody is told of a fragment that does not come.
import { copyBytes, equalBytes, getU8, setU16 } from '../wire/bytes.ts';
import { ipv4HeaderChecksum } from '../wire/checksum.ts';
import { ETHERNET_HEADER } from '../wire/ethernet.ts';
import { ECN_CE, ECN_NOT_CAPABLE, IPV6_HEADER, type IpPacket } from '../wire/ip.ts';
import { ipEquals } from '../wire/ip-address.ts';
import { GSO_NONE, VIRTIO_HEADER, writeVirtio } from '../wire/virtio.ts';
import { FRAME_IP } from './release-queue.ts';

/** Datagrams at a time, of up to 64 KB each. */
const DATAGRAMS_MAX = 16;
/** Of 64 KB in the smallest packets that any path of today has (RFC 791 §3.2: 576 bytes). */
const FRAGMENTS_MAX = 128;
/** RFC 791 §3.2 wants 15 s at least, RFC 8200 §4.5 60 s at most; Linux takes this for IPv4. */
const TIMEOUT_MS = 30_000;

const IP_LENGTH_MAX = 0xffff;
/** IP header and what options or extension headers come before the fragment header. */
const HEADERS_MAX = 256;

/** Fragments of one datagram, as far as they have come; used again for another one. */
class Datagram {
  readonly source = new Uint8Array(16);
  id = 0;
  protocol = 0;
  untilMs = Number.NEGATIVE_INFINITY;
  /** What has come of it contradicts itself: nothing of it is taken any more. */
  spoiled = false;
  readonly payload = new Uint8Array(IP_LENGTH_MAX);
  /** Ethernet and IP header of the first fragment, without its fragment header. */
  readonly headers = new Uint8Array(ETHERNET_HEADER + HEADERS_MAX);
  /** 0 until the first fragment is there. */
  headersLength = 0;
  /** Length of the payload; −1 until the last fragment is there. */
  length = -1;
  /** What is there of the payload, in order: begin, end, … */
  readonly #runs: number[] = [];
  #fragments = 0;
  #congested = false;
  #notEcnCapable = false;

  begin(packet: IpPacket, untilMs: number): void {
    packet.copySource(this.source);
    this.id = packet.fragmentId;
    this.protocol = packet.protocol;
    this.untilMs = untilMs;
    this.spoiled = false;
    this.headersLength = 0;
    this.length = -1;
    this.#runs.length = 0;
    this.#fragments = 0;
    this.#congested = false;
    this.#notEcnCapable = false;
  }

  /** @returns false when it contradicts what is there. */
  take(packet: IpPacket): boolean {
    const { bytes, transportOffset, transportLength, fragmentOffset: begin, moreFragments } = packet;
    const end = begin + transportLength;
    const next = this.#runs.findIndex((edge) => edge > begin);
    // An odd index: it begins within a run.
    if (next % 2 === 1) {
      return end <= (this.#runs[next] ?? 0) && equalBytes(this.payload, begin, bytes, transportOffset, transportLength);
    }
    if (next >= 0 && end > (this.#runs[next] ?? 0)) return false;
    if (++this.#fragments > FRAGMENTS_MAX || !this.#takeEnd(end, moreFragments)) return false;
    copyBytes(this.payload, begin, bytes, transportOffset, transportLength);
    this.#insert(next < 0 ? this.#runs.length : next, begin, end);
    this.#takeEcn(packet.ecn);
    return begin > 0 || this.#takeHeaders(packet);
  }

  get isWhole(): boolean {
    return this.headersLength > 0 && this.#runs.length === 2 && this.#runs[0] === 0 && this.#runs[1] === this.length;
  }

  /** RFC 3168 §5.3: what has met congestion in a part has met it as a whole, unless it says that it does not know of such. */
  get ecnIsSound(): boolean {
    return !(this.#congested && this.#notEcnCapable);
  }

  get congested(): boolean {
    return this.#congested;
  }

  #takeEnd(end: number, moreFragments: boolean): boolean {
    if (moreFragments) return this.length < 0 || end <= this.length;
    if (this.length >= 0 || end < (this.#runs.at(-1) ?? 0)) return false;
    this.length = end;
    return true;
  }

  #insert(at: number, begin: number, end: number): void {
    const runs = this.#runs;
    const joinsBefore = runs[at - 1] === begin;
    const joinsAfter = runs[at] === end;
    if (joinsBefore && joinsAfter) runs.splice(at - 1, 2);
    else if (joinsBefore) runs[at - 1] = end;
    else if (joinsAfter) runs[at] = begin;
    else runs.splice(at, 0, begin, end);
  }

  #takeEcn(ecn: number): void {
    if (ecn === ECN_CE) this.#congested = true;
    if (ecn === ECN_NOT_CAPABLE) this.#notEcnCapable = true;
  }

  #takeHeaders(packet: IpPacket): boolean {
    const { bytes, ipOffset, transportOffset, fragmentHeaderOffset, fragmentNextHeaderOffset, family } = packet;
    const length = (family === 4 ? transportOffset : fragmentHeaderOffset) - ipOffset;
    if (length > HEADERS_MAX) return false;
    this.headersLength = ETHERNET_HEADER + length;
    copyBytes(this.headers, 0, bytes, ipOffset - ETHERNET_HEADER, this.headersLength);
    // RFC 8200 §4.5: what led to the fragment header leads to what came behind it.
    if (family === 6) this.headers[ETHERNET_HEADER + fragmentNextHeaderOffset - ipOffset] = packet.protocol;
    return true;
  }
}

export class Reassembly {
  /** Where a datagram lies that is whole, as a frame: virtio header, Ethernet, packet. */
  readonly frame: Uint8Array;
  readonly #datagrams: Datagram[] = [];

  /** @param frame memory of one frame. */
  constructor(frame: Uint8Array) {
    this.frame = frame;
  }

  /**
   * Takes a fragment out of a frame of the LAN.
   * @returns the length of the whole frame if this was the last one missing, 0 while others are, −1 when it can not be used.
   */
  add(packet: IpPacket, nowMs: number): number {
    if (!isSound(packet)) return -1;
    const datagram = this.#find(packet, nowMs) ?? this.#begin(packet, nowMs);
    if (datagram.spoiled || !datagram.take(packet)) {
      datagram.spoiled = true;
      return -1;
    }
    if (!datagram.isWhole) return 0;
    datagram.untilMs = Number.NEGATIVE_INFINITY;
    return this.#write(datagram, packet.family);
  }

  #find(packet: IpPacket, nowMs: number): Datagram | undefined {
    const source = SOURCE_SCRATCH;
    packet.copySource(source);
    return this.#datagrams.find(
      (one) =>
        one.untilMs > nowMs &&
        one.id === packet.fragmentId &&
        (packet.family === 6 || one.protocol === packet.protocol) &&
        ipEquals(one.source, 0, source, 0),
    );
  }

  #begin(packet: IpPacket, nowMs: number): Datagram {
    let datagram = this.#datagrams.find(({ untilMs }) => untilMs <= nowMs);
    if (datagram === undefined && this.#datagrams.length < DATAGRAMS_MAX) {
      datagram = new Datagram();
      this.#datagrams.push(datagram);
    }
    datagram ??= this.#datagrams.reduce((oldest, one) => (one.untilMs < oldest.untilMs ? one : oldest));
    datagram.begin(packet, nowMs + TIMEOUT_MS);
    return datagram;
  }

  #write(datagram: Datagram, family: 4 | 6): number {
    const { frame } = this;
    const { headers, headersLength, payload, length } = datagram;
    const ipLength = headersLength - ETHERNET_HEADER + length;
    const stated = family === 4 ? ipLength : ipLength - IPV6_HEADER;
    if (stated > IP_LENGTH_MAX || !datagram.ecnIsSound) return -1;
    writeVirtio(frame, 0, 0, GSO_NONE, 0, 0, 0, 0);
    copyBytes(frame, VIRTIO_HEADER, headers, 0, headersLength);
    frame.set(payload.subarray(0, length), VIRTIO_HEADER + headersLength);
    if (datagram.congested) setCongested(frame, family);
    if (family === 4) {
      setU16(frame, FRAME_IP + 2, stated);
      setU16(frame, FRAME_IP + 6, 0);
      ipv4HeaderChecksum(frame, FRAME_IP);
    } else setU16(frame, FRAME_IP + 4, stated);
    return FRAME_IP + ipLength;
  }
}

const SOURCE_SCRATCH = new Uint8Array(16);

/** RFC 791 §3.2, RFC 8200 §4.5 */
function isSound(packet: IpPacket): boolean {
  const { transportLength, fragmentOffset, moreFragments } = packet;
  if (transportLength === 0 || fragmentOffset + transportLength > IP_LENGTH_MAX) return false;
  return (!moreFragments || transportLength % 8 === 0) && packet.headerChecksumOk();
}

/** The traffic class of IPv6 lies across the first two bytes. RFC 8200 §3, RFC 791 §3.1 */
function setCongested(frame: Uint8Array, family: 4 | 6): void {
  frame[FRAME_IP + 1] = getU8(frame, FRAME_IP + 1) | (family === 4 ? ECN_CE : ECN_CE << 4);
}
