/** Every single measurement of some categories, with median and 95th percentile. Pure: data in, SVG out. */
import { brief, INK, n, text, textWidth } from '../../lab/svg.ts';
import { type AxisOptions, categoryAxis, valueAxis } from './axis.ts';
import { type Area, drawChart, type Heading, type Reference } from './frame.ts';
import { circle, filled, group, stroke } from './marks.ts';

export interface StripGroup {
  label: string;
  values: readonly number[];
}

export interface StripChart extends Heading {
  /** What the groups are. */
  xLabel: string;
  /** From 0, if it is linear and nothing else is said. */
  y: AxisOptions;
  groups: readonly StripGroup[];
  goal?: Reference;
}

const DOT = { color: '#56b4e9', radius: 2.6 };
const MEDIAN = { color: INK, width: 2.2, label: 'median' };
const P95 = { color: '#d55e00', width: 2, label: '95th percentile' };
/** Of a group's place, what its dots take; the rest is for numbers. */
const SHARE = 0.44;
const DOTS_WIDTH_MAX = 110;
const NUMBERS_APART = 14;
/** Multiples of it are spread evenly between whole numbers, and no two neighbours lie together. */
const GOLDEN_RATIO = 0.618034;

export function stripChart(data: StripChart): string {
  const { groups, goal } = data;
  const values = groups.flatMap((one) => one.values);
  const numbers = groups.flatMap((one) => Object.values(summary(one.values) ?? {}));
  const numberWidth = numbers.reduce((most, value) => Math.max(most, textWidth(brief(value))), 0);
  const frame = {
    heading: data,
    x: categoryAxis(
      data.xLabel,
      groups.map(({ label, values }) => `${label}\nn = ${values.length}`),
    ),
    y: valueAxis({ from: 0, ...data.y }, goal ? [...values, goal.value] : values),
    goal,
    legend: [
      { label: 'single value', mark: (x: number, y: number) => filled(circle(x, y, DOT.radius), DOT.color) },
      { label: MEDIAN.label, mark: (x: number, y: number) => stroke(`M${n(x - 6)},${n(y)}h14`, MEDIAN.color, MEDIAN) },
      { label: P95.label, mark: (x: number, y: number) => stroke(`M${n(x - 4)},${n(y)}h10`, P95.color, P95) },
    ],
    widthMin: (groups.length * 2 * (numberWidth + 8)) / (1 - SHARE),
  };
  return drawChart(frame, (area) => {
    const width = Math.min(DOTS_WIDTH_MAX, (area.width / groups.length) * SHARE);
    return groups.map(({ label, values }, index) => group(label, drawGroup(values, area.x(index), width, area)));
  });
}

function drawGroup(values: readonly number[], center: number, width: number, area: Area): string[] {
  const found = summary(values);
  if (found === undefined) return [];
  const aside = (index: number) => ((((index + 1) * GOLDEN_RATIO) % 1) - 0.5) * (width - 8);
  const dots = values.map((value, index) => circle(center + aside(index), area.y(value), DOT.radius));
  const [medianY, p95Y] = [area.y(found.median), area.y(found.p95)];
  const middle = (medianY + p95Y) / 2;
  const numberX = center + width / 2 + 5;
  const number = (value: number, y: number, fill: string) => text(numberX, y + 4, brief(value), { fill, weight: 600 });
  return [
    filled(dots.join(''), DOT.color),
    stroke(`M${n(center - width / 4)},${n(p95Y)}h${n(width / 2)}`, P95.color, P95),
    stroke(`M${n(center - width / 2)},${n(medianY)}h${n(width)}`, MEDIAN.color, MEDIAN),
    number(found.median, Math.max(medianY, middle + NUMBERS_APART / 2), MEDIAN.color),
    number(found.p95, Math.min(p95Y, middle - NUMBERS_APART / 2), P95.color),
  ];
}

interface Summary {
  /** The middle one, or the mean of the two in the middle. */
  median: number;
  /** The least that at least 95 of 100 values do not exceed. */
  p95: number;
}

function summary(values: readonly number[]): Summary | undefined {
  const ascending = [...values].sort((one, other) => one - other);
  const half = ascending.length / 2;
  const [lower, upper] = [ascending[Math.ceil(half) - 1], ascending[Math.floor(half)]];
  const p95 = ascending[Math.ceil((values.length * 95) / 100) - 1];
  if (lower === undefined || upper === undefined || p95 === undefined) return undefined;
  return { median: (lower + upper) / 2, p95 };
}
