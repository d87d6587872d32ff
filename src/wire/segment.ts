/**
 * THE view of the hot path: one IP packet, and the TCP segment in it. `parse` looks at the lengths once; after it has
 * returned '' no accessor can fail or reach beyond the packet. One `Segment` is meant to be used again and again.
 *
 * The setters write through to the packet and leave its checksum alone: where a virtio header says NEEDS_CSUM, the
 * checksum field holds the pseudo-header's sum, which none of them changes but `setDataLength`. Elsewhere the caller
 * fills it in again, by `fillFullChecksum` or the incremental updates of `checksum.ts`.
 */
import { assert } from '../errors.ts';
import { getU8, getU16, getU32, setU16, setU32 } from './bytes.ts';
import { checksum, foldSum, pseudoHeaderSum, sumBytes } from './checksum.ts';
import { IpPacket, PROTOCOL_TCP } from './ip.ts';
import { type Seq, seq } from './seq.ts';
import {
  FIN,
  OPTION_END,
  OPTION_EXPERIMENT_1,
  OPTION_EXPERIMENT_2,
  OPTION_FAST_OPEN,
  OPTION_MPTCP,
  OPTION_MSS,
  OPTION_NOP,
  OPTION_SACK,
  OPTION_SACK_PERMITTED,
  OPTION_TIMESTAMPS,
  OPTION_WINDOW_SCALE,
  SYN,
  TCP_ACK,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_DESTINATION_PORT,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SEQ,
  TCP_URGENT,
  TCP_WINDOW,
  WINDOW_SCALE_MAX,
} from './tcp.ts';

const NO_SEQ = seq(0);
/** One SACK block: its left and its right edge. RFC 2018 §3 */
const SACK_BLOCK = 8;

export class Segment extends IpPacket {
  /** Whether this is a whole TCP segment with a valid header; all that follows counts only then. */
  isTcp = false;
  sourcePort = 0;
  destinationPort = 0;
  seq: Seq = NO_SEQ;
  ack: Seq = NO_SEQ;
  flags = 0;
  /** As the header has it: not scaled. */
  window = 0;
  urgentPointer = 0;
  /** Of the payload in `bytes`. */
  dataOffset = 0;
  dataLength = 0;

  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  /** Of TSval in `bytes`; TSecr is 4 bytes on. −1 without timestamps. */
  tsOffset = -1;
  /** Of a SYN; 0 without the option. */
  mss = 0;
  /** Of a SYN, at most 14; −1 without the option. */
  windowScale = -1;
  /** Of a SYN. */
  sackPermitted = false;
  sackCount = 0;
  /** Of the first block in `bytes`; −1 without SACK. */
  sackOffset = -1;
  hasMptcp = false;
  hasFastOpen = false;

  /**
   * Looks at the packet of at most `length` bytes from `offset` on. Returns '' for a whole packet of whatever protocol
   * (see `isTcp`, `isFragment`), else what is wrong: 'short', 'version', 'header-length', 'jumbo', 'extension-header',
   * 'routing-header', 'tcp-header', 'tcp-option'. Never throws.
   */
  parse(bytes: Uint8Array, offset: number, length: number): string {
    this.isTcp = false;
    const wrong = this.parseIp(bytes, offset, length);
    if (wrong !== '' || this.isFragment || this.protocol !== PROTOCOL_TCP) return wrong;
    return this.parseTcp();
  }

  /** SEG.LEN of RFC 9293 §3.3.1: data, SYN and FIN. */
  get segLen(): number {
    return this.dataLength + ((this.flags & SYN) >>> 1) + (this.flags & FIN);
  }

  /** The checksum field as it is. */
  get checksum(): number {
    return getU16(this.bytes, this.transportOffset + TCP_CHECKSUM);
  }

  setChecksum(value: number): void {
    setU16(this.bytes, this.transportOffset + TCP_CHECKSUM, value);
  }

  /** Whether the (full) checksum is right. RFC 9293 §3.1 */
  checksumOk(): boolean {
    return foldSum(sumBytes(this.bytes, this.transportOffset, this.transportLength, this.pseudoSum())) === 0xffff;
  }

  /** What VIRTIO_NEEDS_CSUM expects in the field: the folded sum of the pseudo-header, not complemented. */
  fillPartialChecksum(): void {
    this.setChecksum(foldSum(this.pseudoSum()));
  }

  fillFullChecksum(): void {
    this.setChecksum(0);
    this.setChecksum(checksum(this.bytes, this.transportOffset, this.transportLength, this.pseudoSum()));
  }

  setSeq(value: Seq): void {
    this.seq = value;
    setU32(this.bytes, this.transportOffset + TCP_SEQ, value);
  }

  setAck(value: Seq): void {
    this.ack = value;
    setU32(this.bytes, this.transportOffset + TCP_ACK, value);
  }

  setFlags(value: number): void {
    this.flags = value;
    this.bytes[this.transportOffset + TCP_FLAGS] = value;
  }

  setWindow(value: number): void {
    this.window = value;
    setU16(this.bytes, this.transportOffset + TCP_WINDOW, value);
  }

  /** Only with timestamps. */
  setTsVal(value: number): void {
    assert(this.tsOffset >= 0, 'TSval is set only where there are timestamps');
    this.tsVal = value >>> 0;
    setU32(this.bytes, this.tsOffset, value);
  }

  /** Only with timestamps. */
  setTsEcr(value: number): void {
    assert(this.tsOffset >= 0, 'TSecr is set only where there are timestamps');
    this.tsEcr = value >>> 0;
    setU32(this.bytes, this.tsOffset + 4, value);
  }

  /** Block `i` of `sackCount`. */
  sackLeft(i: number): Seq {
    return seq(getU32(this.bytes, this.sackOffset + i * SACK_BLOCK));
  }

  sackRight(i: number): Seq {
    return seq(getU32(this.bytes, this.sackOffset + i * SACK_BLOCK + 4));
  }

  setSackBlock(i: number, left: Seq, right: Seq): void {
    assert(i >= 0 && i < this.sackCount, 'a SACK block is set only where there is one');
    setU32(this.bytes, this.sackOffset + i * SACK_BLOCK, left);
    setU32(this.bytes, this.sackOffset + i * SACK_BLOCK + 4, right);
  }

  /** Drops the data's end; the pseudo-header changes with it, so fill in the checksum of either kind again. */
  setDataLength(length: number): void {
    assert(length >= 0 && length <= this.dataLength, 'a segment only shrinks');
    this.setTransportLength(this.transportLength - (this.dataLength - length));
    this.dataLength = length;
  }

  /**
   * Overwrites by NOPs the options of a SYN that a server taken over could not honour: MPTCP and Fast Open, which fall
   * back (RFC 8684 §3.7, RFC 7413 §4.2), and the experimental ones. Whether there were any.
   */
  removeSynOptions(): boolean {
    assert(this.isTcp, 'options are removed from a segment that was parsed');
    let removed = false;
    let at = this.transportOffset + TCP_HEADER;
    while (at < this.dataOffset) {
      const kind = getU8(this.bytes, at);
      if (kind === OPTION_END) break;
      const length = kind === OPTION_NOP ? 1 : getU8(this.bytes, at + 1);
      if (isRemovedFromSyn(kind)) {
        this.bytes.fill(OPTION_NOP, at, at + length);
        removed = true;
      }
      at += length;
    }
    this.hasMptcp = false;
    this.hasFastOpen = false;
    return removed;
  }

  private pseudoSum(): number {
    return pseudoHeaderSum(this.bytes, this.ipOffset, this.family, PROTOCOL_TCP, this.transportLength);
  }

  // RFC 9293 §3.1
  private parseTcp(): string {
    const { bytes, transportOffset, transportLength } = this;
    if (transportLength < TCP_HEADER) return 'tcp-header';
    const headerLength = (getU8(bytes, transportOffset + TCP_DATA_OFFSET) >>> 4) * 4;
    if (headerLength < TCP_HEADER || headerLength > transportLength) return 'tcp-header';
    this.sourcePort = getU16(bytes, transportOffset);
    this.destinationPort = getU16(bytes, transportOffset + TCP_DESTINATION_PORT);
    this.seq = seq(getU32(bytes, transportOffset + TCP_SEQ));
    this.ack = seq(getU32(bytes, transportOffset + TCP_ACK));
    this.flags = getU8(bytes, transportOffset + TCP_FLAGS);
    this.window = getU16(bytes, transportOffset + TCP_WINDOW);
    this.urgentPointer = getU16(bytes, transportOffset + TCP_URGENT);
    this.dataOffset = transportOffset + headerLength;
    this.dataLength = transportLength - headerLength;
    if (!this.parseOptions(transportOffset + TCP_HEADER, this.dataOffset)) return 'tcp-option';
    this.isTcp = true;
    return '';
  }

  /** RFC 9293 §3.2. Of an option that comes twice the last one counts, as it does for Linux behind this view. */
  private parseOptions(at: number, end: number): boolean {
    this.hasTimestamps = false;
    this.tsVal = 0;
    this.tsEcr = 0;
    this.tsOffset = -1;
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.sackCount = 0;
    this.sackOffset = -1;
    this.hasMptcp = false;
    this.hasFastOpen = false;
    while (at < end) {
      const kind = getU8(this.bytes, at);
      if (kind === OPTION_END) return true;
      if (kind === OPTION_NOP) {
        at++;
        continue;
      }
      // RFC 9293 §3.1, MUST-7: an illegal length, zero included, is expected.
      const length = at + 1 < end ? getU8(this.bytes, at + 1) : 0;
      if (length < 2 || at + length > end || !this.readOption(kind, at, length)) return false;
      at += length;
    }
    return true;
  }

  private readOption(kind: number, at: number, length: number): boolean {
    const isSyn = (this.flags & SYN) !== 0;
    switch (kind) {
      case OPTION_TIMESTAMPS:
        if (length !== 10) return false;
        this.hasTimestamps = true;
        this.tsOffset = at + 2;
        this.tsVal = getU32(this.bytes, at + 2);
        this.tsEcr = getU32(this.bytes, at + 6);
        return true;
      case OPTION_SACK:
        if (length < 2 + SACK_BLOCK || (length - 2) % SACK_BLOCK !== 0) return false;
        this.sackCount = (length - 2) / SACK_BLOCK;
        this.sackOffset = at + 2;
        return true;
      case OPTION_MSS: // RFC 9293 §3.7.1: only a SYN's counts
        if (length !== 4) return false;
        if (isSyn) this.mss = getU16(this.bytes, at + 2);
        return true;
      case OPTION_WINDOW_SCALE: // RFC 7323 §2.2: only a SYN's counts
        if (length !== 3) return false;
        if (isSyn) this.windowScale = Math.min(getU8(this.bytes, at + 2), WINDOW_SCALE_MAX);
        return true;
      case OPTION_SACK_PERMITTED: // RFC 2018 §2: only a SYN's counts
        if (length !== 2) return false;
        if (isSyn) this.sackPermitted = true;
        return true;
      case OPTION_MPTCP:
        this.hasMptcp = true;
        return true;
      case OPTION_FAST_OPEN:
        this.hasFastOpen = true;
        return true;
      default:
        return true;
    }
  }
}

function isRemovedFromSyn(kind: number): boolean {
  return (
    kind === OPTION_MPTCP || kind === OPTION_FAST_OPEN || kind === OPTION_EXPERIMENT_1 || kind === OPTION_EXPERIMENT_2
  );
}
