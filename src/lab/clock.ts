/** The lab's one clock: wall time in milliseconds with microseconds, so that it compares with packet and log stamps. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

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
