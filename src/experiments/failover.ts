/** How long a client stalls when the primary's host loses its power: under three loads, with each kind of backup, of level and of snooping. */
import { SNOOP_MODES } from '../lab/service.ts';
import { stripChart } from './charts/strip.ts';
import { type Experiment, type ExperimentSettings, type Outcome, type Picture, repetitions } from './experiment.ts';
import {
  type Circumstances,
  type FailoverStalls,
  type Load,
  roundInWords,
  type StallRound,
  stallRound,
  stallsOf,
} from './stall-round.ts';
import { SYSTEM_LAB, SYSTEMS } from './systems.ts';
import type { Table } from './table.ts';

const LOADS = ['up', 'down', 'echo'] as const satisfies readonly Load[];
type FailoverLoad = (typeof LOADS)[number];

export interface FailoverVariant {
  /** Such as `hot`, `cold, recorded`, `hot, reactive snooping`; the level is `stream` where none is named. */
  readonly variant: string;
  readonly loads: Readonly<Record<FailoverLoad, FailoverStalls & { readonly stallsMs: readonly number[] }>>;
}

export interface FailoverResult {
  readonly variants: readonly FailoverVariant[];
}

const RATE = '100mbit';
const ROUND_S = 3.7;
const LOAD_NAMES: Readonly<Record<FailoverLoad, string>> = {
  up: 'upload',
  down: 'download',
  echo: 'echo, a line a millisecond',
};

const BACKUPS = SYSTEMS.filter((system) => system !== 'direct');
const RECORDED = ', recorded';

/** With snooping the LAN is a hub, without it a switch, as it would be. */
const VARIANTS: readonly { readonly variant: string; readonly circumstances: Circumstances }[] = [
  ...BACKUPS.map((system) => ({ variant: system, circumstances: { ...SYSTEM_LAB[system], rate: RATE } })),
  ...BACKUPS.map((system) => ({
    variant: `${system}${RECORDED}`,
    circumstances: { ...SYSTEM_LAB[system], level: 'recorded' as const, rate: RATE },
  })),
  ...SNOOP_MODES.filter((snoop) => snoop !== 'never').map((snoop) => ({
    variant: `hot, ${snoop} snooping`,
    circumstances: { ...SYSTEM_LAB.hot, snoop, rate: RATE },
  })),
];

const roundsOf = (settings: ExperimentSettings) => repetitions(settings, 10, 2);

async function measure(settings: ExperimentSettings): Promise<Outcome<FailoverResult>> {
  const count = roundsOf(settings);
  const cases = VARIANTS.flatMap((one) => LOADS.map((load) => ({ ...one, load, rounds: [] as StallRound[] })));
  let done = 0;
  for (let index = 0; index < count; index++) {
    for (const { variant, circumstances, load, rounds } of cases) {
      const round = await stallRound(load, index, circumstances, settings);
      rounds.push(round);
      settings.tell(`failover ${++done}/${count * cases.length}: ${variant}, ${load}: ${roundInWords(round)}`);
    }
  }
  const of = (variant: string, load: FailoverLoad) => {
    const rounds = cases.find((one) => one.variant === variant && one.load === load)?.rounds ?? [];
    return { ...stallsOf(rounds), stallsMs: rounds.map(({ stallMs }) => stallMs) };
  };
  const variants = VARIANTS.map(({ variant }) => ({
    variant,
    loads: { up: of(variant, 'up'), down: of(variant, 'down'), echo: of(variant, 'echo') },
  }));
  const failed = cases.flatMap(({ rounds }) => rounds).filter(({ ok }) => !ok).length;
  return { result: { variants }, pictures: picturesOf(variants), failed };
}

function picturesOf(variants: readonly FailoverVariant[]): Picture[] {
  const svg = stripChart({
    title: 'How long a client stalls at a power-off of the primary',
    subtitle:
      'LAN of 100 Mb/s, the takeover first, with the nudge; the longest time in which nothing of what was outstanding went on',
    xLabel: 'backup and load',
    y: { label: 'stall (ms)' },
    groups: variants.flatMap(({ variant, loads }) =>
      LOADS.map((load) => ({ label: `${variant}: ${load}`, values: loads[load].stallsMs })),
    ),
  });
  return [{ name: 'failover', svg }];
}

export function failoverTable({ variants }: FailoverResult): Table {
  const ms = (value: number | null) => (value === null ? '–' : value.toFixed(1));
  return {
    title: 'Stall of the client at a power-off of the primary, ms',
    head: ['backup and load', 'n', 'p50', 'p95', 'max', 'detected p50', 'promoted p50', 'failed'],
    rows: variants.flatMap(({ variant, loads }) =>
      LOADS.map((load) => {
        const { n, p50Ms, p95Ms, maxMs, detectedP50Ms, promotedP50Ms, failed } = loads[load];
        const numbers = [p50Ms, p95Ms, maxMs, detectedP50Ms, promotedP50Ms].map(ms);
        return [`${variant}: ${LOAD_NAMES[load]}`, String(n), ...numbers, String(failed)];
      }),
    ),
  };
}

function remarks({ variants }: FailoverResult): string[] {
  const slowest = (names: readonly FailoverVariant[]) =>
    Math.max(...names.flatMap(({ loads }) => LOADS.map((load) => loads[load].p50Ms))).toFixed(1);
  const snooping = variants.filter(({ variant }) => variant.includes('snooping'));
  const others = variants.filter((one) => !snooping.includes(one));
  return [
    'In the paper clients wait for their own timers unless the backup snoops. Here a takeover waits for no recovery, and the nudge wakes ' +
      `clients: the slowest median without snooping is ${slowest(others)} ms, with it ${slowest(snooping)} ms.`,
    ...levelRemark(variants),
    ...downloadRemark(variants),
  ];
}

function levelRemark(variants: readonly FailoverVariant[]): string[] {
  const apart = variants.flatMap(({ variant, loads }) => {
    const atStream = variants.find((one) => `${one.variant}${RECORDED}` === variant);
    return atStream === undefined ? [] : LOADS.map((load) => loads[load].p50Ms - atStream.loads[load].p50Ms);
  });
  if (apart.length === 0) return [];
  const [least, most] = [Math.min(...apart), Math.max(...apart)].map(
    (ms) => `${ms < 0 ? '−' : '+'}${Math.abs(ms).toFixed(1)}`,
  );
  return [
    `At \`level: recorded\` the medians of the same servers differ from those at \`stream\` by ${least} to ${most} ms: a takeover waits for what the replay is behind.`,
  ];
}

/** Why what a server sends may wait longer than what it is sent. */
function downloadRemark(variants: readonly FailoverVariant[]): string[] {
  const hot = variants.find(({ variant }) => variant === 'hot')?.loads;
  if (hot === undefined || hot.down.p50Ms <= 2 * hot.up.p50Ms) return [];
  return [
    `A hot backup's download waits for ${hot.down.p50Ms.toFixed(0)} ms in the median, an upload for ${hot.up.p50Ms.toFixed(0)} ms: the TCP of the new server has ` +
      'learnt its congestion window from a virtual client that loses nothing, sends more at once than the queue before 100 Mb/s holds, and then ' +
      'waits for its own timer. A TCP that paces (bbr) does not.',
  ];
}

export const failover: Experiment<FailoverResult> = {
  estimateS: (settings) => roundsOf(settings) * VARIANTS.length * LOADS.length * ROUND_S,
  measure,
  tables: (result) => [failoverTable(result)],
  remarks,
};
