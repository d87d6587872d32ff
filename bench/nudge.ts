/**
 * The nudge: an upload whose primary loses its power, with outages as long as the detection timeout is made. How long after the promotion
 * does the client send again, with the nudge and without? Until then it waits for its own timer, which doubles with the outage.
 */
import { type MeasureSettings, nodeCommand, runMeasured } from '../src/experiments/measured-run.ts';
import { median, percentile, round } from '../src/experiments/statistics.ts';
import { type NudgeOutage, type NudgeResult, OUTAGES_MS, type Resumption } from './results.ts';

const RATE = '100mbit';
const PORT = 7000;
/** Two and a half seconds at that rate. */
const TRANSFER_BYTES = 30_000_000;
const FAULT_AT_MS = 600;
const CLIENT_TIMEOUT_MS = 30_000;

const SERVER = nodeCommand('src/experiments/programs/stream-server.js');
const CLIENT = nodeCommand('src/experiments/programs/transfer.js', 'up', TRANSFER_BYTES);

/** Milliseconds from the promotion to the client's next data; undefined: the connection was lost, or nobody took over. */
type Sample = number | undefined;

interface Way {
  readonly nudge: 'auto' | 'off';
  readonly ipv6: boolean;
}

const FAMILIES = [false, true] as const;
const NUDGES = ['auto', 'off'] as const;

export async function measureNudge(settings: MeasureSettings): Promise<NudgeResult> {
  const count = settings.quick ? 1 : 5;
  const outages: NudgeOutage[] = [];
  for (const outageMs of OUTAGES_MS) {
    const samples: Record<Way['nudge'], Sample[]> = { auto: [], off: [] };
    for (let index = 0; index < count; index++) {
      for (const ipv6 of FAMILIES) {
        for (const nudge of NUDGES) {
          const sample = await resumption({ nudge, ipv6 }, outageMs, settings);
          samples[nudge].push(sample);
          const said = sample === undefined ? 'FAILED' : `the client sends again after ${sample.toFixed(1)} ms`;
          settings.tell(`nudge ${nudge}, ${ipv6 ? 'IPv6' : 'IPv4'}, outage of ${outageMs} ms: ${said}`);
        }
      }
    }
    outages.push({ outageMs, auto: resumptionOf(samples.auto), off: resumptionOf(samples.off) });
  }
  return { outages };
}

async function resumption(way: Way, outageMs: number, settings: MeasureSettings): Promise<Sample> {
  const { lab } = await runMeasured(
    {
      ...way,
      server: SERVER,
      client: CLIENT,
      port: PORT,
      rate: RATE,
      at: [`${FAULT_AT_MS}ms:power-off:primary`],
      timeoutMs: CLIENT_TIMEOUT_MS,
    },
    { ...settings, detectTimeout: `${outageMs}ms` },
  );
  const [connection] = lab.connections;
  return lab.ok && lab.failovers.length === 1 ? (connection?.resumedMs ?? undefined) : undefined;
}

export function resumptionOf(samples: readonly Sample[]): Resumption {
  const known = samples.filter((sample) => sample !== undefined);
  const of = (pick: (values: readonly number[]) => number) => (known.length === 0 ? null : round(pick(known), 1));
  return {
    n: samples.length,
    p50Ms: of(median),
    p95Ms: of((values) => percentile(values, 95)),
    failed: samples.length - known.length,
  };
}
