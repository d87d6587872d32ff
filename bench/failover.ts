/**
 * Failover: the primary's host loses its power again and again, under four loads, and the client's packets say for how long nothing
 * went on. Everything over a LAN of 1 Gb/s, with clients that check every byte.
 */
import { FttcpError } from '../src/errors.ts';
import type { LabResult } from '../src/lab/result.ts';
import type { LabEvent } from '../src/lab/run.ts';
import { type BenchRun, type BenchRunResult, type BenchSettings, nodeCommand, runBench } from './lab.ts';
import { type FailoverResult, type FailoverStalls, LOADS, type Load } from './results.ts';
import { median, percentile, round } from './statistics.ts';

export const FAILOVER_RATE = '1gbit';
const PORT = 7000;
/** Two seconds at that rate. */
const TRANSFER_BYTES = 240_000_000;
const LINES_MS = 2000;
const CLIENT_TIMEOUT_MS = 20_000;
/**
 * Into the middle of the load, when the hosts have run for long enough for their detectors to count; spread, so that no round meets the same
 * moment of anybody's timer.
 */
const FAULT_AT_MS = 1400;
const ATTEMPTS = 5;
const SPREAD_MS = 50;
const SPREAD_STEP_MS = 7;

const STREAMS = nodeCommand('bench/stream-server.js');
const ECHO = nodeCommand('examples/echo-server.js');
const RUNS: Readonly<Record<Load, Pick<BenchRun, 'server' | 'client'>>> = {
  up: { server: STREAMS, client: nodeCommand('bench/clients/transfer.js', 'up', TRANSFER_BYTES) },
  down: { server: STREAMS, client: nodeCommand('bench/clients/transfer.js', 'down', TRANSFER_BYTES) },
  echo: { server: ECHO, client: nodeCommand('bench/clients/lines.js', 'echo', LINES_MS) },
  pingpong: { server: ECHO, client: nodeCommand('bench/clients/lines.js', 'pingpong', LINES_MS) },
};

export interface Round {
  readonly stallMs: number;
  /** From the fault; undefined: nobody took over. */
  readonly detectedAfterMs: number | undefined;
  readonly promotedAfterMs: number | undefined;
  readonly ok: boolean;
  readonly falsePromotions: number;
}

export async function measureFailover(settings: BenchSettings): Promise<FailoverResult> {
  const count = settings.quick ? 5 : 15;
  const rounds: Record<Load, Round[]> = { up: [], down: [], echo: [], pingpong: [] };
  // Load by load within a round: a machine that gets slower slows all of them.
  for (let index = 0; index < count; index++) {
    for (const load of LOADS) {
      const atMs = FAULT_AT_MS + ((index * SPREAD_STEP_MS) % SPREAD_MS);
      const at = [`${atMs}ms:power-off:primary`];
      const { lab, falsePromotions } = await runLoaded(load, at, settings);
      const round = roundOf(lab, falsePromotions);
      rounds[load].push(round);
      settings.tell(`failover ${load} ${index + 1}/${count}: ${inWords(round, lab)}`);
    }
  }
  return {
    up: stallsOf(rounds.up),
    down: stallsOf(rounds.down),
    echo: stallsOf(rounds.echo),
    pingpong: stallsOf(rounds.pingpong),
  };
}

/** One in which the load ran when the fault came, or that failed. @throws FttcpError `bench-failover` when that cannot be had */
async function runLoaded(load: Load, at: readonly string[], settings: BenchSettings): Promise<BenchRunResult> {
  let falsePromotions = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let running = false;
    let wasRunning = false;
    const observe = (event: LabEvent) => {
      if (event.kind === 'client-output') running = true;
      else if (event.kind === 'fault') wasRunning = running;
    };
    const options = { ...RUNS[load], port: PORT, rate: FAILOVER_RATE, at, timeoutMs: CLIENT_TIMEOUT_MS, observe };
    const run = await runBench(options, settings);
    falsePromotions += run.falsePromotions;
    if (wasRunning || !run.lab.ok) return { lab: run.lab, falsePromotions };
    settings.tell(`failover ${load}: the power-off missed the load: repeated`);
  }
  throw new FttcpError(
    'bench-failover',
    `The power-off missed the load ${ATTEMPTS} times in a row: the client starts too late, or ends too early, on this machine.`,
  );
}

export function roundOf(lab: LabResult, falsePromotions: number): Round {
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

function inWords({ stallMs, detectedAfterMs, promotedAfterMs, ok }: Round, { client }: LabResult): string {
  const times =
    detectedAfterMs === undefined || promotedAfterMs === undefined
      ? 'nobody took over'
      : `detected after ${detectedAfterMs.toFixed(1)} ms, promoted after ${promotedAfterMs.toFixed(1)} ms`;
  const outcome = ok ? '' : `; FAILED, the client exited ${client.exitCode}: ${client.stdout.trim().slice(-200)}`;
  return `stall ${stallMs.toFixed(1)} ms, ${times}${outcome}`;
}

export function stallsOf(rounds: readonly Round[]): FailoverStalls {
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
