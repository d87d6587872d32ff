/**
 * FT-TCP (DSN'03), Table 1: round trips between the replicas, on the replication link while fttcp carries an upload of 100 Mb/s over it; and
 * from the very same trace, how often each detection timeout would have been wrong.
 */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { assert, FttcpError } from '../errors.ts';
import { type Host, linkAddress } from '../lab/hosts.ts';
import { parseRate } from '../lab/rate.ts';
import { cdfChart } from './charts/cdf.ts';
import { lineChart } from './charts/line.ts';
import type { Experiment, ExperimentSettings, Outcome, Picture } from './experiment.ts';
import { type MeasureSettings, nodeCommand, outputOf, runMeasured } from './measured-run.ts';
import type { ProbeTrace } from './programs/probe.ts';
import { percentile, round } from './statistics.ts';
import { type SuspicionRate, suspicionRates } from './suspicions.ts';
import type { Table } from './table.ts';

export interface Table1Result {
  readonly roundTrip: {
    readonly n: number;
    readonly lost: number;
    readonly averageMs: number;
    readonly p50Ms: number;
    readonly p95Ms: number;
    readonly p99Ms: number;
    readonly p999Ms: number;
    readonly maxMs: number;
  };
  readonly suspicions: readonly SuspicionRate[];
  readonly observedMs: number;
  /** The programs that measure run before all others. */
  readonly realtime: boolean;
  readonly paper: typeof PAPER;
}

const PAPER = { averageMs: 0.5, timeoutsMs: [1, 2], timerGranularityMs: 10 } as const;
const RATE = '100mbit';
const PORT = 7000;
const ECHO_PORT = 7500;
/** The upload is longer than what is measured in it: by the probes' rehearsal, and by what programs take to start. */
const AROUND_S = 3;
const SET_UP_S = 4;
/** Less than that is nothing, in pictures and tables. */
const NEVER_PER_HOUR = 0.01;

const secondsOf = ({ quick }: ExperimentSettings) => (quick ? 10 : 60);

async function measure(settings: ExperimentSettings): Promise<Outcome<Table1Result>> {
  const trace = await traceOf(secondsOf(settings), settings);
  const { roundTripsMs, arrivalsMs, sent, realtime } = trace;
  const at = (percent: number) => percentile(roundTripsMs, percent);
  const result: Table1Result = {
    roundTrip: {
      n: roundTripsMs.length,
      lost: sent - roundTripsMs.length,
      averageMs: round(roundTripsMs.reduce((sum, ms) => sum + ms, 0) / roundTripsMs.length, 3),
      p50Ms: at(50),
      p95Ms: at(95),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: at(100),
    },
    suspicions: suspicionRates(arrivalsMs),
    observedMs: (arrivalsMs.at(-1) ?? 0) - (arrivalsMs[0] ?? 0),
    realtime,
    paper: PAPER,
  };
  settings.tell(`table1 1/1: a round trip takes ${result.roundTrip.averageMs.toFixed(3)} ms on average`);
  return { result, pictures: picturesOf(result, roundTripsMs), failed: 0 };
}

/** @throws FttcpError `experiment-failed` */
async function traceOf(seconds: number, settings: MeasureSettings): Promise<ProbeTrace> {
  const uploadBytes = Math.round((parseRate(RATE) / 8) * (seconds + AROUND_S));
  let said: Promise<string> | undefined;
  const { lab } = await runMeasured(
    {
      server: nodeCommand('src/experiments/programs/stream-server.js'),
      client: nodeCommand('src/experiments/programs/transfer.js', 'up', uploadBytes),
      port: PORT,
      rate: RATE,
      capture: false,
      examine: async (when, _, { replicas: [primary, backup] }) => {
        if (when === 'after') await said;
        else if (primary !== undefined && backup !== undefined) {
          await once(start(backup, 'datagram-echo', linkAddress(1), ECHO_PORT), 'data');
          const probe = [linkAddress(0), linkAddress(1), ECHO_PORT, seconds * 1000];
          said = text(start(primary, 'datagram-probe', ...probe));
        }
      },
    },
    settings,
  );
  outputOf(lab, 'table1');
  const trace = JSON.parse((await said) || '{}') as Partial<ProbeTrace>;
  const { roundTripsMs = [], arrivalsMs = [], sent = 0, realtime = false } = trace;
  if (roundTripsMs.length === 0) throw new FttcpError('experiment-failed', 'table1: no probe was answered');
  return { roundTripsMs, arrivalsMs, sent, realtime };
}

/** It ends with its host. What it prints is returned. */
function start(host: Host, program: string, ...words: readonly (string | number)[]): Readable {
  const { stdout } = host.spawn(nodeCommand(`src/experiments/programs/${program}.js`, ...words), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert(stdout !== null, 'a pipe was asked for');
  return stdout;
}

function picturesOf({ roundTrip, suspicions }: Table1Result, roundTripsMs: readonly number[]): Picture[] {
  const rtt = cdfChart({
    title: 'Round trips between the replicas',
    subtitle: 'One probe a millisecond on the replication link, while fttcp carries an upload of 100 Mb/s over it',
    x: { label: 'round-trip time (ms)', scale: 'log' },
    series: [{ label: 'round trips', values: roundTripsMs }],
    verticals: [
      { value: roundTrip.averageMs, label: `average ${roundTrip.averageMs} ms` },
      { value: PAPER.averageMs, label: `average in the paper ${PAPER.averageMs} ms` },
    ],
  });
  const points = (pick: (rate: SuspicionRate) => number) =>
    suspicions.map((rate) => ({ x: rate.timeoutMs, y: pick(rate) < NEVER_PER_HOUR ? 0 : pick(rate) }));
  const rates = lineChart({
    title: 'False suspicions against the detection timeout',
    subtitle:
      'By the arrivals of the same probes; a timeout needs to be several of their intervals of 1 ms to make sense',
    x: { label: 'detection timeout (ms)', scale: 'log' },
    y: { label: 'false suspicions per hour', scale: 'log' },
    series: [
      { label: 'seen by the detector', points: points(({ perHour }) => perHour) },
      { label: 'expected by the tail of the gaps', points: points(({ expectedPerHour }) => expectedPerHour) },
    ],
  });
  return [
    { name: 'table1', svg: rtt },
    { name: 'table1-suspicions', svg: rates },
  ];
}

export function table1Tables({ roundTrip, suspicions }: Table1Result): Table[] {
  const ms = (value: number) => value.toFixed(3);
  const { averageMs, p50Ms, p95Ms, p99Ms, p999Ms, maxMs, n, lost } = roundTrip;
  return [
    {
      title: 'Round trips between the replicas, ms',
      head: ['', 'average', 'p50', 'p95', 'p99', 'p99.9', 'max', 'n', 'lost'],
      rows: [
        ['paper', `about ${PAPER.averageMs}`, ...Array<string>(7).fill('–')],
        ['here', ...[averageMs, p50Ms, p95Ms, p99Ms, p999Ms, maxMs].map(ms), String(n), String(lost)],
      ],
    },
    {
      title: 'False suspicions, by the same trace',
      head: ['timeout', 'seen', 'seen per hour', 'expected per hour'],
      rows: suspicions.map(({ timeoutMs, seen, perHour, expectedPerHour }) => [
        `${timeoutMs} ms`,
        String(seen),
        String(perHour),
        expectedPerHour < NEVER_PER_HOUR ? `< ${NEVER_PER_HOUR}` : expectedPerHour.toPrecision(3),
      ]),
    },
  ];
}

function remarks({ suspicions, observedMs, realtime }: Table1Result): string[] {
  const quiet = suspicions.find(({ timeoutMs }) =>
    suspicions.every((other) => other.timeoutMs < timeoutMs || other.seen === 0),
  );
  const found =
    quiet === undefined
      ? 'no timeout of these was long enough'
      : `the shortest timeout without a false suspicion in ${(observedMs / 1000).toFixed(0)} s was ${quiet.timeoutMs} ms`;
  return [
    `Here a round trip crosses no wire: what it takes is the waking of two programs on one machine that all hosts share, and ${found}. ` +
      `The paper's ${PAPER.timeoutsMs.join(' to ')} ms follow from its round trips; its timers, of ${PAPER.timerGranularityMs} ms, were the floor` +
      `${realtime ? '' : '. No real-time priority was allowed here, so every other program may delay a probe'}.`,
  ];
}

export const table1: Experiment<Table1Result> = {
  estimateS: (settings) => secondsOf(settings) + AROUND_S + SET_UP_S,
  measure,
  tables: table1Tables,
  remarks,
};
