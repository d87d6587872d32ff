/** Table 1: how fast the replicas hear of one another, and what detection timeout follows from that. Pure. */
import type { Documented } from '../experiment.ts';
import { type Table1Result, table1 } from '../table1.ts';
import { type Claim, inShape, measuredIn, notReproduced, REPRODUCED, type Verdict } from './claim.ts';

/** The paper's average is said to a tenth of a millisecond. */
const SLACK_MS = 0.05;

export function table1Claim(result: Documented<Table1Result>): Claim {
  const { roundTrip, paper } = result;
  const quietMs = shortestQuietMs(result);
  return {
    title: 'Table 1: round trips between the replicas',
    claim:
      `A round trip between the replicas takes about ${paper.averageMs} ms on the average, so that a detection timeout of ` +
      `${paper.timeoutsMs.join(' to ')} ms is reasonable; what kept the fail-over from being so fast were timers with a granularity of ` +
      `${paper.timerGranularityMs} ms.`,
    theirs: `average about ${paper.averageMs} ms; a timeout of ${paper.timeoutsMs.join(' to ')} ms is reasonable`,
    ours: `average ${roundTrip.averageMs.toFixed(3)} ms; ${
      quietMs === undefined ? 'no timeout measured was quiet' : `no false suspicion from ${quietMs} ms on`
    }`,
    verdict: verdictOf(result, quietMs),
    goals: [],
    ...measuredIn(table1, result),
    name: 'table1',
    pictures: {
      table1: 'Distribution of the round trips between the replicas',
      'table1-suspicions': 'False suspicions against the detection timeout',
    },
  };
}

function shortestQuietMs({ suspicions }: Table1Result): number | undefined {
  const wrong = suspicions.filter(({ seen }) => seen > 0).map(({ timeoutMs }) => timeoutMs);
  return suspicions.find(({ timeoutMs }) => timeoutMs > Math.max(0, ...wrong))?.timeoutMs;
}

function verdictOf(
  { roundTrip: { averageMs }, suspicions, observedMs, paper }: Table1Result,
  quietMs: number | undefined,
): Verdict {
  if (averageMs > paper.averageMs + SLACK_MS) {
    return notReproduced(`a round trip takes ${averageMs.toFixed(3)} ms on the average, longer than there`);
  }
  const longestMs = Math.max(...paper.timeoutsMs);
  if (quietMs !== undefined && quietMs <= longestMs) return REPRODUCED;
  const seen = suspicions.find(({ timeoutMs }) => timeoutMs === longestMs)?.seen;
  const wrong =
    seen === undefined
      ? 'was not measured'
      : `would have been wrong ${seen} times in ${(observedMs / 1000).toFixed(0)} s`;
  const needed = quietMs === undefined ? 'none of those measured was long enough' : `${quietMs} ms were needed`;
  return inShape(
    `the round trips are as short as there, but a timeout of ${longestMs} ms ${wrong}, where all hosts share the processors of one machine, ` +
      `and a host that waits for one looks like a dead one: ${needed}`,
  );
}
