/** Latency: one redis client that waits for each answer, direct and under fttcp by turns, over a LAN as fast as the machine. */
import { FttcpError } from '../src/errors.ts';
import { type MeasureSettings, nodeCommand, outputOf, runMeasured } from '../src/experiments/measured-run.ts';
import { median, medianDifference, type Pair, round } from '../src/experiments/statistics.ts';
import type { LatencyResult } from './results.ts';
import { alternate } from './throughput.ts';

const PORT = 6379;
const SERVER = `exec redis-server --port ${PORT} --bind 0.0.0.0 --protected-mode no --save "" --appendonly no`;

export interface RoundTrips {
  readonly count: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** What the client of round trips prints. @throws FttcpError `bench-round-trips` */
export function parseRoundTrips(text: string): RoundTrips {
  try {
    const { count, p50Us, p99Us } = JSON.parse(text);
    if ([count, p50Us, p99Us].every((value) => typeof value === 'number' && value > 0)) return { count, p50Us, p99Us };
  } catch {
    // Said below.
  }
  throw new FttcpError('bench-round-trips', `the client of round trips printed: ${text.slice(0, 200)}`);
}

export async function measureLatency(
  settings: MeasureSettings,
): Promise<{ latency: LatencyResult; falsePromotions: number }> {
  const pairCount = settings.quick ? 3 : 7;
  const roundTrips = settings.quick ? 5000 : 20_000;
  let falsePromotions = 0;

  const once = async (direct: boolean): Promise<RoundTrips> => {
    const client = nodeCommand('bench/clients/round-trips.js', roundTrips);
    const run = await runMeasured({ server: SERVER, port: PORT, client, direct, capture: false }, settings);
    falsePromotions += run.falsePromotions;
    return parseRoundTrips(outputOf(run.lab, 'latency'));
  };

  const p50: Pair[] = [];
  const p99: Pair[] = [];
  while (p50.length < pairCount) {
    const { direct, fttcp } = await alternate(p50.length, once);
    p50.push({ direct: direct.p50Us, fttcp: fttcp.p50Us });
    p99.push({ direct: direct.p99Us, fttcp: fttcp.p99Us });
    settings.tell(
      `latency ${p50.length}/${pairCount}: p50 direct ${direct.p50Us.toFixed(0)} µs, fttcp ${fttcp.p50Us.toFixed(0)} µs, ` +
        `added ${(fttcp.p50Us - direct.p50Us).toFixed(0)} µs, median so far ${medianDifference(p50).toFixed(0)} µs`,
    );
  }
  const middle = (pairs: readonly Pair[], way: keyof Pair) => round(median(pairs.map((pair) => pair[way])), 1);
  return {
    latency: {
      directP50Us: middle(p50, 'direct'),
      fttcpP50Us: middle(p50, 'fttcp'),
      directP99Us: middle(p99, 'direct'),
      fttcpP99Us: middle(p99, 'fttcp'),
      addedP50Us: round(medianDifference(p50), 1),
      addedP99Us: round(medianDifference(p99), 1),
      pairs: pairCount,
      roundTrips,
    },
    falsePromotions,
  };
}
