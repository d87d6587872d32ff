/** What `iperf3 --json` says at the client. Pure. */
import { FttcpError } from '../src/errors.ts';

export interface IperfReport {
  /** Payload that arrived, without what was sent in the time to omit. */
  readonly receivedBytes: number;
  readonly receivedMbps: number;
}

/** @throws FttcpError `bench-iperf` with iperf3's own complaint */
export function parseIperf(text: string): IperfReport {
  let report: Report;
  try {
    report = JSON.parse(text);
  } catch (cause) {
    throw new FttcpError('bench-iperf', `iperf3 gave no JSON: ${text.slice(0, 200)}`, { cause });
  }
  if (report.error !== undefined) throw new FttcpError('bench-iperf', `iperf3 failed: ${report.error}`);
  const received = report.end?.sum_received;
  if (!received?.bytes || !received.bits_per_second) {
    throw new FttcpError('bench-iperf', 'iperf3 reports nothing received');
  }
  return { receivedBytes: received.bytes, receivedMbps: received.bits_per_second / 1e6 };
}

interface Report {
  readonly error?: string;
  readonly end?: { readonly sum_received?: { readonly bytes?: number; readonly bits_per_second?: number } };
}
