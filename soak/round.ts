/** One round: a fresh lab, the plan carried out, and what came of it. A round that failed leaves a folder behind. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { problemsOf } from '../src/lab/demands.ts';
import { type JudgedRun, judgedRun } from '../src/lab/judged-run.ts';
import { serverPath } from '../src/lab/needs.ts';
import type { ClientOrders } from './clients/orders.ts';
import { demandsOf, type RoundOutcome, stallsOf, tallyOf } from './judgement.ts';
import { faultText, planText, type RoundPlan } from './plan.ts';
import { clientCommand, makeServerState, serverCommand } from './servers.ts';
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
  const startMs = performance.now();
  const { problems, result } = await runPlan(plan, settings, folder);
  if (problems.length > 0) writeFileSync(path.join(folder, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`);
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
  folder: string,
): Promise<JudgedRun> {
  const { server, traffic, durationMs, bytesPerMs, rate, linkRate, ipv6, backup, cable, faults } = plan;
  const fileBytes = Math.max(1, durationMs * bytesPerMs);
  const orders: ClientOrders = { server, traffic, seed: plan.seed ^ plan.round, durationMs, bytesPerMs, fileBytes };
  const state = mkdtempSync(path.join(tmpdir(), 'fttcp-soak-'));
  try {
    makeServerState(server, state, fileBytes, ipv6);
    const options = {
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
      timeoutMs: durationMs + PATIENCE_MS,
      environment: { ...environment, PATH: serverPath(environment.PATH ?? '') },
      signal,
    };
    return await judgedRun(options, folder, planText(plan), (result) => problemsOf(demandsOf(plan), result));
  } finally {
    rmSync(state, { recursive: true, force: true, maxRetries: 3 });
  }
}
