// What lab tests of a recovery that is drawn out share: an upload over a LAN of 100 Mb/s, in whose middle the primary loses its power.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { requestStatus } from '../../src/daemon/control.ts';
import { nodeCommand } from '../../src/experiments/measured-run.ts';
import type { FlowReport } from '../../src/lab/flow.ts';
import type { DaemonEvent } from '../../src/lab/result.ts';
import type { LabTrace } from '../../src/lab/run.ts';
import type { RunningReplica } from '../../src/lab/service.ts';
import { type Scenario, survives } from './failover.ts';

/** 1.6 s at that rate. */
export const UPLOAD_BYTES = 20_000_000;
export const RECOVERY_DELAY_MS = 800;
const POLL_MS = 50;

export const STREAM = { server: nodeCommand('src/experiments/programs/stream-server.js'), port: 7000 } as const;

export function transfer(direction: 'up' | 'down', bytes: number): string {
  return nodeCommand('src/experiments/programs/transfer.js', direction, bytes);
}

export interface Seen {
  readonly events: readonly DaemonEvent[];
  /** The upload's, which is the first. */
  readonly flow: FlowReport;
  readonly flows: readonly FlowReport[];
  /** How many frames the backup had snooped, as it said last before the crash. */
  readonly snoopedBefore: number;
  /** Of the host that took over, after the client's end. */
  readonly counters: Readonly<Record<string, number>>;
}

/** The stream server has checked each byte, or the client would have failed. */
export async function crashedUpload({
  bytes = UPLOAD_BYTES,
  ...scenario
}: Partial<Scenario> & { bytes?: number }): Promise<Seen> {
  let trace: LabTrace | undefined;
  let counters: Readonly<Record<string, number>> = {};
  let [crashed, snoopedBefore] = [false, Number.NaN];
  const listen = async ({ control }: RunningReplica) => {
    while (!crashed && existsSync(control)) {
      const { snooped = 0 } = (await requestStatus(control)).counters;
      if (!crashed) snoopedBefore = snooped;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  await survives({
    ...STREAM,
    client: transfer('up', bytes),
    rate: '100mbit',
    recoveryDelay: `${RECOVERY_DELAY_MS}ms`,
    at: ['700ms:power-off:primary'],
    inspect: (seen) => {
      trace = seen;
    },
    examine: async (when, replicas) => {
      const backup = replicas.find(({ name }) => name === 'b');
      assert.ok(backup !== undefined);
      if (when === 'before') void listen(backup);
      else ({ counters } = await requestStatus(backup.control));
    },
    ...scenario,
    observe: (event) => {
      scenario.observe?.(event);
      crashed ||= event.kind === 'fault';
    },
  });
  const { events = [], flows = [] } = trace ?? {};
  const [flow] = flows;
  assert.ok(flow !== undefined && flow.bytesIn > bytes, `${flow?.bytesIn} bytes`);
  return { events, flow, flows, snoopedBefore, counters };
}

/** When the host that took over told so. */
export function toldAtMs({ events }: Seen, event: string): number {
  const found = events.find((one) => one.host === 'b' && one.event === event);
  assert.ok(found !== undefined, `${event} in ${JSON.stringify(events)}`);
  return found.atMs;
}
