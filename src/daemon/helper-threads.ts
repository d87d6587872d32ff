// What V8's helper threads may do. They have ordinary priority, and hold locks of the whole process, the allocator's among them, while
// they wait for a processor: a real-time thread that needs such a lock is as late as they are. On a host with more to do than it
// has processors the detector was seen to stand still for 27 ms that way, which its peer takes for death. So the detector needs
// none of them: it compiles by itself, and so does every thread that collects garbage.
import { setFlagsFromString } from 'node:v8';

/** From here on garbage of young objects is collected without helpers, in all threads. */
export function collectWithoutHelpers(): void {
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
}

/** Threads that begin before `started` is settled compile without helpers as long as they live. */
export async function compileWithoutHelpers<T>(started: () => Promise<T>): Promise<T> {
  setFlagsFromString('--no-concurrent-recompilation');
  try {
    return await started();
  } finally {
    setFlagsFromString('--concurrent-recompilation');
  }
}
