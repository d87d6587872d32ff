/**
 * What is around the marks of every chart: heading, axes with their ticks, reference lines, legend. The picture grows
 * with what is written on it, so that nothing is cut off. Pure.
 */
import {
  dashedLine,
  frame,
  freeRows,
  GRID,
  type LegendEntry,
  legend,
  legendWidth,
  line,
  picture,
  QUIET,
  type TextStyle,
  text,
  textWidth,
  wrapped,
} from '../../lab/svg.ts';
import type { Axis } from './axis.ts';

export interface Heading {
  title: string;
  subtitle?: string;
}

/** A value worth comparing with. */
export interface Reference {
  value: number;
  label: string;
}

export interface Chart {
  heading: Heading;
  x: Axis;
  y: Axis;
  legend: readonly LegendEntry[];
  /** Lines across the x axis. */
  verticals?: readonly Reference[] | undefined;
  /** A line across the y axis. */
  goal?: Reference | undefined;
  /** The room that the marks need at least. */
  widthMin?: number;
}

/** Where marks are drawn, and where values lie. */
export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
  x(value: number): number;
  y(value: number): number;
}

const WIDTH = 960;
const HEIGHT = 360;
const MARGIN = 32;
const LINE_HEIGHT = 16;
const GOAL_COLOR = '#c81e1e';
const GOAL_LABEL_WIDTH = 104;

export function drawChart(it: Chart, draw: (area: Area) => readonly string[]): string {
  const goalLines = it.goal === undefined ? [] : wrapped(it.goal.label, GOAL_LABEL_WIDTH);
  const yLines = wrapped(it.y.label, HEIGHT, 13);
  const yTicks = widest(it.y.ticks.map((tick) => tick.label));
  const left = MARGIN + yLines.length * LINE_HEIGHT + yTicks + 8;
  const width = Math.max(
    WIDTH - left - MARGIN,
    it.widthMin ?? 0,
    roomForNames(it.x),
    ...it.legend.map(({ label }) => legendWidth(label)),
  );
  const x = (value: number) => left + it.x.fraction(value) * width;
  const labels = verticalLabels(it.verticals ?? [], x);
  const right = Math.max(
    MARGIN,
    it.x.of === 'values' ? textWidth(it.x.ticks.at(-1)?.label ?? '') / 2 : 0,
    widest(goalLines) + 20,
    ...labels.map(({ to }) => to + 12 - left - width),
  );

  const title = wrapped(it.heading.title, width, 20);
  const subtitle = it.heading.subtitle === undefined ? [] : wrapped(it.heading.subtitle, width, 13);
  const titleTop = 34;
  const subtitleTop = titleTop + (title.length - 1) * 24 + 23;
  const rows = labels.reduce((most, { row }) => Math.max(most, row + 1), 0);
  const top = subtitleTop + subtitle.length * LINE_HEIGHT + 4 + rows * LINE_HEIGHT;
  const area = { left, top, width, height: HEIGHT, x, y: (value: number) => top + (1 - it.y.fraction(value)) * HEIGHT };

  const xAxis = bottomAxis(it.x, area);
  const entries = legendRows(it.legend, width);
  const height = xAxis.bottom + 12 + entries.length * 22;
  return picture({ width: Math.ceil(left + width + right), height, title: it.heading.title }, [
    ...paragraph(left, titleTop, title, 24, { size: 20, weight: 600 }),
    ...paragraph(left, subtitleTop, subtitle, LINE_HEIGHT, { size: 13, fill: QUIET }),
    ...xAxis.parts,
    ...leftAxis(it.y, yLines, area),
    frame(left, top, width, HEIGHT),
    ...draw(area),
    ...verticalLines(labels, area),
    ...(it.goal === undefined ? [] : goalLine(area, it.goal.value, goalLines)),
    ...entries.map((row, index) => legend(row, left, xAxis.bottom + 18 + index * 22)),
  ]);
}

function bottomAxis(axis: Axis, area: Area): { parts: string[]; bottom: number } {
  const { top, width, height } = area;
  const parts: string[] = [];
  const room = axis.of === 'names' ? width / axis.ticks.length - 8 : Number.POSITIVE_INFINITY;
  let free = Number.NEGATIVE_INFINITY;
  let lines = 1;
  for (const { value, label } of axis.ticks) {
    const at = area.x(value);
    if (axis.of === 'values') parts.push(line(at, top, at, top + height, GRID));
    const written = wrapped(label, room);
    // Only numbers can come too close together, and those can be told from their neighbours.
    if (label === '' || at - widest(written) / 2 < free) continue;
    free = at + widest(written) / 2 + 6;
    lines = Math.max(lines, written.length);
    parts.push(...paragraph(at, top + height + 18, written, 15, { anchor: 'middle' }));
  }
  const labelTop = top + height + 18 + (lines - 1) * 15 + 24;
  const label = wrapped(axis.label, width, 13);
  parts.push(...paragraph(area.left + width / 2, labelTop, label, LINE_HEIGHT, { anchor: 'middle', size: 13 }));
  return { parts, bottom: labelTop + (label.length - 1) * LINE_HEIGHT + 10 };
}

function leftAxis(axis: Axis, lines: readonly string[], { left, top, width, height, y }: Area): string[] {
  let free = Number.POSITIVE_INFINITY;
  const ticks = axis.ticks.flatMap(({ value, label }) => {
    const at = y(value);
    const rule = line(left, at, left + width, at, GRID);
    if (label === '' || at > free) return [rule];
    free = at - LINE_HEIGHT;
    return [rule, text(left - 8, at + 4, label, { anchor: 'end' })];
  });
  const labels = lines.map((words, index) =>
    text(MARGIN + index * LINE_HEIGHT, top + height / 2, words, { anchor: 'middle', size: 13, turned: true }),
  );
  return [...ticks, ...labels];
}

/** No name is broken within a word. */
function roomForNames({ of, ticks }: Axis): number {
  return of === 'names' ? ticks.length * (widest(ticks.flatMap(({ label }) => label.split(/\s/))) + 12) : 0;
}

interface VerticalLabel {
  label: string;
  from: number;
  to: number;
  row: number;
}

const BESIDE_LINE = 4;

/** Above the frame, from right to left: the line of a label in a higher row passes by those to its right. */
function verticalLabels(references: readonly Reference[], x: (value: number) => number): VerticalLabel[] {
  const spans = references
    .map(({ value, label }) => ({ label, from: x(value) + BESIDE_LINE }))
    .sort((one, other) => other.from - one.from)
    .map((it) => ({ ...it, to: it.from + textWidth(it.label) }));
  const rows = freeRows(spans.map(({ from, to }) => ({ from: from - 2 * BESIDE_LINE, to })));
  return spans.map((span, index) => ({ ...span, row: rows[index] ?? 0 }));
}

function verticalLines(labels: readonly VerticalLabel[], { top, height }: Area): string[] {
  return labels.flatMap(({ label, from, row }) => {
    const base = top - 6 - row * LINE_HEIGHT;
    const at = from - BESIDE_LINE;
    return [dashedLine(at, base - 9, at, top + height, QUIET), text(from, base, label, { fill: QUIET, weight: 600 })];
  });
}

/** Its label stands beside the frame, where there are no marks. */
function goalLine({ left, width, y }: Area, value: number, lines: readonly string[]): string[] {
  const at = y(value);
  const first = at + 4 - ((lines.length - 1) * 14) / 2;
  return [
    dashedLine(left, at, left + width, at, GOAL_COLOR),
    ...paragraph(left + width + 8, first, lines, 14, { fill: GOAL_COLOR, weight: 600 }),
  ];
}

function legendRows(entries: readonly LegendEntry[], width: number): LegendEntry[][] {
  const rows: LegendEntry[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const needed = legendWidth(entry.label);
    if (used + needed > width) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1)?.push(entry);
    used += needed;
  }
  return rows;
}

function paragraph(x: number, y: number, lines: readonly string[], height: number, style: TextStyle): string[] {
  return lines.map((words, index) => text(x, y + index * height, words, style));
}

function widest(lines: readonly string[]): number {
  return lines.reduce((most, words) => Math.max(most, textWidth(words)), 0);
}
