/** How a value follows another, for several series, with the spread of what was measured. Pure: data in, SVG out. */
import { n } from '../../lab/svg.ts';
import { type AxisOptions, valueAxis } from './axis.ts';
import { type Area, drawChart, type Heading, type Reference } from './frame.ts';
import { group, markers, type Place, type Spread, type Style, seriesStyle, stroke, whisker } from './marks.ts';

export interface LinePoint {
  x: number;
  y: number;
  spread?: Spread;
}

export interface LineSeries {
  label: string;
  /** In any order. */
  points: readonly LinePoint[];
}

export interface LineChart extends Heading {
  x: AxisOptions;
  /** From 0, if it is linear and nothing else is said. */
  y: AxisOptions;
  series: readonly LineSeries[];
  verticals?: readonly Reference[];
}

/** Whiskers of several series at the same x stand side by side. */
const WHISKERS_APART = 5;

export function lineChart(data: LineChart): string {
  const { series, verticals = [] } = data;
  const points = series.flatMap((one) => one.points);
  const xs = [...points.map(({ x }) => x), ...verticals.map(({ value }) => value)];
  const ys = points.flatMap(({ y, spread }) => (spread ? [y, spread.min, spread.max] : [y]));
  const apart = points.some(({ spread }) => spread !== undefined) ? WHISKERS_APART : 0;
  const frame = {
    heading: data,
    x: valueAxis(data.x, xs),
    y: valueAxis({ from: 0, ...data.y }, ys),
    verticals,
    legend: series.map(({ label }, index) => ({
      label,
      mark: (x: number, y: number) =>
        joined(
          [
            { x: x - 6, y },
            { x: x + 8, y },
          ],
          seriesStyle(index),
          [{ x: x + 1, y }],
        ),
    })),
  };
  return drawChart(frame, (area) =>
    series.map(({ label, points }, index) =>
      group(label, drawSeries(points, seriesStyle(index), area, apart * (index - (series.length - 1) / 2))),
    ),
  );
}

function drawSeries(points: readonly LinePoint[], style: Style, area: Area, aside: number): string[] {
  const placed = [...points]
    .sort((one, other) => one.x - other.x)
    .map(({ x, y, spread }) => ({ x: area.x(x) + aside, y: area.y(y), spread }));
  const whiskers = placed.map(({ x, spread }) => (spread ? whisker(x, area.y(spread.min), area.y(spread.max)) : ''));
  return [stroke(whiskers.join(''), style.color, { width: 1.2 }), joined(placed, style)];
}

function joined(places: readonly Place[], style: Style, marked = places): string {
  const path = places.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${n(x)},${n(y)}`).join('');
  return stroke(path, style.color, { dash: style.dash }) + markers(marked, style);
}
