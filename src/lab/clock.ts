/** The lab's times: its one clock, waiting, and times as people write them. */
import { FttcpError } from '../errors.ts';
import { realtimeMs } from '../linux/clock.ts';

const TIME = /^(\d+(?:\.\d+)?)(us|ms|s|m)?$/;
const TIME_UNITS_MS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** What the lab starts is there after a second or two, and on a machine with much other work later. After this it will not be. */
export const READY_TIMEOUT_MS = 90_000;

/** `250ms` → 250; a bare number is seconds. @throws FttcpError `usage` */
export function parseTimeMs(text: string): number {
  const match = TIME.exec(text);
  if (!match) throw new FttcpError('usage', `The time "${text}" is not understood: write for example 1s or 250ms.`);
  return Number(match[1]) * (TIME_UNITS_MS[match[2] ?? 's'] ?? 1000);
}

/** Wall time in milliseconds with microseconds, so that it compares with packet and log stamps. */
export const wallMs = realtimeMs;

/** Polls `condition` until it holds; gives up at the deadline or when `signal` is aborted, and then returns undefined. */
export async function until<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs: number; everyMs?: number; signal?: AbortSignal | undefined },
): Promise<T | undefined> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= deadline || options.signal?.aborted) return undefined;
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 5));
  }
}
