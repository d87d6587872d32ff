/**
 * Clocks. `performance.now()` counts from the start of *its own thread*, so two workers cannot compare readings; this one counts
 * from the boot of the host (CLOCK_MONOTONIC), the same for all threads and processes. It allocates nothing.
 */

const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds since boot, to the microsecond and below. */
export function monotonicMs(): number {
  return offsetMs + performance.now();
}

/** Milliseconds since 1970; steps when the operator or NTP sets the clock. */
export function realtimeMs(): number {
  return Date.now();
}
