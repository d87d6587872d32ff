/**
 * Axes of charts: which values they span, where their ticks are, and how far along them a value lies. Whatever finite
 * values come, every place on an axis is a number. Pure.
 */
import { multiples, plain, roundStep } from '../../lab/svg.ts';

export interface AxisOptions {
  /** What is measured, and its unit in brackets. */
  label: string;
  scale?: 'linear' | 'log';
  /** The axis begins here, or below where there are lesser values. */
  from?: number;
  /** The axis ends here, or above where there are greater values. */
  to?: number;
}

export interface Tick {
  value: number;
  /** Empty: a line without a text. */
  label: string;
}

export interface Axis {
  /** Names share the axis among them; values are points on it. */
  of: 'values' | 'names';
  label: string;
  ticks: readonly Tick[];
  /** From 0 at the beginning of the axis to 1 at its end. */
  fraction(value: number): number;
}

const INTERVALS = 8;
/** Closer together than this, relative to their size, values count as equal: ticks between them would all be one number. */
const RELATIVE_SPAN_MIN = 1e-4;
/** Less than this is 0: what is divided by it stays finite. */
const LEAST = 1e-200;
/** Up to so many decades 2 and 5 are labelled between powers of ten, and up to the other number they have lines. */
const DECADES_LABELLED = 3;
const DECADES_LINED = 6;

export function valueAxis(options: AxisOptions, values: readonly number[]): Axis {
  const limits = [options.from, options.to].filter((limit) => limit !== undefined);
  if (options.scale !== 'log') return linearAxis(options.label, [...values, ...limits]);
  return logAxis(options.label, [...values, ...limits.filter((limit) => limit > 0)]);
}

/** One place for each name, in the middle of its share of the axis. The value is its index. */
export function categoryAxis(label: string, names: readonly string[]): Axis {
  return {
    of: 'names',
    label,
    ticks: names.map((name, value) => ({ value, label: name })),
    fraction: (value) => (value + 0.5) / names.length,
  };
}

function linearAxis(label: string, values: readonly number[]): Axis {
  const { least, most } = apart(values);
  const step = roundStep((most - least) / INTERVALS);
  const from = Math.floor(least / step + 1e-9) * step;
  const to = Math.ceil(most / step - 1e-9) * step;
  return {
    of: 'values',
    label,
    ticks: multiples(from, to, step).map((value) => ({ value, label: plain(value) })),
    fraction: (value) => within((value - from) / (to - from)),
  };
}

/** The extremes, moved apart if they are the same. */
function apart(values: readonly number[]): { least: number; most: number } {
  const least = values.reduce((one, other) => Math.min(one, other), values[0] ?? 0);
  const most = values.reduce((one, other) => Math.max(one, other), values[0] ?? 0);
  const size = Math.max(Math.abs(least), Math.abs(most));
  if (size < LEAST) return { least: 0, most: 1 };
  if (most - least > size * RELATIVE_SPAN_MIN) return { least, most };
  // Zero is where a single value is best compared with.
  return { least: Math.min(0, least), most: Math.max(0, most) };
}

function logAxis(label: string, values: readonly number[]): Axis {
  const positive = values.filter((value) => value > LEAST);
  const least = positive.reduce((one, other) => Math.min(one, other), positive[0] ?? 1);
  const most = positive.reduce((one, other) => Math.max(one, other), positive[0] ?? 1);
  // Zero has no place of its own: it lies on the floor, below all others.
  const belowFloor = positive.length < values.length;
  const steps = logSteps(least, most, belowFloor);
  const from = Math.log10(steps[0] ?? 1);
  const to = Math.log10(steps.at(-1) ?? 10);
  return {
    of: 'values',
    label,
    ticks: logTicks(steps, to - from, belowFloor),
    fraction: (value) => (value > LEAST ? within((Math.log10(value) - from) / (to - from)) : 0),
  };
}

/** 1, 2 and 5 times powers of ten, from the last not above `least` to the first not below `most`; two of them or more. */
function logSteps(least: number, most: number, belowLeast: boolean): number[] {
  const steps: number[] = [];
  for (let power = Math.floor(Math.log10(least)) - 1; power <= Math.ceil(Math.log10(most)) + 1; power++) {
    steps.push(...[1, 2, 5].map((factor) => Number(`${factor}e${power}`)));
  }
  const last = steps.findIndex((step) => step >= most);
  const first = Math.min(
    steps.findLastIndex((step) => step <= least),
    last - 1,
  );
  return steps.slice(first - (belowLeast ? 1 : 0), last + 1);
}

function logTicks(steps: readonly number[], decades: number, belowFloor: boolean): Tick[] {
  const every = Math.ceil(decades / INTERVALS);
  return steps.flatMap((value, index) => {
    const power = Math.log10(value);
    const isPower = Math.abs(power - Math.round(power)) < 1e-9;
    const isFloor = belowFloor && index === 0;
    if (isFloor) return [{ value, label: `≤ ${plain(value)}` }];
    if (isPower ? Math.round(power) % every !== 0 : decades > DECADES_LINED) return [];
    return [{ value, label: isPower || decades <= DECADES_LABELLED ? plain(value) : '' }];
  });
}

function within(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}
