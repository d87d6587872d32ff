/** No checkpoints: a cold backup recovers from the initial state and the whole log. Pure. */
import { type ColdRecoveryCase, type ColdRecoveryResult, coldRecovery } from '../cold-recovery.ts';
import type { Documented } from '../experiment.ts';
import { type Claim, EXCEEDED, type Goal, measuredIn, notReproduced, REPRODUCED } from './claim.ts';

const BYTES_GOAL = 1e9;
const CONNECTIONS_GOAL = 1000;

export function coldClaim(result: Documented<ColdRecoveryResult>): Claim {
  const { upload, connections } = result;
  const failed = upload.failed + connections.failed;
  const count = upload.n + connections.n;
  const bytes = least(upload, (one) => one.bytes);
  const many = least(connections, (one) => one.connections);
  const goals = goalsOf(result, bytes, many);
  return {
    title: 'No checkpoints: a cold backup recovers from the initial state',
    claim:
      'A cold backup keeps no checkpoints: it starts the server as it was in the beginning, and replays all that it ever received. That takes no more of the ' +
      'server than to be deterministic, and as long as the log is. Here the log is on disk, sealed and encrypted, and clients go on while it is replayed.',
    theirs: 'works, from the initial state',
    ours:
      failed === 0
        ? `${(bytes / 1e6).toFixed(0)} MB, and ${many} connections, right to the byte`
        : `${failed} of ${count} recoveries failed`,
    verdict:
      failed > 0
        ? notReproduced(`${failed} of ${count} recoveries lost a connection, or a byte was wrong`)
        : goals.every(({ met }) => met)
          ? EXCEEDED
          : REPRODUCED,
    goals,
    ...measuredIn(coldRecovery, result),
    name: 'cold-recovery',
    pictures: { 'cold-recovery': 'What a cold backup takes to recover' },
  };
}

/** 0 where nothing was recovered. */
function least({ samples }: ColdRecoveryCase, pick: (one: ColdRecoveryCase['samples'][number]) => number): number {
  return samples.length === 0 ? 0 : Math.min(...samples.map(pick));
}

function goalsOf({ upload, goals }: ColdRecoveryResult, bytes: number, connections: number): Goal[] {
  const slowest = least(upload, (one) => one.megabytesPerS);
  return [
    { met: bytes >= BYTES_GOAL, said: `a recovery of 1 GB of log (${(bytes / 1e6).toFixed(0)} MB)` },
    { met: connections >= CONNECTIONS_GOAL, said: `a recovery of ${CONNECTIONS_GOAL} connections (${connections})` },
    {
      met: slowest >= goals.megabytesPerS,
      said: `a replay at ${goals.megabytesPerS} MB/s or more (${slowest.toFixed(0)} MB/s)`,
    },
  ];
}
