/**
 * One failover as a client feels it: the primary's host loses its power in the middle of a load, and the client's packets say for
 * how long nothing went on. The clients check every byte.
 */
import { FttcpError } from '../errors.ts';
import { parseRate } from '../lab/rate.ts';
import type { LabResult } from '../lab/result.ts';
import type { LabEvent, LabOptions } from '../lab/run.ts';
import { type MeasuredRun, type MeasureSettings, nodeCommand, runMeasured } from './measured-run.ts';
import { median, percentile, round } from './statistics.ts';

export const LOADS = ['up', 'down', 'echo', 'pingpong'] as const;
export type Load = (typeof LOADS)[number];

export interface FailoverStalls {
  readonly n: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  /** From the fault to the suspicion, and to the promotion; null: nobody ever took over. */
  readonly detectedP50Ms: number | null;
  readonly promotedP50Ms: number | null;
  /** Rounds repeated because the hosts had parted before the fault. */
  readonly falsePromotions: number;
  /** Rounds among the n in which the connection was lost, a byte was wrong, or nobody took over. */
  readonly failed: number;
}

export interface StallRound {
  readonly stallMs: number;
  /** From the fault; undefined: nobody took over. */
  readonly detectedAfterMs: number | undefined;
  readonly promotedAfterMs: number | undefined;
  readonly ok: boolean;
  readonly falsePromotions: number;
}

const PORT = 7000;
/** Of the load at full rate. */
const LOAD_MS = 2000;
const CLIENT_TIMEOUT_MS = 20_000;
/**
 * Into the middle of the load, when the hosts have run for long enough for their detectors to count; spread, so that no round meets the same
 * moment of anybody's timer.
 */
const FAULT_AT_MS = 1400;
const SPREAD_MS = 50;
const SPREAD_STEP_MS = 7;
const ATTEMPTS = 5;

/** How the service runs, and over what LAN. */
export type Circumstances = Partial<LabOptions> & { readonly rate: string };

/** @param index of the round */
export async function stallRound(
  load: Load,
  index: number,
  circumstances: Circumstances,
  settings: MeasureSettings,
): Promise<StallRound> {
  const atMs = FAULT_AT_MS + ((index * SPREAD_STEP_MS) % SPREAD_MS);
  const run = {
    ...circumstances,
    ...programsOf(load, circumstances.rate),
    port: PORT,
    at: [`${atMs}ms:power-off:primary`],
    timeoutMs: CLIENT_TIMEOUT_MS,
  };
  let falsePromotions = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let running = false;
    let wasRunning = false;
    const observe = (event: LabEvent) => {
      if (event.kind === 'client-output') running = true;
      else if (event.kind === 'fault') wasRunning = running;
    };
    const measured = await runMeasured({ ...run, observe }, settings);
    falsePromotions += measured.falsePromotions;
    if (wasRunning || !measured.lab.ok) return roundOf(measured.lab, falsePromotions);
    settings.tell(`${load}: the power-off missed the load: repeated`);
  }
  throw new FttcpError(
    'lab-missed',
    `The power-off missed the load ${ATTEMPTS} times in a row: the client starts too late, or ends too early, on this machine.`,
  );
}

function programsOf(load: Load, rate: string): Pick<MeasuredRun, 'server' | 'client'> {
  if (load === 'echo' || load === 'pingpong') {
    const client = nodeCommand('src/experiments/programs/lines.js', load, LOAD_MS);
    return { server: nodeCommand('examples/echo-server.js'), client };
  }
  const bytes = Math.round((parseRate(rate) / 8) * (LOAD_MS / 1000));
  const client = nodeCommand('src/experiments/programs/transfer.js', load, bytes);
  return { server: nodeCommand('src/experiments/programs/stream-server.js'), client };
}

export function roundOf(lab: LabResult, falsePromotions: number): StallRound {
  const { connections, failovers } = lab;
  const [failover] = failovers;
  return {
    stallMs: Math.max(0, ...connections.map((one) => one.stallMs)),
    detectedAfterMs: failover?.detectedAfterMs,
    promotedAfterMs: failover?.promotedAfterMs,
    ok: lab.ok && connections.length > 0 && failovers.length === 1,
    falsePromotions,
  };
}

export function roundInWords({ stallMs, detectedAfterMs, promotedAfterMs, ok }: StallRound): string {
  const times =
    detectedAfterMs === undefined || promotedAfterMs === undefined
      ? 'nobody took over'
      : `detected after ${detectedAfterMs.toFixed(1)} ms, promoted after ${promotedAfterMs.toFixed(1)} ms`;
  return `stall ${stallMs.toFixed(1)} ms, ${times}${ok ? '' : '; FAILED'}`;
}

export function stallsOf(rounds: readonly StallRound[]): FailoverStalls {
  const stallsMs = rounds.map((one) => one.stallMs);
  const middle = (values: readonly (number | undefined)[]): number | null => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? null : round(median(known), 2);
  };
  return {
    n: rounds.length,
    p50Ms: round(median(stallsMs), 2),
    p95Ms: round(percentile(stallsMs, 95), 2),
    maxMs: round(Math.max(...stallsMs), 2),
    detectedP50Ms: middle(rounds.map((one) => one.detectedAfterMs)),
    promotedP50Ms: middle(rounds.map((one) => one.promotedAfterMs)),
    falsePromotions: rounds.reduce((sum, one) => sum + one.falsePromotions, 0),
    failed: rounds.filter((one) => !one.ok).length,
  };
}
