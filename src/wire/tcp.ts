/** The TCP header (RFC 9293 §3.1): offsets, flags, option kinds, and a writer. `segment.ts` has the view of a packet. */
import { setU16, setU32 } from './bytes.ts';
import type { Seq } from './seq.ts';

export const TCP_HEADER = 20;
/** Four bits of data offset: 15 words. RFC 9293 §3.1 */
export const TCP_HEADER_MAX = 60;

// Offsets of fields. RFC 9293 §3.1
export const TCP_DESTINATION_PORT = 2;
export const TCP_SEQ = 4;
export const TCP_ACK = 8;
export const TCP_DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
export const TCP_WINDOW = 14;
/** What a virtio header's `csum_offset` says for TCP. */
export const TCP_CHECKSUM = 16;
export const TCP_URGENT = 18;

// Flags. RFC 9293 §3.1
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

// Kinds of options. RFC 9293 §3.2
export const OPTION_END = 0;
export const OPTION_NOP = 1;
export const OPTION_MSS = 2;
export const OPTION_WINDOW_SCALE = 3; // RFC 7323 §2.2
export const OPTION_SACK_PERMITTED = 4; // RFC 2018 §2
export const OPTION_SACK = 5; // RFC 2018 §3
export const OPTION_TIMESTAMPS = 8; // RFC 7323 §3.2
export const OPTION_MPTCP = 30; // RFC 8684 §3
export const OPTION_FAST_OPEN = 34; // RFC 7413 §4.1.1
export const OPTION_EXPERIMENT_1 = 253; // RFC 4727 §7.1; Fast Open before it had a kind of its own, among others
export const OPTION_EXPERIMENT_2 = 254;

/** A larger shift count counts as this one. RFC 7323 §2.3 */
export const WINDOW_SCALE_MAX = 14;

/** Writes the fixed part, its checksum zero; `headerLength` includes the options, a multiple of 4. */
export function writeTcpHeader(
  bytes: Uint8Array,
  offset: number,
  sourcePort: number,
  destinationPort: number,
  seq: Seq,
  ack: Seq,
  headerLength: number,
  flags: number,
  window: number,
  urgentPointer: number,
): void {
  setU16(bytes, offset, sourcePort);
  setU16(bytes, offset + TCP_DESTINATION_PORT, destinationPort);
  setU32(bytes, offset + TCP_SEQ, seq);
  setU32(bytes, offset + TCP_ACK, ack);
  bytes[offset + TCP_DATA_OFFSET] = headerLength << 2;
  bytes[offset + TCP_FLAGS] = flags;
  setU16(bytes, offset + TCP_WINDOW, window);
  setU16(bytes, offset + TCP_CHECKSUM, 0);
  setU16(bytes, offset + TCP_URGENT, urgentPointer);
}
