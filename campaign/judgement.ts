/** Whether a round went as it must, and what all rounds come to. Pure. */
import { shellQuote } from '../src/daemon/enclosure-init.ts';
import { median, percentile, round } from '../src/experiments/statistics.ts';
import { plainText } from '../src/experiments/table.ts';
import { problemsOf as unmetDemands } from '../src/lab/demands.ts';
import { type LabResult, size } from '../src/lab/result.ts';
import { type Conditions, faultText, planText, type RoundPlan } from './plan.ts';
import type { Look } from './round.ts';

export interface RoundOutcome {
  readonly plan: RoundPlan;
  /** The client ended, as it should, before a host took over: the round has shown nothing. */
  readonly isTooEarly: boolean;
  /** Sentences; none: it went as it must. */
  readonly problems: readonly string[];
  /** Where the evidence is, if there were problems. */
  readonly folder: string;
  /** The longest of any connection. */
  readonly stallMs: number;
  /** How long the client took, without that. */
  readonly lengthMs: number;
  /** Until shortly before the power-off. */
  readonly look: Look;
}

interface Spread {
  readonly n: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

/** Of one server, or of one of its clients. */
export interface Sum {
  readonly rounds: number;
  readonly failed: number;
  /** Runs that were repeated, because the client had ended before a host took over. */
  readonly tooEarly: number;
  readonly stall: Spread;
  /** Of the backup's server, at every look before the power-off; `n` is 0 where there is none. */
  readonly lag: Spread;
  /** By the primary's server, until shortly before the power-off. */
  readonly recordedBytes: number;
}

/** `campaign --json`. */
export interface CampaignResult {
  readonly ok: boolean;
  readonly seed: number;
  readonly backup: string;
  readonly rounds: number;
  readonly failed: number;
  readonly servers: Readonly<Record<string, Sum & { readonly clients: Readonly<Record<string, Sum>> }>>;
  readonly failures: readonly {
    server: string;
    client: string;
    round: number;
    problems: readonly string[];
    folder: string;
    command: string;
  }[];
  /** Servers that were left out, and why. */
  readonly missing: Readonly<Record<string, string>>;
  readonly interrupted: boolean;
}

export function problemsOf(plan: RoundPlan, result: LabResult): string[] {
  if (isTooEarly(result)) return [];
  // Connections to further ports of a server are not among those that the lab follows; what becomes of them, their client says.
  return unmetDemands({ failovers: { least: 1, most: 1 }, faults: [faultText(plan)], connections: 0 }, result);
}

/** All went well, but for what was still to come. A client that a takeover is denied does not end well. */
function isTooEarly({ ok, failovers, falsePromotions }: LabResult): boolean {
  return ok && failovers.length === 0 && falsePromotions === 0;
}

export function outcomeOf(
  plan: RoundPlan,
  folder: string,
  problems: readonly string[],
  result: LabResult | undefined,
  look: Look = { recordedBytes: 0, lagsMs: [] },
): RoundOutcome {
  const stallMs = Math.max(0, ...(result?.connections ?? []).map((one) => one.stallMs));
  return {
    plan,
    isTooEarly: result !== undefined && isTooEarly(result),
    problems,
    folder,
    stallMs,
    lengthMs: (result?.client.durationMs ?? 0) - stallMs,
    look,
  };
}

export function outcomeText(outcome: RoundOutcome): string[] {
  const { plan, isTooEarly, problems, folder, stallMs, lengthMs } = outcome;
  const what = planText(plan);
  if (isTooEarly) return [`${what}, too early: the client ended after ${lengthMs.toFixed(0)} ms`];
  const stall = `stall ${stallMs.toFixed(1)} ms`;
  if (problems.length === 0) return [`${what}, ${stall}, survived`];
  return [
    `${what}, ${stall}, FAILED`,
    ...problems.map((problem) => `  ${problem}`),
    `  evidence: ${folder}`,
    `  again:    ${repeatCommand(plan)}`,
  ];
}

export function repeatCommand({ server, client, seed, round, atMs, backup, load }: RoundPlan): string {
  const words = [
    server,
    `--client ${shellQuote(client)}`,
    `--backup ${backup}`,
    `--seconds ${load.seconds}`,
    `--bytes ${load.bytes}B`,
    `--seed ${seed}`,
    `--round ${round}`,
    `--at ${atMs}ms`,
  ];
  return `npm run campaign -- ${words.join(' ')}`;
}

export function campaignResult(
  { seed, backup }: Conditions,
  outcomes: readonly RoundOutcome[],
  missing: Readonly<Record<string, string>>,
  interrupted: boolean,
): CampaignResult {
  const all = sumOf(outcomes);
  const groups = grouped(outcomes, ({ plan }) => plan.server).map(([server, ofServer]) => {
    const clients = grouped(ofServer, ({ plan }) => plan.client).map(([client, ofClient]) => [client, sumOf(ofClient)]);
    return [server, { ...sumOf(ofServer), clients: Object.fromEntries(clients) }];
  });
  return {
    ok: all.failed === 0 && all.rounds > 0 && !interrupted,
    seed,
    backup,
    rounds: all.rounds,
    failed: all.failed,
    servers: Object.fromEntries(groups),
    failures: outcomes.filter(hasFailed).map(({ plan, problems, folder }) => {
      const { server, client, round } = plan;
      return { server, client, round, problems, folder, command: repeatCommand(plan) };
    }),
    missing,
    interrupted,
  };
}

const hasFailed = ({ problems }: RoundOutcome): boolean => problems.length > 0;

function sumOf(outcomes: readonly RoundOutcome[]): Sum {
  const done = outcomes.filter(({ isTooEarly }) => !isTooEarly);
  const survived = done.filter((one) => !hasFailed(one));
  return {
    rounds: done.length,
    failed: done.length - survived.length,
    tooEarly: outcomes.length - done.length,
    stall: spreadOf(survived.map(({ stallMs }) => stallMs)),
    lag: spreadOf(survived.flatMap(({ look }) => look.lagsMs)),
    recordedBytes: survived.reduce((sum, { look }) => sum + look.recordedBytes, 0),
  };
}

function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return { n: 0, medianMs: 0, p95Ms: 0, maxMs: 0 };
  return {
    n: values.length,
    medianMs: round(median(values), 1),
    p95Ms: round(percentile(values, 95), 1),
    maxMs: round(percentile(values, 100), 1),
  };
}

/** In the order in which the names appear. */
function grouped<T>(all: readonly T[], nameOf: (one: T) => string): [string, T[]][] {
  const names = [...new Set(all.map(nameOf))];
  return names.map((name) => [name, all.filter((one) => nameOf(one) === name)]);
}

/** For people, before the last line. */
export function tableText({ servers }: CampaignResult): string {
  const ms = ({ n, medianMs, p95Ms, maxMs }: Spread) =>
    n === 0 ? ['-', '-', '-'] : [medianMs, p95Ms, maxMs].map((value) => value.toFixed(1));
  return plainText({
    title: 'milliseconds: median, p95 and most',
    head: ['', 'rounds', 'failed', 'stall', '', '', 'lag', '', '', 'recorded'],
    rows: Object.entries(servers).map(([name, { rounds, failed, stall, lag, recordedBytes }]) => [
      name,
      String(rounds),
      String(failed),
      ...ms(stall),
      ...ms(lag),
      size(recordedBytes),
    ]),
  });
}

/** The last line. */
export function summaryLine({ servers, seed, backup, rounds, failed, interrupted }: CampaignResult): string {
  const names = Object.keys(servers).join(', ') || 'no server';
  const counted = `${rounds} round${rounds === 1 ? '' : 's'}`;
  return `campaign: ${interrupted ? 'interrupted, ' : ''}${names}, ${backup} backup, ${counted}, seed ${seed}, ${failed} failed`;
}
