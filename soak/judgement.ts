/** What a round must come to, and what all rounds do. Pure. */
import type { Demands } from '../src/lab/demands.ts';
import type { LabResult } from '../src/lab/result.ts';
import type { ClientTally } from './clients/orders.ts';
import { faultText, type RoundPlan } from './plan.ts';

export interface RoundOutcome {
  readonly plan: RoundPlan;
  /** Sentences; none: it went as it must. */
  readonly problems: readonly string[];
  /** Where the evidence is, if there were problems. */
  readonly folder: string;
  readonly failovers: number;
  /** That clients have checked. */
  readonly bytes: number;
  /** See `stallsOf`. */
  readonly stallsMs: readonly number[];
  readonly durationMs: number;
}

/** `soak --json`. */
export interface SoakResult {
  readonly ok: boolean;
  readonly seed: number;
  /** That were carried out. */
  readonly rounds: number;
  readonly failed: number;
  readonly failovers: number;
  /** Of rounds whose only fault was one that the backup takes over at: the longest stall of each. */
  readonly stall: { readonly n: number; readonly p50Ms: number; readonly p95Ms: number; readonly maxMs: number };
  readonly failures: readonly { round: number; problems: readonly string[]; folder: string; command: string }[];
  readonly interrupted: boolean;
}

export function demandsOf({ expected, faults, traffic }: RoundPlan): Demands {
  return { failovers: expected.failovers, faults: faults.map(faultText), connections: traffic.length };
}

/** Of connections that were open at the first fault, and on which the client never rests. */
export function stallsOf(result: LabResult): number[] {
  const firstMs = result.faults[0]?.atMs ?? Number.NEGATIVE_INFINITY;
  const { restlessPorts } = tallyOf(result);
  return result.connections
    .filter(({ openedMs, client }) => openedMs < firstMs && restlessPorts.includes(Number(client.split(':').at(-1))))
    .map(({ stallMs }) => stallMs);
}

/** Nothing, where the client did not come to say it. */
export function tallyOf({ client }: LabResult): ClientTally {
  try {
    return JSON.parse(client.stdout);
  } catch {
    return { bytes: 0, restlessPorts: [] };
  }
}

export function soakResult(seed: number, outcomes: readonly RoundOutcome[], interrupted: boolean): SoakResult {
  const failures = outcomes.filter(({ problems }) => problems.length > 0);
  const takeovers = outcomes.filter(
    ({ plan, problems, stallsMs }) => plan.plainTakeover && problems.length === 0 && stallsMs.length > 0,
  );
  const stallsMs = takeovers.map((one) => Math.max(0, ...one.stallsMs)).sort((one, other) => one - other);
  return {
    ok: failures.length === 0 && !interrupted,
    seed,
    rounds: outcomes.length,
    failed: failures.length,
    failovers: outcomes.reduce((sum, one) => sum + one.failovers, 0),
    stall: {
      n: stallsMs.length,
      p50Ms: percentile(stallsMs, 0.5),
      p95Ms: percentile(stallsMs, 0.95),
      maxMs: stallsMs.at(-1) ?? 0,
    },
    failures: failures.map(({ plan, problems, folder }) => ({
      round: plan.round,
      problems,
      folder,
      command: repeatCommand(plan),
    })),
    interrupted,
  };
}

export function repeatCommand({ seed, round, ipv6, backup, cable }: RoundPlan): string {
  const conditions = [
    ...(ipv6 ? [' --family 6'] : []),
    ...(backup === 'cold' ? [' --backup cold'] : []),
    ...(cable === undefined ? [] : [` --cable ${cable}`]),
  ];
  return `npm run soak -- --seed ${seed} --round ${round}${conditions.join('')}`;
}

/** The last line. */
export function summaryLine({ rounds, seed, failed, failovers, stall, interrupted }: SoakResult): string {
  const { n, p50Ms, p95Ms, maxMs } = stall;
  const stalls =
    n === 0
      ? 'no plain takeover'
      : `stall p50 ${p50Ms.toFixed(1)} p95 ${p95Ms.toFixed(1)} max ${maxMs.toFixed(1)} ms in ${n} plain takeovers`;
  const counted = `${rounds} round${rounds === 1 ? '' : 's'}, seed ${seed}, ${failed} failed, ${failovers} failovers`;
  return `soak: ${interrupted ? 'interrupted, ' : ''}${counted}, ${stalls}`;
}

/** By nearest rank. @param sorted ascending */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
