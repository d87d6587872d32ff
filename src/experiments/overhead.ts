/** What large transfers cost without any failure: without fttcp and with it, in rounds, at two speeds and in both directions. */
import { barChart } from './charts/bar.ts';
import type { Spread } from './charts/marks.ts';
import { type CpuSeconds, medianCpu } from './counted-run.ts';
import { type Experiment, type ExperimentSettings, type Outcome, type Picture, repetitions } from './experiment.ts';
import { DIRECTIONS, type Direction, HTTP_PROGRAMS, type TransferSample, transferOverHttp } from './http-transfer.ts';
import { median, round } from './statistics.ts';
import { inTurn, SYSTEMS, type System } from './systems.ts';
import type { Table } from './table.ts';

const RATES = ['100mbit', '1gbit'] as const;
type Rate = (typeof RATES)[number];

interface Measured extends Spread {
  readonly median: number;
}

export interface SystemOverhead {
  readonly system: System;
  readonly mbps: Measured;
  /** Against the direct transfer of the same round; zero of that itself. */
  readonly overheadPercent: Measured;
  readonly cpuSPerGb: CpuSeconds;
}

export interface OverheadCase {
  readonly rate: Rate;
  readonly direction: Direction;
  readonly systems: readonly SystemOverhead[];
}

export interface OverheadResult {
  readonly rounds: number;
  readonly cases: readonly OverheadCase[];
  readonly paper: typeof PAPER;
}

/** One of each system. */
export type OverheadRound = ReadonlyMap<System, TransferSample>;

const PAPER = { overheadPercentMax: 2 } as const;
/** Some seconds at that rate. */
const BYTES: Readonly<Record<Rate, number>> = { '100mbit': 40_000_000, '1gbit': 320_000_000 };
const RATE_NAMES: Readonly<Record<Rate, string>> = { '100mbit': '100 Mb/s', '1gbit': '1 Gb/s' };
const TRANSFER_S = 4.7;

const roundsOf = (settings: ExperimentSettings) => repetitions(settings, 7, 2);

async function measure(settings: ExperimentSettings): Promise<Outcome<OverheadResult>> {
  const count = roundsOf(settings);
  const cases = RATES.flatMap((rate) =>
    DIRECTIONS.map((direction) => ({ rate, direction, rounds: [] as OverheadRound[] })),
  );
  let done = 0;
  for (let index = 0; index < count; index++) {
    for (const { rate, direction, rounds } of cases) {
      const round = new Map<System, TransferSample>();
      for (const system of inTurn(SYSTEMS, index)) {
        const sample = await transferOverHttp({ system, rate, direction, bytes: BYTES[rate] }, settings);
        round.set(system, sample);
        settings.tell(
          `overhead ${++done}/${count * cases.length * SYSTEMS.length}: ${RATE_NAMES[rate]}, ${direction}, ${system}: ` +
            `${sample.mbps.toFixed(1)} Mb/s`,
        );
      }
      rounds.push(round);
    }
  }
  const result = {
    rounds: count,
    cases: cases.map(({ rate, direction, rounds }) => ({ rate, direction, systems: systemsOf(rounds, BYTES[rate]) })),
    paper: PAPER,
  };
  return { result, pictures: picturesOf(result), failed: 0 };
}

export function systemsOf(rounds: readonly OverheadRound[], bytes: number): SystemOverhead[] {
  return SYSTEMS.map((system) => {
    const samples = rounds.flatMap((round) => round.get(system) ?? []);
    const overheads = rounds.map((round) => {
      const [direct, own] = [round.get('direct')?.mbps ?? Number.NaN, round.get(system)?.mbps ?? Number.NaN];
      return (1 - own / direct) * 100;
    });
    const cpu = medianCpu(samples.map(({ cpuS }) => cpuS));
    const perGb = (seconds: number) => round((seconds / bytes) * 1e9, 2);
    return {
      system,
      mbps: measured(
        samples.map(({ mbps }) => mbps),
        1,
      ),
      overheadPercent: measured(overheads, 2),
      cpuSPerGb: { primary: perGb(cpu.primary), backup: cpu.backup === null ? null : perGb(cpu.backup) },
    };
  });
}

function measured(values: readonly number[], digits: number): Measured {
  const of = (value: number) => round(value, digits);
  return { median: of(median(values)), min: of(Math.min(...values)), max: of(Math.max(...values)) };
}

export const overheadCaseName = ({ rate, direction }: Pick<OverheadCase, 'rate' | 'direction'>): string =>
  `${RATE_NAMES[rate]}, ${direction}`;

function picturesOf({ cases, rounds }: OverheadResult): Picture[] {
  const categories = cases.map(overheadCaseName);
  const replicated = SYSTEMS.filter((system) => system !== 'direct');
  const of = (one: OverheadCase, system: System) => one.systems.find((it) => it.system === system);
  const overhead = barChart({
    title: 'Throughput lost to fttcp in large transfers over HTTP',
    subtitle: `nginx and curl; against the direct transfer of the same round, median and spread of ${rounds} rounds; the paper: under 2 %`,
    xLabel: 'LAN and direction',
    y: { label: 'overhead (%)' },
    categories,
    series: replicated.map((system) => ({
      label: `${system} backup`,
      bars: cases.map((one) => {
        const it = of(one, system)?.overheadPercent;
        return it && { value: it.median, spread: it };
      }),
    })),
  });
  const bars = (system: System, host: keyof CpuSeconds) =>
    cases.map((one) => {
      const value = of(one, system)?.cpuSPerGb[host] ?? null;
      return value === null ? undefined : { value };
    });
  const cpu = barChart({
    title: 'Processor time of each host',
    subtitle: `Of everything that runs on it, heartbeats too, which cost the same at any speed; in seconds per GB carried, medians of ${rounds} rounds`,
    xLabel: 'LAN and direction',
    y: { label: 'processor time (s/GB)' },
    categories,
    series: [
      { label: "direct: the server's host", bars: bars('direct', 'primary') },
      ...replicated.flatMap((system) =>
        (['primary', 'backup'] as const).map((host) => ({ label: `${system}: ${host}`, bars: bars(system, host) })),
      ),
    ],
  });
  return [
    { name: 'overhead', svg: overhead },
    { name: 'overhead-cpu', svg: cpu },
  ];
}

export function overheadTable({ cases, paper }: OverheadResult): Table {
  const spread = ({ min, max }: Measured, digits: number) => `${min.toFixed(digits)} – ${max.toFixed(digits)}`;
  return {
    title: 'Large transfers over HTTP without a failure',
    head: ['LAN, direction, system', 'Mb/s', 'spread', 'overhead %', 'spread', 'paper', 'CPU s/GB primary', 'backup'],
    rows: cases.flatMap((one) =>
      one.systems.map(({ system, mbps, overheadPercent, cpuSPerGb: { primary, backup } }) => [
        `${overheadCaseName(one)}, ${system}`,
        mbps.median.toFixed(1),
        spread(mbps, 1),
        ...(system === 'direct'
          ? ['', '', '']
          : [overheadPercent.median.toFixed(2), spread(overheadPercent, 2), `< ${paper.overheadPercentMax}`]),
        primary.toFixed(2),
        backup === null ? '–' : backup.toFixed(2),
      ]),
    ),
  };
}

function remarks({ cases, paper }: OverheadResult): string[] {
  const beyond = cases.flatMap((one) =>
    one.systems
      .filter(({ overheadPercent }) => overheadPercent.median >= paper.overheadPercentMax)
      .map(
        ({ system, overheadPercent }) => `${overheadCaseName(one)}, ${system} (${overheadPercent.median.toFixed(1)} %)`,
      ),
  );
  return [
    beyond.length === 0
      ? `As in the paper, every median is under ${paper.overheadPercentMax} %.`
      : `Not under the paper's ${paper.overheadPercentMax} %: ${beyond.join('; ')}. Client, primary, backup and switch share the processors of ` +
        'one machine here, where the paper had a machine for each.',
  ];
}

export const overhead: Experiment<OverheadResult> = {
  programs: HTTP_PROGRAMS,
  estimateS: (settings) => roundsOf(settings) * RATES.length * DIRECTIONS.length * SYSTEMS.length * TRANSFER_S,
  measure,
  tables: (result) => [overheadTable(result)],
  remarks,
};
