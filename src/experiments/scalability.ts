/** Many clients at once: what they get together over a LAN of 100 Mb/s, and what that costs each host, with fttcp and without. */
import { lineChart } from './charts/line.ts';
import type { Spread } from './charts/marks.ts';
import { type CpuSeconds, medianCpu, runCounted } from './counted-run.ts';
import { type Experiment, type ExperimentSettings, type Outcome, type Picture, repetitions } from './experiment.ts';
import { type MeasureSettings, nodeCommand, outputOf } from './measured-run.ts';
import { median, round } from './statistics.ts';
import { inTurn, SYSTEM_LAB, SYSTEMS, type System } from './systems.ts';
import type { Table } from './table.ts';

export interface ScalabilityPoint extends Spread {
  readonly clients: number;
  readonly system: System;
  /** Of payload that the server has confirmed to all clients together; the median of the runs. */
  readonly mbps: number;
  /** Of one run, from the clients' start to their end. */
  readonly cpuS: CpuSeconds;
}

export interface ScalabilityResult {
  readonly repetitions: number;
  /** Of each run, after one second to warm up. */
  readonly measuredMs: number;
  readonly points: readonly ScalabilityPoint[];
}

const CLIENTS = [1, 10, 50, 100, 200] as const;
const CLIENTS_QUICK = [1, 20, 200] as const;
const RATE = '100mbit';
const PORT = 7000;
const WARM_UP_MS = 1000;
const MEASURED_MS = 3000;
const RUN_S = 5.6;

const runsOf = (settings: ExperimentSettings) => repetitions(settings, 3, 1);
const clientsOf = ({ quick }: ExperimentSettings) => (quick ? CLIENTS_QUICK : CLIENTS);

async function measure(settings: ExperimentSettings): Promise<Outcome<ScalabilityResult>> {
  const count = runsOf(settings);
  const cases = clientsOf(settings).flatMap((clients) =>
    SYSTEMS.map((system) => ({ clients, system, runs: [] as { mbps: number; cpuS: CpuSeconds }[] })),
  );
  let done = 0;
  for (let index = 0; index < count; index++) {
    for (const { clients, system, runs } of inTurn(cases, index)) {
      const run = await transferAll(system, clients, settings);
      runs.push(run);
      const said = `${run.mbps.toFixed(1)} Mb/s`;
      settings.tell(`scalability ${++done}/${count * cases.length}: ${clients} clients, ${system}: ${said}`);
    }
  }
  const points = cases.map(({ clients, system, runs }) => {
    const mbps = runs.map((run) => run.mbps);
    return {
      clients,
      system,
      mbps: round(median(mbps), 1),
      min: round(Math.min(...mbps), 1),
      max: round(Math.max(...mbps), 1),
      cpuS: medianCpu(runs.map(({ cpuS }) => cpuS)),
    };
  });
  return { result: { repetitions: count, measuredMs: MEASURED_MS, points }, pictures: picturesOf(points), failed: 0 };
}

async function transferAll(
  system: System,
  clients: number,
  settings: MeasureSettings,
): Promise<{ mbps: number; cpuS: CpuSeconds }> {
  const { lab, cpuS } = await runCounted(
    {
      ...SYSTEM_LAB[system],
      server: nodeCommand('src/experiments/programs/stream-server.js'),
      client: nodeCommand('src/experiments/programs/many-uploads.js', clients, WARM_UP_MS, MEASURED_MS),
      port: PORT,
      rate: RATE,
    },
    settings,
  );
  const bytes = Number(outputOf(lab, `scalability ${clients} ${system}`));
  return { mbps: (bytes * 8) / MEASURED_MS / 1000, cpuS };
}

function picturesOf(points: readonly ScalabilityPoint[]): Picture[] {
  const x = { label: 'clients at once', scale: 'log' } as const;
  const subtitle = 'Each uploads without a pause over a LAN of 100 Mb/s';
  const of = (system: System) => points.filter((point) => point.system === system);
  const throughput = lineChart({
    title: 'What many clients get together',
    subtitle: `${subtitle}; median and spread`,
    x,
    y: { label: 'throughput of all (Mb/s)' },
    series: SYSTEMS.map((system) => ({
      label: system,
      points: of(system).map(({ clients, mbps, min, max }) => ({ x: clients, y: mbps, spread: { min, max } })),
    })),
  });
  const cpu = lineChart({
    title: 'What they cost each host',
    subtitle: `${subtitle}; processor time of everything that runs on the host, median`,
    x,
    y: { label: 'processor time (s)' },
    series: SYSTEMS.flatMap((system) =>
      (system === 'direct' ? (['primary'] as const) : (['primary', 'backup'] as const)).map((host) => ({
        label: system === 'direct' ? "direct: the server's host" : `${system}: ${host}`,
        points: of(system).map(({ clients, cpuS }) => ({ x: clients, y: cpuS[host] ?? 0 })),
      })),
    ),
  });
  return [
    { name: 'scalability', svg: throughput },
    { name: 'scalability-cpu', svg: cpu },
  ];
}

export function scalabilityTable({ points }: ScalabilityResult): Table {
  return {
    title: 'Many clients upload at once, at 100 Mb/s',
    head: ['clients, system', 'Mb/s', 'spread', 'of direct', 'CPU s primary', 'backup'],
    rows: points.map(({ clients, system, mbps, min, max, cpuS: { primary, backup } }) => [
      `${clients}, ${system}`,
      mbps.toFixed(1),
      `${min.toFixed(1)} – ${max.toFixed(1)}`,
      system === 'direct' ? '' : ratioToDirect(points, clients, mbps).toFixed(3),
      primary.toFixed(2),
      backup === null ? '–' : backup.toFixed(2),
    ]),
  };
}

export function ratioToDirect(points: readonly ScalabilityPoint[], clients: number, mbps: number): number {
  return mbps / (points.find((point) => point.clients === clients && point.system === 'direct')?.mbps ?? Number.NaN);
}

function remarks({ points }: ScalabilityResult): string[] {
  const replicated = points.filter(({ system }) => system !== 'direct');
  const least = Math.min(...replicated.map(({ clients, mbps }) => ratioToDirect(points, clients, mbps)));
  return [
    `The paper expects no new scalability issues: from ${Math.min(...points.map(({ clients }) => clients))} to ` +
      `${Math.max(...points.map(({ clients }) => clients))} clients, those of fttcp get at least ${(least * 100).toFixed(1)} % here of what ` +
      'they get without.',
  ];
}

export const scalability: Experiment<ScalabilityResult> = {
  estimateS: (settings) => runsOf(settings) * clientsOf(settings).length * SYSTEMS.length * RUN_S,
  measure,
  tables: (result) => [scalabilityTable(result)],
  remarks,
};
