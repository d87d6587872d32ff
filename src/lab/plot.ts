/**
 * Sequence number over time at the client, as in the figures of the FT-TCP paper: the whole run, and around the first
 * fault the same in close-up. Pure: data in, SVG out.
 */
import type { Kind, Point } from './series.ts';
import {
  dashedLine,
  frame,
  freeRows,
  GRID,
  type LegendEntry,
  legend,
  line,
  multiples,
  n,
  picture,
  plain,
  QUIET,
  roundStep,
  scale,
  text,
  textWidth,
  ticks,
} from './svg.ts';

export interface PlotEvent {
  atMs: number;
  label: string;
  kind: 'fault' | 'detected' | 'promoted' | 'recovered';
}

export interface PlotData {
  title: string;
  subtitle: string;
  /** What is 0 on the time axis of the whole run. */
  startMs: number;
  whole: readonly Point[];
  /** Around the first fault. Without these points the whole run is as wide as the picture. */
  closeUp: readonly Point[];
  /** How much of the run is shown, and where its time axis has ticks; else all of it, and round numbers. */
  span?: { lengthMs: number; tickMs: number };
  events: readonly PlotEvent[];
  /** Which direction's stream is shown. */
  direction: 'up' | 'down';
}

const WIDTH = 1200;
const HEIGHT = 560;
const PANEL_TOP = 112;
const PANEL_HEIGHT = 364;
/** A pause that begins later than this after the fault has other reasons. */
const PAUSE_BEGINS_WITHIN_MS = 100;

interface Style {
  kind: Kind;
  label: string;
  color: string;
  draw(x: number, y: number): string;
}

const dot = (x: number, y: number): string => `M${n(x - 1.6)},${n(y - 1.6)}h3.2v3.2h-3.2z`;
const bar = (x: number, y: number): string => `M${n(x - 3)},${n(y - 0.6)}h6v1.2h-6z`;
const cross = (x: number, y: number): string => `M${n(x - 4)},${n(y - 4)}l8,8m0,-8l-8,8`;

const UP: readonly Style[] = [
  { kind: 'clientData', label: 'data of the client', color: '#1d4ed8', draw: dot },
  { kind: 'serviceAck', label: 'acknowledgement of the service', color: '#d97706', draw: bar },
  { kind: 'clientRetransmission', label: 'retransmission', color: '#c81e1e', draw: cross },
];
const DOWN: readonly Style[] = [
  { kind: 'serviceData', label: 'data of the service', color: '#1d4ed8', draw: dot },
  { kind: 'serviceRetransmission', label: 'retransmission', color: '#c81e1e', draw: cross },
];

const EVENT_COLORS: Record<PlotEvent['kind'], string> = {
  fault: '#c81e1e',
  detected: '#7c3aed',
  promoted: '#047857',
  recovered: '#0e7490',
};
const ALL_EVENTS: readonly PlotEvent['kind'][] = ['fault', 'detected', 'promoted', 'recovered'];

export function plotSequence(data: PlotData): string {
  const styles = data.direction === 'up' ? UP : DOWN;
  const shown = new Set(styles.map((style) => style.kind));
  const visible = (points: readonly Point[]) => points.filter((point) => shown.has(point.kind));
  const fault = data.events.find((event) => event.kind === 'fault');
  const every = visible(data.whole);
  const toMs = data.span
    ? data.startMs + data.span.lengthMs
    : every.reduce((max, point) => Math.max(max, point.atMs), data.startMs + 1);
  const whole = every.filter((point) => point.atMs <= toMs);
  const near = visible(data.closeUp);
  const window = closeUpWindow(near, fault?.atMs ?? 0, data.direction === 'up' ? 'serviceAck' : 'serviceData');
  const close = near.filter((point) => point.atMs >= window.fromMs && point.atMs <= window.toMs);
  const both = fault !== undefined && close.length > 0;
  const gapWidth = 96;
  const left = 84;
  const width = both ? (WIDTH - left - gapWidth - 32) / 2 : WIDTH - left - 32;
  const panels = [
    panel({
      ...data,
      styles,
      left,
      width,
      points: whole,
      heading: 'Whole run',
      zeroMs: data.startMs,
      unit: { label: "time since the client's start (s)", perMs: 0.001 },
      baseline: 0,
      window: { fromMs: data.startMs, toMs },
      tickMs: data.span?.tickMs,
      labelled: both ? ['fault'] : ALL_EVENTS,
    }),
  ];
  if (both) {
    panels.push(
      panel({
        ...data,
        styles,
        left: left + width + gapWidth,
        width,
        points: close,
        heading: `Around the fault (${fault.label})`,
        zeroMs: fault.atMs,
        unit: { label: 'time since the fault (ms)', perMs: 1 },
        baseline: Math.min(...close.map((point) => point.position)),
        window,
        labelled: ALL_EVENTS,
      }),
    );
  }
  return picture({ width: WIDTH, height: HEIGHT, title: data.title }, [
    text(left, 34, data.title, { size: 20, weight: 600 }),
    text(left, 57, data.subtitle, { size: 13, fill: QUIET }),
    ...panels,
    legend(styles.map(legendEntry), left, HEIGHT - 18),
  ]);
}

interface Window {
  fromMs: number;
  toMs: number;
}

/** From a little before the fault to some time after the stream went on. */
function closeUpWindow(points: readonly Point[], faultMs: number, progress: Kind): Window {
  // What was in flight at the fault still arrives: of the pauses that begin soon after it the longest is the one to show.
  let reached = 0;
  let advancedMs = faultMs;
  let pause = { lengthMs: 0, endMs: faultMs };
  for (const step of points) {
    if (step.kind !== progress || step.atMs < faultMs || step.position <= reached) continue;
    if (advancedMs > faultMs + PAUSE_BEGINS_WITHIN_MS) break;
    if (step.atMs - advancedMs > pause.lengthMs) pause = { lengthMs: step.atMs - advancedMs, endMs: step.atMs };
    reached = step.position;
    advancedMs = step.atMs;
  }
  const afterMs = Math.min(400, Math.max(60, (pause.endMs - faultMs) * 2));
  return { fromMs: faultMs - Math.min(50, afterMs / 3), toMs: faultMs + afterMs };
}

interface Panel extends PlotData {
  styles: readonly Style[];
  left: number;
  width: number;
  points: readonly Point[];
  heading: string;
  zeroMs: number;
  unit: { label: string; perMs: number };
  /** The position that is 0 on the vertical axis. */
  baseline: number;
  window: Window;
  /** Between ticks of the time axis. */
  tickMs?: number | undefined;
  /** Events whose names are written into this panel; the others are lines only. */
  labelled: readonly PlotEvent['kind'][];
}

function panel(it: Panel): string {
  const { fromMs, toMs } = it.window;
  const top = it.points.reduce((max, point) => Math.max(max, point.position - it.baseline), 1);
  const bytes = byteUnit(top);
  const x = scale(fromMs, toMs, it.left, it.left + it.width);
  const y = scale(0, top * 1.06, PANEL_TOP + PANEL_HEIGHT, PANEL_TOP);
  const bottom = PANEL_TOP + PANEL_HEIGHT;
  const parts = [text(it.left, PANEL_TOP - 30, it.heading, { size: 14, weight: 600 })];
  const [from, to] = [(fromMs - it.zeroMs) * it.unit.perMs, (toMs - it.zeroMs) * it.unit.perMs];
  const step = it.tickMs === undefined ? roundStep((to - from) / 7) : it.tickMs * it.unit.perMs;
  for (const tick of multiples(from, to, step)) {
    const at = x(it.zeroMs + tick / it.unit.perMs);
    parts.push(line(at, PANEL_TOP, at, bottom, GRID), text(at, bottom + 18, plain(tick), { anchor: 'middle' }));
  }
  for (const tick of ticks(0, (top * 1.06) / bytes.size, 6)) {
    const at = y(tick * bytes.size);
    parts.push(
      line(it.left, at, it.left + it.width, at, GRID),
      text(it.left - 8, at + 4, plain(tick), { anchor: 'end' }),
    );
  }
  parts.push(frame(it.left, PANEL_TOP, it.width, PANEL_HEIGHT));
  const what = it.baseline === 0 ? 'sequence number' : 'sequence number, relative';
  parts.push(text(it.left + it.width / 2, bottom + 38, it.unit.label, { anchor: 'middle', size: 13 }));
  parts.push(
    text(it.left - 54, PANEL_TOP + PANEL_HEIGHT / 2, `${what} (${bytes.name})`, {
      anchor: 'middle',
      size: 13,
      turned: true,
    }),
  );
  parts.push(...events(it, x, fromMs, toMs));
  for (const style of it.styles) parts.push(marks(it, style, x, y));
  return parts.join('\n');
}

function events(it: Panel, x: (ms: number) => number, fromMs: number, toMs: number): string[] {
  const inside = it.events
    .filter((event) => event.atMs >= fromMs && event.atMs <= toMs)
    .map((event) => ({ ...event, at: x(event.atMs), color: EVENT_COLORS[event.kind] }));
  const rules = inside.map(({ at, color }) => dashedLine(at, PANEL_TOP, at, PANEL_TOP + PANEL_HEIGHT, color));
  const labels = inside
    .filter((event) => it.labelled.includes(event.kind))
    .map(({ at, color, label }) => {
      const long = textWidth(label);
      // Clear of the next lines: events lie close together.
      const clear = inside.reduce((right, other) => (other.at > right && other.at < right + 60 ? other.at : right), at);
      const toTheLeft = clear + 8 + long > it.left + it.width;
      return { color, label, long, toTheLeft, from: toTheLeft ? at - 6 - long : clear + 6 };
    });
  const rows = freeRows(labels.map(({ from, long }) => ({ from: from - 2, to: from + long + 2 })));
  const texts = labels.flatMap(({ color, label, long, toTheLeft, from }, index) => {
    const y = PANEL_TOP + 18 + (rows[index] ?? 0) * 18;
    const style = { fill: color, weight: 600, anchor: toTheLeft ? ('end' as const) : ('start' as const) };
    return [
      `<rect x="${n(from - 2)}" y="${y - 12}" width="${n(long + 4)}" height="16" fill="#ffffff" fill-opacity="0.9"/>`,
      text(toTheLeft ? from + long : from, y, label, style),
    ];
  });
  return [...rules, ...texts];
}

function marks(it: Panel, style: Style, x: (ms: number) => number, y: (position: number) => number): string {
  const seen = new Set<string>();
  let path = '';
  for (const point of it.points) {
    if (point.kind !== style.kind) continue;
    const mark = style.draw(x(point.atMs), y(point.position - it.baseline));
    if (seen.has(mark)) continue;
    seen.add(mark);
    path += mark;
  }
  return path === '' ? '' : `<path d="${path}" ${paint(style)}/>`;
}

function paint(style: Style): string {
  return style.draw === cross
    ? `fill="none" stroke="${style.color}" stroke-width="1.8"`
    : `fill="${style.color}" fill-opacity="0.85"`;
}

function legendEntry(style: Style): LegendEntry {
  return { label: style.label, mark: (x, y) => `<path d="${style.draw(x, y)}" ${paint(style)}/>` };
}

function byteUnit(bytes: number): { name: string; size: number } {
  if (bytes >= 1e9) return { name: 'GB', size: 1e9 };
  if (bytes >= 1e6) return { name: 'MB', size: 1e6 };
  if (bytes >= 1e3) return { name: 'kB', size: 1e3 };
  return { name: 'bytes', size: 1 };
}
