/**
 * The retransmission gap against the moment of the recovery: how long a client sits in the back-off of its timer although the service
 * is there again, with each cure and with none. Where the takeover comes first there is no such gap: the client's longest stall counts.
 */
import { scatterChart } from './charts/scatter.ts';
import { stripChart } from './charts/strip.ts';
import { resumptionOf, startOfGap, uploadThroughCrash } from './crashed-upload.ts';
import { type Experiment, type ExperimentSettings, type Outcome, type Picture, repetitions } from './experiment.ts';
import { TAKEOVER_FIRST_STALL_GOAL_MS } from './figures.ts';
import { MODE_SETTINGS, MODES, type Mode } from './modes.ts';
import { median, percentile, round } from './statistics.ts';
import type { Table } from './table.ts';

export interface GapSample {
  /** From the crash to the end of the recovery. */
  readonly recoveryMs: number;
  /** From there to the client's next data; with the takeover first the client's longest stall. */
  readonly gapMs: number;
  /** The longest time in which the client sent no data. */
  readonly pauseMs: number;
  /** The ACK at the recovery was news to the client, which then waits for nothing; see crashed-upload.ts. */
  readonly ackAdvances: boolean;
}

/** The percentiles are null when every upload failed. */
export interface GapsOfMode {
  readonly samples: readonly GapSample[];
  readonly n: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly maxMs: number | null;
  /** Among the n. */
  readonly failed: number;
}

export interface GapResult {
  readonly modes: Readonly<Record<Mode, GapsOfMode>>;
  readonly goals: { readonly nudgeP95Ms: number; readonly takeoverFirstMaxMs: number };
}

export const NUDGE_P95_GOAL_MS = 20;
const FIRST_MS = 200;
const LAST_MS = 5000;
const CRASH_AT_MS = 700;
/** Of the upload, when the client has gone on. */
const REST_MS = 500;
/** Hosts made and taken down, and the crash waited for. */
const OVERHEAD_S = 3.7;
const MEAN_RECOVERY_S = (LAST_MS - FIRST_MS) / Math.log(LAST_MS / FIRST_MS) / 1000;
const MEAN_GAP_S = 0.3;

/** Spread so that short recoveries, with their short back-offs, are as many as long ones. */
export function recoveryDelays(count: number): number[] {
  const factor = LAST_MS / FIRST_MS;
  return Array.from({ length: count }, (_, i) => Math.round(FIRST_MS * factor ** (i / Math.max(1, count - 1))));
}

const momentsOf = (settings: ExperimentSettings) => repetitions(settings, 20, 4);

async function measure(settings: ExperimentSettings): Promise<Outcome<GapResult>> {
  const delays = recoveryDelays(momentsOf(settings));
  const samples: Record<Mode, (GapSample | undefined)[]> = {
    never: [],
    reactive: [],
    permanent: [],
    nudge: [],
    'takeover-first': [],
  };
  let done = 0;
  // Mode by mode at each moment: a machine that gets slower slows all of them.
  for (const recoveryDelayMs of delays) {
    for (const mode of MODES) {
      const sample = await sampleOf(mode, recoveryDelayMs, settings);
      samples[mode].push(sample);
      const said = sample === undefined ? 'FAILED' : `${sample.gapMs.toFixed(1)} ms`;
      settings.tell(
        `gap ${++done}/${delays.length * MODES.length}: ${mode}, recovery of ${recoveryDelayMs} ms: ${said}`,
      );
    }
  }
  const modes = Object.fromEntries(MODES.map((mode) => [mode, gapsOf(samples[mode])])) as GapResult['modes'];
  const goals = { nudgeP95Ms: NUDGE_P95_GOAL_MS, takeoverFirstMaxMs: TAKEOVER_FIRST_STALL_GOAL_MS };
  const failed = MODES.reduce((sum, mode) => sum + modes[mode].failed, 0);
  return { result: { modes, goals }, pictures: picturesOf(modes), failed };
}

async function sampleOf(
  mode: Mode,
  recoveryDelayMs: number,
  settings: ExperimentSettings,
): Promise<GapSample | undefined> {
  const from = startOfGap(mode);
  const lengthMs = CRASH_AT_MS + REST_MS + (from === 'promoted' ? recoveryDelayMs : 0);
  const upload = await uploadThroughCrash({ mode, crashAtMs: CRASH_AT_MS, recoveryDelayMs, lengthMs }, settings);
  const resumption = resumptionOf(upload, from);
  if (resumption === undefined) return undefined;
  const { crashAtMs, recoveredAtMs, gapMs, stallMs, pauseMs, ackAdvances } = resumption;
  return {
    recoveryMs: round(recoveredAtMs - crashAtMs, 3),
    gapMs: from === 'promoted' ? stallMs : gapMs,
    pauseMs,
    ackAdvances,
  };
}

export function gapsOf(samples: readonly (GapSample | undefined)[]): GapsOfMode {
  const known = samples.filter((sample) => sample !== undefined);
  const gaps = known.map(({ gapMs }) => gapMs);
  const of = (pick: (values: readonly number[]) => number) => (gaps.length === 0 ? null : round(pick(gaps), 3));
  return {
    samples: known,
    n: samples.length,
    p50Ms: of(median),
    p95Ms: of((values) => percentile(values, 95)),
    maxMs: of((values) => Math.max(...values)),
    failed: samples.length - known.length,
  };
}

function picturesOf(modes: GapResult['modes']): Picture[] {
  const title = "The client's wait after the recovery, by mode";
  const subtitle =
    'Upload at 100 Mb/s, power-off of the primary; from the end of the recovery to the next data of the client; ' +
    'takeover first: its longest stall';
  const y = { label: 'wait (ms)', scale: 'log' } as const;
  const strips = stripChart({
    title,
    subtitle,
    xLabel: 'mode',
    y,
    groups: MODES.map((mode) => ({
      label: MODE_SETTINGS[mode].label,
      values: modes[mode].samples.map(({ gapMs }) => gapMs),
    })),
    goal: { value: NUDGE_P95_GOAL_MS, label: `goal of the nudge's 95th percentile: ${NUDGE_P95_GOAL_MS} ms` },
  });
  const scatter = scatterChart({
    title: 'The wait against the moment of the recovery',
    subtitle,
    x: { label: 'from the crash to the end of the recovery (s)', scale: 'log' },
    y,
    series: MODES.map((mode) => ({
      label: MODE_SETTINGS[mode].label,
      points: modes[mode].samples.map(({ recoveryMs, gapMs }) => ({ x: recoveryMs / 1000, y: gapMs })),
    })),
  });
  return [
    { name: 'gap', svg: strips },
    { name: 'gap-by-moment', svg: scatter },
  ];
}

export function gapTable({ modes, goals }: GapResult): Table {
  const ms = (value: number | null) => (value === null ? '–' : value.toFixed(1));
  const paper: Readonly<Record<Mode, string>> = {
    never: 'up to the outage, at most 64 s',
    reactive: 'none',
    permanent: 'none',
    nudge: '–',
    'takeover-first': '–',
  };
  const goalOf: Readonly<Partial<Record<Mode, string>>> = {
    nudge: judged('p95', modes.nudge.p95Ms, goals.nudgeP95Ms),
    'takeover-first': judged('max', modes['takeover-first'].maxMs, goals.takeoverFirstMaxMs),
  };
  return {
    title: "The client's wait after the recovery (takeover first: its longest stall)",
    head: ['mode', 'n', 'p50 ms', 'p95 ms', 'max ms', 'failed', 'paper', 'goal'],
    rows: MODES.map((mode) => {
      const { n, p50Ms, p95Ms, maxMs, failed } = modes[mode];
      const numbers = [String(n), ms(p50Ms), ms(p95Ms), ms(maxMs), String(failed)];
      return [MODE_SETTINGS[mode].label, ...numbers, paper[mode], goalOf[mode] ?? ''];
    }),
  };
}

function judged(what: string, value: number | null, goal: number): string {
  return `${what} ≤ ${goal} ${value !== null && value <= goal ? 'met' : 'MISSED'}`;
}

function remarks({ modes: { never, 'takeover-first': first }, goals }: GapResult): string[] {
  const longest = never.samples.reduce((most, { recoveryMs }) => Math.max(most, recoveryMs), 0) / 1000;
  const news = never.samples.filter(({ ackAdvances }) => ackAdvances).length;
  return [
    `Without a cure the wait is up to ${((never.maxMs ?? 0) / 1000).toFixed(1)} s here: the timer doubles, so that a client waits at most ` +
      `about as long again as the service was away, which was ${longest.toFixed(1)} s at most; the paper's 64 s take an outage of a minute.`,
    `In ${news} of ${never.samples.length} of these the backup's log held what the old primary had not acknowledged, and its ACK, being news, ` +
      'restarted the flow at once; in the paper it never was.',
    ...stallRemark(first, goals.takeoverFirstMaxMs),
  ];
}

/** What a stall is where clients go on sending. */
function stallRemark({ samples }: GapsOfMode, goalMs: number): string[] {
  const long = samples.filter(({ gapMs }) => gapMs > goalMs);
  if (long.length === 0) return [];
  const pauseMs = Math.max(...samples.map((one) => one.pauseMs));
  return [
    `With the takeover first, ${long.length} of ${samples.length} stalls were longer than ${goalMs} ms. A stall ends when the service acknowledges ` +
      'all up to a later byte. Of what was lost the client repeated only a part at once and the rest when its timer said so, while it went on ' +
      `sending what is new, which was acknowledged selectively: no client sent no data for longer than ${pauseMs.toFixed(0)} ms.`,
  ];
}

export const gap: Experiment<GapResult> = {
  estimateS: (settings) => momentsOf(settings) * MODES.length * (OVERHEAD_S + MEAN_RECOVERY_S + MEAN_GAP_S),
  measure,
  tables: (result) => [gapTable(result)],
  remarks,
};
