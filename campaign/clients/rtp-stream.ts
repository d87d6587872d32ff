/** Judges the packets of one RTP stream (RFC 3550) of the server in examples/rtsp: none may be missing, doubled, late or changed. */
import { wanted } from './client-program.ts';

const HEADER_BYTES = 12;
const VERSION_2 = 2;
/** RTCP, §12.1. */
const SENDER_REPORT = 200;

export class RtpStream {
  readonly #name: string;
  readonly #clockHz: number;
  readonly #judge: (payload: Buffer, marker: boolean) => void;
  #ssrc: number | undefined;
  #sequence: number | undefined;
  #timestamp: number | undefined;
  #reportedAt = 0n;
  /** Of the media so far, by its own clock. */
  #ticks = 0;
  packets = 0;

  /** @param judge sees each payload in order, and whether the packet has the marker bit */
  constructor(name: string, clockHz: number, judge: (payload: Buffer, marker: boolean) => void) {
    this.#name = name;
    this.#clockHz = clockHz;
    this.#judge = judge;
  }

  get mediaMs(): number {
    return (1000 * this.#ticks) / this.#clockHz;
  }

  take(packet: Buffer): void {
    wanted(`${this.#name}, RTP version`, packet.readUInt8(0) >> 6, VERSION_2);
    const sequence = packet.readUInt16BE(2);
    const timestamp = packet.readUInt32BE(4);
    this.#ssrc ??= packet.readUInt32BE(8);
    wanted(`${this.#name}, SSRC`, packet.readUInt32BE(8), this.#ssrc);
    wanted(`${this.#name}, sequence number`, sequence, ((this.#sequence ?? sequence - 1) + 1) % 0x10000);
    const advanced = (timestamp - (this.#timestamp ?? timestamp)) >>> 0;
    if (advanced >= 2 ** 31) throw new Error(`${this.#name}: the timestamp goes back at sequence number ${sequence}`);
    this.#sequence = sequence;
    this.#timestamp = timestamp;
    this.#ticks += advanced;
    this.packets++;
    this.#judge(packet.subarray(HEADER_BYTES), (packet.readUInt8(1) & 0x80) !== 0);
  }

  takeReport(report: Buffer): void {
    wanted(`${this.#name}, RTCP type`, report.readUInt8(1), SENDER_REPORT);
    this.#ssrc ??= report.readUInt32BE(4);
    wanted(`${this.#name}, SSRC of a report`, report.readUInt32BE(4), this.#ssrc);
    const at = report.readBigUInt64BE(8);
    if (at < this.#reportedAt) throw new Error(`${this.#name}: a report is older than the one before it`);
    this.#reportedAt = at;
  }
}

/** A picture in fragments, RFC 2435 §3.1: each begins where the last one ended, and the last one is marked. */
export function judgeJpeg(width: number, height: number): (payload: Buffer, marker: boolean) => void {
  const headBytes = 8;
  let expected = 0;
  return (payload, marker) => {
    const offset = payload.readUIntBE(1, 3);
    wanted('picture, fragment', offset, expected);
    wanted('picture, size', `${8 * payload.readUInt8(6)}x${8 * payload.readUInt8(7)}`, `${width}x${height}`);
    // The first fragment brings the quantization tables (§3.1.8).
    const tablesBytes = offset === 0 && payload.readUInt8(5) >= 128 ? 4 + payload.readUInt16BE(headBytes + 2) : 0;
    expected = marker ? 0 : offset + payload.length - headBytes - tablesBytes;
  };
}

/** A tone of so many samples a period: every sample is the same as a period before. */
export function judgeTone(periodSamples: number): (payload: Buffer) => void {
  let period = Buffer.alloc(0);
  let heard = 0;
  return (payload) => {
    period = Buffer.concat([period, payload]).subarray(0, periodSamples);
    for (const sample of payload) wanted('tone, sample', sample, period[heard++ % periodSamples]);
  };
}
