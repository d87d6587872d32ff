/** Single measurements as points of two values. Pure: data in, SVG out. */
import { type AxisOptions, valueAxis } from './axis.ts';
import { drawChart, type Heading, type Reference } from './frame.ts';
import { group, markers, seriesStyle } from './marks.ts';

export interface ScatterSeries {
  label: string;
  points: readonly { x: number; y: number }[];
}

export interface ScatterChart extends Heading {
  x: AxisOptions;
  /** From 0, if it is linear and nothing else is said. */
  y: AxisOptions;
  series: readonly ScatterSeries[];
  verticals?: readonly Reference[];
}

export function scatterChart(data: ScatterChart): string {
  const { series, verticals = [] } = data;
  const points = series.flatMap((one) => one.points);
  const xs = [...points.map(({ x }) => x), ...verticals.map(({ value }) => value)];
  const ys = points.map(({ y }) => y);
  const frame = {
    heading: data,
    x: valueAxis(data.x, xs),
    y: valueAxis({ from: 0, ...data.y }, ys),
    verticals,
    legend: series.map(({ label }, index) => ({
      label,
      mark: (x: number, y: number) => markers([{ x, y }], seriesStyle(index)),
    })),
  };
  return drawChart(frame, (area) =>
    series.map((one, index) => {
      const places = one.points.map(({ x, y }) => ({ x: area.x(x), y: area.y(y) }));
      return group(one.label, [markers(places, seriesStyle(index))]);
    }),
  );
}
