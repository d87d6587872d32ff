/** The overhead of large transfers in pictures, two for each service. Pure. */
import { barChart } from './charts/bar.ts';
import type { CpuSeconds } from './counted-run.ts';
import type { Picture } from './experiment.ts';
import { casesByService, type OverheadCase, type OverheadResult, PAPER, wayName } from './overhead-result.ts';
import { SYSTEMS, type System } from './systems.ts';
import { type Service, TRANSFER_SERVICES } from './transfer-services.ts';

const PICTURE_NAMES: Readonly<Record<Service, string>> = { http: 'overhead', samba: 'overhead-samba' };

/** What each shows, by the name of its files. */
export function overheadPictures(result: OverheadResult): Record<string, string> {
  const of = casesByService(result).flatMap(([service]) => [
    [PICTURE_NAMES[service], lossTitle(service)],
    [`${PICTURE_NAMES[service]}-cpu`, `Processor time of each host in ${inTransfers(service)}`],
  ]);
  return Object.fromEntries(of);
}

const inTransfers = (service: Service): string => `large transfers over ${TRANSFER_SERVICES[service].protocol}`;
const lossTitle = (service: Service): string => `Throughput lost to fttcp in ${inTransfers(service)}`;

export function picturesOf(result: OverheadResult): Picture[] {
  return casesByService(result).flatMap(([service, cases]) => [
    { name: PICTURE_NAMES[service], svg: lossChart(service, cases, result.rounds) },
    { name: `${PICTURE_NAMES[service]}-cpu`, svg: cpuChart(service, cases, result.rounds) },
  ]);
}

const REPLICATED = SYSTEMS.filter((system) => system !== 'direct');
const overheadOf = ({ systems }: OverheadCase, system: System) => systems.find((it) => it.system === system);

function lossChart(service: Service, cases: readonly OverheadCase[], rounds: number): string {
  return barChart({
    title: lossTitle(service),
    subtitle:
      `${TRANSFER_SERVICES[service].parties}; against the direct transfer of the same round, median and spread of ${rounds} rounds; ` +
      `the paper: under ${PAPER.overheadPercentMax} %`,
    xLabel: 'LAN and direction',
    y: { label: 'overhead (%)' },
    categories: cases.map(wayName),
    series: REPLICATED.map((system) => ({
      label: `${system} backup`,
      bars: cases.map((one) => {
        const it = overheadOf(one, system)?.overheadPercent;
        return it && { value: it.median, spread: it };
      }),
    })),
  });
}

function cpuChart(service: Service, cases: readonly OverheadCase[], rounds: number): string {
  const bars = (system: System, host: keyof CpuSeconds) =>
    cases.map((one) => {
      const value = overheadOf(one, system)?.cpuSPerGb[host] ?? null;
      return value === null ? undefined : { value };
    });
  return barChart({
    title: `Processor time of each host in ${inTransfers(service)}`,
    subtitle: `Of everything that runs on it, heartbeats too, which cost the same at any speed; in seconds per GB carried, medians of ${rounds} rounds`,
    xLabel: 'LAN and direction',
    y: { label: 'processor time (s/GB)' },
    categories: cases.map(wayName),
    series: [
      { label: "direct: the server's host", bars: bars('direct', 'primary') },
      ...REPLICATED.flatMap((system) =>
        (['primary', 'backup'] as const).map((host) => ({ label: `${system}: ${host}`, bars: bars(system, host) })),
      ),
    ],
  });
}
