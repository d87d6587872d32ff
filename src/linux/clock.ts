/**
 * Clocks. `performance.now()` counts from the start of *its own thread*, so two workers cannot compare readings; this one counts
 * from the boot of the host (CLOCK_MONOTONIC), the same for all threads and processes. It allocates nothing.
 */
import { libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const TIMER_ABSTIME = 1;

const OFFSET_READINGS = 10;

const offsetMs = readOffsetMs();

/** What is to be added to `performance.now()`. Of several readings the one between the two closest others: the first takes long. */
function readOffsetMs(): number {
  let offset = 0;
  let closestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < OFFSET_READINGS; i++) {
    const beforeMs = performance.now();
    const monotonic = Number(process.hrtime.bigint()) / 1e6;
    const afterMs = performance.now();
    if (afterMs - beforeMs >= closestMs) continue;
    closestMs = afterMs - beforeMs;
    offset = monotonic - (beforeMs + afterMs) / 2;
  }
  return offset;
}

/** Milliseconds since boot, to the microsecond and below. */
export function monotonicMs(): number {
  return offsetMs + performance.now();
}

const reading = allocate(16);
const readingWords = new Uint32Array(reading.buffer);

/** Milliseconds since 1970, as finely as the kernel stamps packets; steps when the operator or NTP sets the clock. */
export function realtimeMs(): number {
  libc.clockGettime(CLOCK_REALTIME, addressOf(reading));
  // The seconds fit until 2106.
  return (readingWords[0] ?? 0) * 1000 + (readingWords[2] ?? 0) / 1e6;
}

const until = allocate(16);
const untilWords = new Int32Array(until.buffer);

/** Keeps the thread asleep until `monotonicMs` reaches this. May return early, when a signal comes. */
export function sleepUntil(atMs: number): void {
  const seconds = Math.floor(atMs / 1000);
  untilWords[0] = seconds;
  untilWords[2] = (atMs - seconds * 1000) * 1e6;
  libc.clockNanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, addressOf(until), 0);
}
