/**
 * FT-TCP (DSN'03), Figures 4 to 6: the sequence of data and acknowledgements at the client, with a crash at one second and a recovery of
 * two and a half; and the same with what goes beyond the paper.
 */
import { FttcpError } from '../errors.ts';
import { type PlotEvent, plotSequence } from '../lab/plot.ts';
import type { LabResult } from '../lab/result.ts';
import type { LabTrace } from '../lab/run.ts';
import { type Resumption, resumptionOf, startOfGap, uploadThroughCrash } from './crashed-upload.ts';
import type { Experiment } from './experiment.ts';
import { type Mode, modeInWords } from './modes.ts';
import type { Table } from './table.ts';

/** What the paper says; absent: it says nothing, or nothing that could be measured here. */
export interface PaperFigure {
  readonly figure: 4 | 5 | 6;
  readonly crashAtMs: number;
  readonly recoveredAtMs: number;
  readonly firstClientRetransmissionAfterMs?: number;
  readonly retransmissions?: number;
  readonly ackAtMs?: number;
  readonly resumedAtMs: number;
  readonly gapMs: number;
}

export interface FigureResult extends Resumption {
  readonly mode: Mode;
  /** Runs that it took to meet the case that the figure is about. */
  readonly attempts: number;
  readonly paper: PaperFigure;
}

const CRASH_AT_MS = 1000;
const RECOVERY_DELAY_MS = 2500;
/** The picture's, and so the upload's at least. */
const SPAN_MS = 6000;
const UPLOAD_MS = 6500;
const ESTIMATE_S = 12;
const ATTEMPTS = 5;

/** Events of the daemons, and what they are in the picture. */
const MARKED: ReadonlyMap<string, PlotEvent['kind']> = new Map([
  ['suspected', 'detected'],
  ['promoted', 'promoted'],
  ['recovered', 'recovered'],
]);

const PAPER = { crashAtMs: CRASH_AT_MS, recoveredAtMs: CRASH_AT_MS + RECOVERY_DELAY_MS };
/** FT-TCP's pictures are read by eye: to a tenth of a second. */
export const PAPER_FIGURE_4: PaperFigure = {
  figure: 4,
  ...PAPER,
  firstClientRetransmissionAfterMs: 300,
  retransmissions: 4,
  ackAtMs: 3600,
  resumedAtMs: 4800,
  gapMs: 1300,
};
export const PAPER_FIGURE_5: PaperFigure = { figure: 5, ...PAPER, resumedAtMs: PAPER.recoveredAtMs, gapMs: 0 };
/** The recovery was a little shorter there. */
export const PAPER_FIGURE_6: PaperFigure = {
  figure: 6,
  ...PAPER,
  recoveredAtMs: 3400,
  firstClientRetransmissionAfterMs: 300,
  resumedAtMs: 3400,
  gapMs: 0,
};

export interface FigureDefinition {
  readonly name: string;
  readonly title: string;
  readonly mode: Mode;
  readonly paper: PaperFigure;
  /** Whether a run was the case that the figure is about; default: any is. */
  isCase?(resumption: Resumption): boolean;
  remark(result: FigureResult): string;
}

export function figure({
  name,
  title,
  mode,
  paper,
  isCase = () => true,
  remark,
}: FigureDefinition): Experiment<FigureResult> {
  return {
    estimateS: () => ESTIMATE_S,
    async measure(settings) {
      const plan = { mode, crashAtMs: CRASH_AT_MS, recoveryDelayMs: RECOVERY_DELAY_MS, lengthMs: UPLOAD_MS };
      for (let attempts = 1; ; attempts++) {
        const upload = await uploadThroughCrash(plan, settings);
        const resumption = resumptionOf(upload, startOfGap(mode));
        if (resumption === undefined) throw new FttcpError('experiment-failed', `${name}: ${failure(upload.lab)}`);
        const result = { mode, attempts, ...resumption, paper };
        settings.tell(`${name} 1/1: ${inWords(result)}`);
        if (isCase(resumption) || attempts === ATTEMPTS) {
          return { result, pictures: [{ name, svg: plot(title, result, upload.trace) }], failed: 0 };
        }
        settings.tell(`${name}: that was not the case that the figure is about: repeated`);
      }
    },
    tables: (result) => [figureTable(title, result)],
    remarks: (result) => [remark(result)],
  };
}

function failure({ client }: LabResult): string {
  const said = `${client.stderr}${client.stdout}`.trim().slice(-200);
  return `the upload did not survive the crash, or nobody recovered; the client exited ${client.exitCode}: ${said}`;
}

function inWords({ mode, gapMs, stallMs }: FigureResult): string {
  return startOfGap(mode) === 'recovered'
    ? `the client goes on ${ms(gapMs)} after the recovery`
    : `the client goes on ${ms(gapMs)} after the takeover; its longest stall is ${ms(stallMs)}`;
}

function plot(title: string, result: FigureResult, { startMs, faults, events, flows }: LabTrace): string {
  const marks = events.flatMap(({ event, atMs }): PlotEvent[] => {
    const kind = MARKED.get(event);
    return kind === undefined ? [] : [{ atMs, label: kind, kind }];
  });
  const crashes = faults.map(({ wallMs }): PlotEvent => ({ atMs: wallMs, label: 'crash', kind: 'fault' }));
  return plotSequence({
    title,
    subtitle: `Upload at 100 Mb/s; ${modeInWords(result.mode)}: ${inWords(result)}`,
    startMs,
    whole: flows[0]?.whole ?? [],
    closeUp: [],
    span: { lengthMs: SPAN_MS, tickMs: 500 },
    events: [...crashes, ...marks],
    direction: 'up',
  });
}

function figureTable(title: string, result: FigureResult): Table {
  const { paper, mode } = result;
  const gap = startOfGap(mode) === 'recovered' ? 'recovery' : 'takeover';
  const row = (name: string, theirs: number | undefined, ours: number | null, show: (value: number) => string) => [
    name,
    theirs === undefined ? '–' : show(theirs),
    ours === null ? '–' : show(ours),
  ];
  const count = (value: number) => String(value);
  return {
    title,
    head: ['', `paper, figure ${paper.figure}`, 'here'],
    rows: [
      row('crash', paper.crashAtMs, result.crashAtMs, seconds),
      row('detected', undefined, result.detectedAtMs, seconds),
      row('recovered', paper.recoveredAtMs, result.recoveredAtMs, seconds),
      row(
        'first retransmission of the client, after the crash',
        paper.firstClientRetransmissionAfterMs,
        result.firstClientRetransmissionAfterMs,
        ms,
      ),
      row('its retransmissions until it goes on', paper.retransmissions, result.retransmissions, count),
      row('first ACK of the new primary', paper.ackAtMs, result.ackAtMs, seconds),
      row('the client goes on', paper.resumedAtMs, result.resumedAtMs, seconds),
      row(`gap after the ${gap}`, paper.gapMs, result.gapMs, ms),
      row('longest stall', undefined, result.stallMs, ms),
      row('longest time without data of the client', undefined, result.pauseMs, ms),
    ],
  };
}

const seconds = (value: number): string => `${(value / 1000).toFixed(3)} s`;
const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
