/** No checkpoints: a cold backup recovers from the initial state and the whole log. Pure. */
import type { Documented } from '../experiment.ts';
import { markdown } from '../table.ts';
import { type Claim, EXCEEDED, type Goal, notReproduced, REPRODUCED } from './claim.ts';

/** One recovery from the log on disk. */
export interface ColdRecovery {
  /** Of logged input that was replayed, and in how many connections. */
  readonly bytes: number;
  readonly connections: number;
  readonly replayS: number;
  /** Every byte was right, and every client lived. */
  readonly ok: boolean;
}

export interface ColdRecoveryResult {
  /** Of one connection with a long log. */
  readonly uploads: readonly ColdRecovery[];
  /** Of many at once. */
  readonly connections: readonly ColdRecovery[];
}

const BYTES_GOAL = 1e9;
const CONNECTIONS_GOAL = 1000;
const RATE_GOAL_MBPS = 100;

/** Undefined: it was not measured. */
export function coldSection(result: Documented<ColdRecoveryResult> | undefined): Claim | undefined {
  if (result === undefined) return undefined;
  const all = [...result.uploads, ...result.connections];
  if (all.length === 0) return undefined;
  const wrong = all.filter(({ ok }) => !ok);
  const right = all.filter(({ ok }) => ok);
  const bytes = Math.max(0, ...right.map((one) => one.bytes));
  const connections = Math.max(0, ...right.map((one) => one.connections));
  const goals = goalsOf(result, bytes, connections);
  const ours = `${(bytes / 1e6).toFixed(0)} MB, and ${connections} connections, right to the byte`;
  return {
    title: 'No checkpoints: a cold backup recovers from the initial state',
    claim:
      'A cold backup keeps no checkpoints: it starts the server as it was in the beginning, and replays all that it ever received. That takes no more of the ' +
      'server than to be deterministic, and as long as the log is. Here the log is on disk.',
    theirs: 'works, from the initial state',
    ours: wrong.length === 0 ? ours : `${wrong.length} of ${all.length} recoveries failed`,
    verdict:
      wrong.length > 0
        ? notReproduced(`${wrong.length} of ${all.length} recoveries lost a connection, or a byte was wrong`)
        : goals.every(({ met }) => met)
          ? EXCEEDED
          : REPRODUCED,
    goals,
    measured: markdown({
      title: 'Recoveries of a cold backup',
      head: ['recovery of', 'MB', 'connections', 'replay s', 'MB/s', 'connections/s', 'right'],
      rows: [
        ...result.uploads.map((one) => ['one upload', ...numbersOf(one)]),
        ...result.connections.map((one) => ['many connections', ...numbersOf(one)]),
      ],
    }),
    command: result.run.command,
    name: 'cold-recovery',
    pictures: {},
  };
}

function numbersOf(one: ColdRecovery): string[] {
  const { bytes, connections, replayS, ok } = one;
  const perSecond = (value: number) => (replayS > 0 ? (value / replayS).toFixed(0) : '–');
  return [
    (bytes / 1e6).toFixed(0),
    String(connections),
    replayS.toFixed(2),
    perSecond(bytes / 1e6),
    perSecond(connections),
    ok ? 'yes' : 'NO',
  ];
}

function goalsOf({ uploads }: ColdRecoveryResult, bytes: number, connections: number): Goal[] {
  const rates = uploads
    .filter(({ bytes: of, replayS }) => of >= BYTES_GOAL && replayS > 0)
    .map((one) => one.bytes / one.replayS / 1e6);
  const slowest = rates.length === 0 ? undefined : Math.min(...rates);
  return [
    {
      met: bytes >= BYTES_GOAL,
      said: `a recovery of 1 GB of logged input (${(bytes / 1e6).toFixed(0)} MB)`,
    },
    {
      met: connections >= CONNECTIONS_GOAL,
      said: `a recovery of ${CONNECTIONS_GOAL} connections (${connections})`,
    },
    {
      met: slowest !== undefined && slowest >= RATE_GOAL_MBPS,
      said: `a replay at ${RATE_GOAL_MBPS} MB/s or more (${slowest === undefined ? 'not measured' : `${slowest.toFixed(0)} MB/s`})`,
    },
  ];
}
