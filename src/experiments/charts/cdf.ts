/** Which share of measurements does not exceed a value, for several series. Pure: data in, SVG out. */
import { n } from '../../lab/svg.ts';
import { type AxisOptions, valueAxis } from './axis.ts';
import { type Area, drawChart, type Heading, type Reference } from './frame.ts';
import { group, seriesStyle, stroke } from './marks.ts';

export interface CdfSeries {
  label: string;
  /** In any order. */
  values: readonly number[];
}

export interface CdfChart extends Heading {
  x: AxisOptions;
  /** What the shares are of; percent. */
  yLabel?: string;
  series: readonly CdfSeries[];
  verticals?: readonly Reference[];
}

export function cdfChart(data: CdfChart): string {
  const { series, verticals = [], yLabel = 'share of all values (%)' } = data;
  const xs = [...series.flatMap(({ values }) => values), ...verticals.map(({ value }) => value)];
  const frame = {
    heading: data,
    x: valueAxis(data.x, xs),
    y: valueAxis({ label: yLabel, from: 0, to: 100 }, []),
    verticals,
    legend: series.map(({ label, values }, index) => ({
      label: `${label} (n = ${values.length})`,
      mark: (x: number, y: number) => curve(`M${n(x - 6)},${n(y)}h14`, index),
    })),
  };
  return drawChart(frame, (area) =>
    series.map(({ label, values }, index) => group(label, [curve(stairs(values, area), index)])),
  );
}

/** A step up at each value; beyond the first and the last, curves would only cover each other. */
function stairs(values: readonly number[], area: Area): string {
  const steps: string[] = [];
  const ascending = [...values].sort((one, other) => one - other);
  for (const [index, value] of ascending.entries()) {
    const x = n(area.x(value));
    const next = ascending[index + 1];
    // Of many steps in one place the last one is as high as all of them.
    if (next !== undefined && n(area.x(next)) === x) continue;
    const y = n(area.y(((index + 1) / values.length) * 100));
    steps.push(steps.length === 0 ? `M${x},${n(area.y(0))}V${y}` : `H${x}V${y}`);
  }
  return steps.join('');
}

function curve(path: string, index: number): string {
  const { color, dash } = seriesStyle(index);
  return stroke(path, color, { dash, width: 2 });
}
