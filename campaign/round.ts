/** One round: a client of a server whose primary's host loses its power. A round that failed leaves a folder behind. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestStatus } from '../src/daemon/control.ts';
import type { NorthStatus } from '../src/daemon/status.ts';
import { judgedRun } from '../src/lab/judged-run.ts';
import { serverPath } from '../src/lab/needs.ts';
import type { LabOptions } from '../src/lab/run.ts';
import type { RunningReplica } from '../src/lab/service.ts';
import { outcomeOf, problemsOf, type RoundOutcome } from './judgement.ts';
import { type Conditions, faultText, planText, type RoundPlan } from './plan.ts';
import type { RealServer } from './servers.ts';

export interface RoundSettings {
  /** Where the folders of failed rounds go. */
  readonly out: string;
  readonly detectTimeout: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** A client and its server. */
export interface Subject {
  readonly name: string;
  readonly server: RealServer;
  /** Directory that the server starts from. */
  readonly state: string;
  readonly client: string;
  readonly command: string;
}

/** What the replicas say of the recording. */
export interface Look {
  /** Of the primary's server, since its start; 0 if nothing was said. */
  readonly recordedBytes: number;
  /** How far the backup's server was behind, each time; none if there is no such server. */
  readonly lagsMs: readonly number[];
}

const LOOK_EVERY_MS = 100;
/** The last look is so long before the power-off: an answer takes less. */
const LOOK_BEFORE_MS = 60;
/** Beyond the power-off: clients that were held up, and large files at the pace of a busy machine. */
const PATIENCE_MS = 60_000;

/** @throws FttcpError `interrupted` */
export async function runRound(
  conditions: Conditions & Pick<RoundPlan, 'round' | 'atMs'>,
  { name, server, state, client, command }: Subject,
  { out, environment, ...settings }: RoundSettings,
): Promise<RoundOutcome> {
  const plan = { ...conditions, server: name, client };
  const { backup, load, atMs } = plan;
  const folder = path.join(out, folderName(plan));
  let look: Promise<Look> | undefined;
  const options: LabOptions = {
    ...settings,
    level: 'recorded',
    backup,
    server: server.server,
    port: server.port,
    state,
    client: command,
    at: [faultText(plan)],
    environment: { ...environment, PATH: serverPath(environment.PATH ?? '') },
    timeoutMs: atMs + 1000 * load.seconds + PATIENCE_MS,
    examine: async (when, replicas) => {
      if (when === 'before') look = lookAt(replicas, atMs - LOOK_BEFORE_MS);
    },
  };
  const { problems, result } = await judgedRun(options, folder, planText(plan), (seen) => problemsOf(plan, seen));
  return outcomeOf(plan, folder, problems, result, await look);
}

async function lookAt(replicas: readonly RunningReplica[], forMs: number): Promise<Look> {
  const endMs = performance.now() + forMs;
  const lagsMs: number[] = [];
  let recordedBytes = 0;
  do {
    const [primary, backup] = await Promise.all(replicas.map(northOf));
    recordedBytes = primary?.bytes ?? recordedBytes;
    if (backup != null) lagsMs.push(backup.lagMs);
    await sleep(LOOK_EVERY_MS);
  } while (performance.now() < endMs);
  return { recordedBytes, lagsMs };
}

/** Nothing, where the host is gone already. */
async function northOf({ control }: RunningReplica): Promise<NorthStatus | null> {
  return requestStatus(control).then(
    ({ north }) => north,
    () => null,
  );
}

function folderName({ server, client, seed, round, backup }: RoundPlan): string {
  return [server, client, backup, seed, round].join('-').replace(/\W+/g, '-');
}
