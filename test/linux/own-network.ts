/**
 * For tests that need interfaces: moves the main thread of this test file's process, and so every process that it starts, into an empty network
 * namespace that ends with it. The host's network is never touched.
 */

import type { Need } from '../../src/lab/needs.ts';
import { newNetworkNamespace } from '../../src/linux/namespaces.ts';
import { needs } from '../needs.ts';

/** False when the file now has a network of its own, or why its tests must be skipped. */
export function ownNetwork(need: Need = 'namespaces'): string | false {
  const missing = needs(need);
  if (missing === false) newNetworkNamespace();
  return missing;
}

/** Polls for a condition with a deadline. */
export async function until(what: string, condition: () => boolean, deadlineMs = 5000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
