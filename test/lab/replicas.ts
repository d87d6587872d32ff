// What lab tests ask of replicas that run.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestStatus } from '../../src/daemon/control.ts';
import type { Status } from '../../src/daemon/status.ts';
import type { RunningReplica } from '../../src/lab/service.ts';

const POLL_MS = 10;

export function named(replicas: readonly RunningReplica[], wanted: string): RunningReplica {
  const found = replicas.find(({ name }) => name === wanted);
  assert.ok(found !== undefined, `host ${wanted} runs`);
  return found;
}

/** Looks at the status of a host again and again, until enough has been seen or the lab is gone. */
export async function watch({ control }: RunningReplica, see: (status: Status) => boolean): Promise<void> {
  for (let ended = false; !ended && existsSync(control); ) {
    const status = await requestStatus(control).catch(() => undefined);
    ended = status !== undefined && see(status);
    await sleep(POLL_MS);
  }
}
