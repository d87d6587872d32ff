/**
 * What large transfers cost without any failure: without fttcp and with it, in rounds, at two speeds and in both directions, by each of the
 * transfer services.
 */
import { FttcpError } from '../errors.ts';
import { hasOtherUsers } from '../linux/capabilities.ts';
import { medianCpu } from './counted-run.ts';
import { type Experiment, type ExperimentSettings, type Outcome, repetitions } from './experiment.ts';
import { DIRECTIONS, type TransferSample, transferLarge } from './large-transfer.ts';
import { picturesOf } from './overhead-pictures.ts';
import {
  casesByService,
  type Measured,
  type OverheadCase,
  type OverheadResult,
  overheadCaseName,
  PAPER,
  RATES,
  type Rate,
  type SystemOverhead,
  wayName,
} from './overhead-result.ts';
import { median, round } from './statistics.ts';
import { inTurn, SYSTEMS, type System } from './systems.ts';
import type { Table } from './table.ts';
import { SERVICES, type Service, TRANSFER_SERVICES } from './transfer-services.ts';

/** One of each system. */
export type OverheadRound = ReadonlyMap<System, TransferSample>;

/** Some seconds at that rate. Samba's files are as large as those that people wait for: how a transfer begins is no part of its speed. */
const BYTES: Readonly<Record<Service, Readonly<Record<Rate, number>>>> = {
  http: { '100mbit': 40_000_000, '1gbit': 320_000_000 },
  samba: { '100mbit': 160_000_000, '1gbit': 500_000_000 },
};
/** Setting up included. */
const TRANSFER_S: Readonly<Record<Service, number>> = { http: 4.7, samba: 13 };

const askedFor = ({ service }: Pick<ExperimentSettings, 'service'>): readonly Service[] =>
  service === undefined ? SERVICES : [service];
const roundsOf = (settings: ExperimentSettings) => repetitions(settings, 7, 2);

async function measure(settings: ExperimentSettings): Promise<Outcome<OverheadResult>> {
  const count = roundsOf(settings);
  const cases = servicesOf(settings).flatMap((service) =>
    RATES.flatMap((rate) =>
      DIRECTIONS.map((direction) => ({ service, rate, direction, rounds: [] as OverheadRound[] })),
    ),
  );
  let done = 0;
  for (let index = 0; index < count; index++) {
    for (const { service, rate, direction, rounds } of cases) {
      const round = new Map<System, TransferSample>();
      for (const system of inTurn(SYSTEMS, index)) {
        const transfer = { system, rate, direction, bytes: BYTES[service][rate] };
        const sample = await transferLarge(TRANSFER_SERVICES[service], transfer, settings);
        round.set(system, sample);
        settings.tell(
          `overhead ${++done}/${count * cases.length * SYSTEMS.length}: ${overheadCaseName({ service, rate, direction })}, ${system}: ` +
            `${sample.mbps.toFixed(1)} Mb/s`,
        );
      }
      rounds.push(round);
    }
  }
  const result = {
    rounds: count,
    cases: cases.map(({ rounds, ...one }) => ({ ...one, systems: systemsOf(rounds, BYTES[one.service][one.rate]) })),
    paper: PAPER,
  };
  return { result, pictures: picturesOf(result), failed: 0 };
}

/** Those that this machine can run; the one that was asked for, or none. @throws FttcpError `usage` */
function servicesOf(settings: ExperimentSettings): Service[] {
  return askedFor(settings).filter((service) => {
    if (canRun(service)) return true;
    const { name } = TRANSFER_SERVICES[service];
    if (settings.service !== undefined)
      throw new FttcpError('usage', `${name} needs root: run this as root of the machine`);
    settings.tell(`overhead: ${name} is left out: it needs root`);
    return false;
  });
}

function canRun(service: Service): boolean {
  return !TRANSFER_SERVICES[service].needsRoot || (process.getuid?.() === 0 && hasOtherUsers());
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

function overheadTables(result: OverheadResult): Table[] {
  return casesByService(result).map(([service, cases]) => overheadTable(service, cases, result.paper));
}

function overheadTable(service: Service, cases: readonly OverheadCase[], paper: typeof PAPER): Table {
  const spread = ({ min, max }: Measured, digits: number) => `${min.toFixed(digits)} – ${max.toFixed(digits)}`;
  return {
    title: `Large transfers over ${TRANSFER_SERVICES[service].protocol} without a failure`,
    head: ['LAN, direction, system', 'Mb/s', 'spread', 'overhead %', 'spread', 'paper', 'CPU s/GB primary', 'backup'],
    rows: cases.flatMap((one) =>
      one.systems.map(({ system, mbps, overheadPercent, cpuSPerGb: { primary, backup } }) => [
        `${wayName(one)}, ${system}`,
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
  const recorded = cases.some(({ service }) => service === 'samba')
    ? [
        "Samba's throughput counts from the opening of the file to the answer that it is closed, in a session that stands by then; the processor time has " +
          'the login too. What smbd learns from its system calls is recorded, replicated, and replayed by a hot backup.',
      ]
    : [];
  const runs = casesByService({ cases }).flatMap(([service, [first]]) =>
    first?.begunIso === undefined ? [] : [`${TRANSFER_SERVICES[service].name} (begun ${first.begunIso})`],
  );
  const apart =
    runs.length === 0
      ? []
      : [`Of an earlier run: ${runs.join(', ')}. What is compared with each other is always of one run.`];
  return [
    beyond.length === 0
      ? `As in the paper, every median is under ${paper.overheadPercentMax} %.`
      : `Not under the paper's ${paper.overheadPercentMax} %: ${beyond.join('; ')}. Client, primary, backup and switch share the processors of ` +
        'one machine here, where the paper had a machine for each.',
    ...recorded,
    ...apart,
  ];
}

export const overhead: Experiment<OverheadResult> = {
  programs: (settings) => {
    const services = askedFor(settings).filter(canRun);
    return Object.assign({}, ...services.map((service) => TRANSFER_SERVICES[service].programs));
  },
  estimateS: (settings) => {
    const transferS = askedFor(settings).map((service) => TRANSFER_S[service]);
    const times = roundsOf(settings) * SYSTEMS.length * RATES.length * DIRECTIONS.length;
    return transferS.reduce((sum, seconds) => sum + seconds * times, 0);
  },
  measure,
  join: ({ cases, run }, result) => {
    const measured = new Set(result.cases.map(({ service }) => service));
    const others = cases.filter(({ service }) => !measured.has(service));
    return { ...result, cases: [...others.map((one) => ({ begunIso: run.startedIso, ...one })), ...result.cases] };
  },
  tables: overheadTables,
  remarks,
};
