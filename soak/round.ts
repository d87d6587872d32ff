/** One round: a fresh lab, the plan carried out, and what came of it. A round that failed leaves a folder behind. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FttcpError } from '../src/errors.ts';
import type { LabResult } from '../src/lab/result.ts';
import { runLab } from '../src/lab/run.ts';
import type { ClientOrders } from './clients/orders.ts';
import { problemsOf, type RoundOutcome, stallsOf, tallyOf } from './judgement.ts';
import { faultText, planText, type RoundPlan } from './plan.ts';
import { clientCommand, makeServerState, serverCommand, serverPath } from './servers.ts';
import { SERVERS } from './traffic.ts';

export interface RoundSettings {
  /** Where the folders of failed rounds go. */
  readonly out: string;
  readonly detectTimeout: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Beyond the plan: clients that were held up, and their last transfers. */
const PATIENCE_MS = 25_000;

/** @throws FttcpError `interrupted` */
export async function runRound(plan: RoundPlan, settings: RoundSettings): Promise<RoundOutcome> {
  const folder = path.join(settings.out, `${plan.seed}-${plan.round}`);
  // Of an earlier run of the same round.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const said: string[] = [];
  const startMs = performance.now();
  let result: LabResult | undefined;
  let problems: string[];
  try {
    result = await runPlan(plan, settings, folder, (line) => said.push(line));
    problems = problemsOf(plan, result);
  } catch (error) {
    if (isInterruption(error)) rmSync(folder, { recursive: true, force: true });
    if (isInterruption(error) || isMistake(error)) throw error;
    problems = [`the lab failed: ${error instanceof Error ? error.message : error}`];
  }
  if (problems.length === 0) rmSync(folder, { recursive: true, force: true });
  else leaveEvidence(folder, plan, { problems, said, result });
  return {
    plan,
    problems,
    folder,
    failovers: result?.failovers.length ?? 0,
    bytes: result === undefined ? 0 : tallyOf(result).bytes,
    stallsMs: result === undefined ? [] : stallsOf(result),
    durationMs: performance.now() - startMs,
  };
}

async function runPlan(
  plan: RoundPlan,
  { detectTimeout, environment, signal }: RoundSettings,
  pcap: string,
  progress: (line: string) => void,
): Promise<LabResult> {
  const { server, traffic, durationMs, bytesPerMs, rate, linkRate, ipv6, backup, cable, faults } = plan;
  const fileBytes = Math.max(1, durationMs * bytesPerMs);
  const orders: ClientOrders = { server, traffic, seed: plan.seed ^ plan.round, durationMs, bytesPerMs, fileBytes };
  const state = mkdtempSync(path.join(tmpdir(), 'fttcp-soak-'));
  try {
    makeServerState(server, state, fileBytes, ipv6);
    return await runLab({
      server: serverCommand(server),
      client: clientCommand(orders),
      port: SERVERS[server].port,
      state,
      rate,
      linkRate,
      ipv6,
      backup,
      cable,
      at: faults.map(faultText),
      detectTimeout,
      pcap,
      timeoutMs: durationMs + PATIENCE_MS,
      environment: { ...environment, PATH: serverPath(environment.PATH ?? '') },
      progress,
      signal,
    });
  } finally {
    rmSync(state, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Captures and logs are in the folder already. */
function leaveEvidence(
  folder: string,
  plan: RoundPlan,
  { problems, said, result }: { problems: string[]; said: string[]; result: LabResult | undefined },
): void {
  const account = [planText(plan), '', ...problems, '', ...said, ''].join('\n');
  writeFileSync(path.join(folder, 'account.txt'), account);
  writeFileSync(path.join(folder, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`);
  if (result !== undefined) writeFileSync(path.join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
}

function isInterruption(error: unknown): boolean {
  return error instanceof FttcpError && error.code === 'interrupted';
}

/** Every round would fail by it. */
function isMistake(error: unknown): boolean {
  return error instanceof FttcpError && ['usage', 'lab-hosts'].includes(error.code);
}
