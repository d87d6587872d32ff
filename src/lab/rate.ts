/** Rates as `tc` writes them, and the token bucket that the lab shapes a cable with. */
import { FttcpError } from '../errors.ts';

const UNITS: Record<string, number> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };

/** `1gbit` → 1e9. @throws FttcpError `usage` */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmg]?bit)$/.exec(text.toLowerCase());
  const bitsPerSecond = match ? Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0) : 0;
  if (!(bitsPerSecond >= 8000)) {
    throw new FttcpError('usage', `The rate "${text}" is not understood: write for example 1gbit, 100mbit or 512kbit.`);
  }
  return bitsPerSecond;
}

/**
 * Arguments of `tc qdisc add dev DEV root …`. The bucket holds 1 ms of the rate and at least one 64 KB segment, which the
 * kernel would otherwise cut up; the queue holds 5 ms more, as a small switch does.
 */
export function shaping(bitsPerSecond: number): string {
  const burstBytes = Math.max(Math.ceil(bitsPerSecond / 8 / 1000), 70_000);
  const limitBytes = burstBytes + Math.max(Math.ceil((bitsPerSecond / 8 / 1000) * 5), 70_000);
  return `tbf rate ${Math.round(bitsPerSecond)}bit burst ${burstBytes} limit ${limitBytes}`;
}
