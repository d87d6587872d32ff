/** Throughput: iperf3 in both directions, over a LAN of 1 Gb/s and one as fast as the machine, direct and under fttcp by turns. */

import { type MeasureSettings, outputOf, runMeasured } from '../src/experiments/measured-run.ts';
import { median, medianRatio, type Pair, round } from '../src/experiments/statistics.ts';
import { parseIperf } from './iperf.ts';
import {
  DIRECTIONS,
  type Direction,
  RATES,
  type Rate,
  type ThroughputPairs,
  type ThroughputResult,
} from './results.ts';

export const PORT = 5201;
/**
 * What the server sends it takes from /dev/urandom, and the client has no say in it: in its own mount namespace that is made to read zeros,
 * so that both replicas' servers send the same. Otherwise they would have diverged, and a backup has less to do for what has diverged.
 */
export const IPERF_SERVER = `mount --bind /dev/zero /dev/urandom && exec iperf3 --server --port ${PORT}`;
const MEASURED_S = 3;
/** Slow start, and the daemons' own warming up. */
const OMITTED_S = 3;

export function iperfClient(direction: Direction, measuredS: number, omittedS: number): string {
  const words = ['--json', '--time', measuredS, ...(omittedS > 0 ? ['--omit', omittedS] : [])];
  return `exec iperf3 --client "$FTTCP_ADDRESS" --port ${PORT} ${words.join(' ')}${direction === 'down' ? ' --reverse' : ''}`;
}

/** @returns also how many measurements were repeated */
export async function measureThroughput(
  settings: MeasureSettings,
): Promise<{ throughput: ThroughputResult; falsePromotions: number }> {
  const pairCount = settings.quick ? 3 : 7;
  let falsePromotions = 0;

  const once = async (rate: Rate, direction: Direction, direct: boolean): Promise<number> => {
    const run = await runMeasured(
      {
        server: IPERF_SERVER,
        port: PORT,
        client: iperfClient(direction, MEASURED_S, OMITTED_S),
        rate: rate === 'unshaped' ? undefined : rate,
        direct,
        capture: false,
      },
      settings,
    );
    falsePromotions += run.falsePromotions;
    return parseIperf(outputOf(run.lab, `throughput ${rate} ${direction}`)).receivedMbps;
  };

  const pairsOf = async (rate: Rate, direction: Direction): Promise<ThroughputPairs> => {
    const pairs: Pair[] = [];
    while (pairs.length < pairCount) {
      const pair = await alternate(pairs.length, (direct) => once(rate, direction, direct));
      pairs.push(pair);
      settings.tell(
        `throughput ${rate} ${direction} ${pairs.length}/${pairCount}: direct ${pair.direct.toFixed(0)} Mb/s, ` +
          `fttcp ${pair.fttcp.toFixed(0)} Mb/s, ratio ${(pair.fttcp / pair.direct).toFixed(3)}, ` +
          `median so far ${medianRatio(pairs).toFixed(3)}`,
      );
    }
    return summary(pairs);
  };

  const result = {} as Record<Rate, Record<Direction, ThroughputPairs>>;
  for (const rate of RATES) {
    const ofRate = {} as Record<Direction, ThroughputPairs>;
    for (const direction of DIRECTIONS) ofRate[direction] = await pairsOf(rate, direction);
    result[rate] = ofRate;
  }
  return { throughput: result, falsePromotions };
}

/** Direct first in one pair, fttcp first in the next: a machine that gets slower favours neither. */
export async function alternate<T>(
  index: number,
  measure: (direct: boolean) => Promise<T>,
): Promise<{ direct: T; fttcp: T }> {
  if (index % 2 === 0) {
    const direct = await measure(true);
    return { direct, fttcp: await measure(false) };
  }
  const fttcp = await measure(false);
  return { direct: await measure(true), fttcp };
}

function summary(pairs: readonly Pair[]): ThroughputPairs {
  const ratios = pairs.map(({ direct, fttcp }) => fttcp / direct);
  return {
    directMbps: round(median(pairs.map((pair) => pair.direct)), 1),
    fttcpMbps: round(median(pairs.map((pair) => pair.fttcp)), 1),
    ratio: round(medianRatio(pairs), 4),
    ratioMin: round(Math.min(...ratios), 4),
    ratioMax: round(Math.max(...ratios), 4),
    pairs: pairs.length,
  };
}
