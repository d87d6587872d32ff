// What V8's helper threads may do. They have ordinary priority, and hold locks of the whole process, the allocator's among them, while
// they wait for a processor: a real-time thread that needs such a lock is as late as they are, which a peer may take for death.
import { setFlagsFromString } from 'node:v8';

/** From here on garbage of young objects is collected without helpers, in all threads. */
export function collectWithoutHelpers(): void {
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
}
