/**
 * A slow and simple codec for the tests to compare with: one `DataView`, one field after another, every sum word by
 * word. It shares no code with src/wire.
 */

export function naiveSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] as number) * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

export function naiveChecksum(...parts: Uint8Array[]): number {
  return 0xffff - naiveSum(joined(...parts));
}

export function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s+/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export type NaiveOption =
  | { kind: 'mss'; mss: number }
  | { kind: 'windowScale'; shift: number }
  | { kind: 'sackPermitted' }
  | { kind: 'timestamps'; tsVal: number; tsEcr: number }
  | { kind: 'sack'; blocks: [number, number][] }
  | { kind: 'nop' }
  | { kind: 'raw'; bytes: readonly number[] };

export interface NaiveSegment {
  /** 4 bytes each for IPv4, 16 for IPv6. */
  source: Uint8Array;
  destination: Uint8Array;
  ipOptions: Uint8Array;
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  urgentPointer: number;
  options: NaiveOption[];
  payload: Uint8Array;
}

function optionBytes(option: NaiveOption): readonly number[] {
  const u32 = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
  switch (option.kind) {
    case 'mss':
      return [2, 4, option.mss >> 8, option.mss & 255];
    case 'windowScale':
      return [3, 3, option.shift];
    case 'sackPermitted':
      return [4, 2];
    case 'timestamps':
      return [8, 10, ...u32(option.tsVal), ...u32(option.tsEcr)];
    case 'sack':
      return [5, 2 + option.blocks.length * 8, ...option.blocks.flat().flatMap(u32)];
    case 'nop':
      return [1];
    case 'raw':
      return option.bytes;
  }
}

export function tcpOptionBytes(options: NaiveOption[]): Uint8Array {
  const bytes = options.flatMap(optionBytes);
  while (bytes.length % 4 !== 0) bytes.push(0);
  return Uint8Array.from(bytes);
}

/** A whole packet with right checksums. */
export function encode(segment: NaiveSegment): Uint8Array {
  const options = tcpOptionBytes(segment.options);
  const tcp = joined(new Uint8Array(20), options, segment.payload);
  const view = new DataView(tcp.buffer);
  view.setUint16(0, segment.sourcePort);
  view.setUint16(2, segment.destinationPort);
  view.setUint32(4, segment.seq);
  view.setUint32(8, segment.ack);
  view.setUint8(12, ((20 + options.length) / 4) << 4);
  view.setUint8(13, segment.flags);
  view.setUint16(14, segment.window);
  view.setUint16(18, segment.urgentPointer);
  view.setUint16(16, naiveChecksum(pseudoHeader(segment, tcp.length), tcp));
  return joined(ipHeader(segment, tcp.length), tcp);
}

export function pseudoHeader(ends: Pick<NaiveSegment, 'source' | 'destination'>, length: number): Uint8Array {
  const fixed = new DataView(new ArrayBuffer(8));
  fixed.setUint32(0, length);
  fixed.setUint32(4, 6);
  return joined(ends.source, ends.destination, new Uint8Array(fixed.buffer));
}

function ipHeader(segment: NaiveSegment, tcpLength: number): Uint8Array {
  const addresses = joined(segment.source, segment.destination);
  if (segment.source.length === 16) {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, 0x60000000);
    view.setUint16(4, segment.ipOptions.length + tcpLength);
    view.setUint8(6, segment.ipOptions.length === 0 ? 6 : 60);
    view.setUint8(7, 64);
    return joined(new Uint8Array(view.buffer), addresses, segment.ipOptions);
  }
  const header = joined(new Uint8Array(12), addresses, segment.ipOptions);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x40 | (header.length / 4));
  view.setUint16(2, header.length + tcpLength);
  view.setUint16(6, 0x4000);
  view.setUint8(8, 64);
  view.setUint8(9, 6);
  view.setUint16(10, naiveChecksum(header));
  return header;
}
