/**
 * Preloaded into the daemons (`NODE_OPTIONS=--import`) when the benchmarks want to know where the time goes: V8's sampling
 * profiler in the data worker, from its start to its end in good order. Other threads and programs are left alone.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { hostname } from 'node:os';
import path from 'node:path';
import { isMainThread, workerData } from 'node:worker_threads';

/** Each sample is a signal, which also ends a wait: more of them would make an idle loop look busy. */
const INTERVAL_US = 1000;

const directory = process.env.FTTCP_BENCH_PROFILES;
const isDataWorker = !isMainThread && typeof workerData === 'object' && workerData !== null && 'tunFd' in workerData;

if (isDataWorker && directory !== undefined) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US });
  session.post('Profiler.start');
  // The data loop never returns to Node's own: this runs when the loop has ended, and posts are carried out at once.
  process.once('exit', () =>
    session.post('Profiler.stop', (error, result) => {
      if (error !== null) return;
      const file = path.join(directory, `${hostname()}.cpuprofile`);
      writeFileSync(`${file}.part`, JSON.stringify(result.profile));
      // Whoever waits for the file finds it whole.
      renameSync(`${file}.part`, file);
    }),
  );
}
