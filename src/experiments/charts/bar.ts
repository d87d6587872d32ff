/** Values of several series for each of some categories, side by side from zero. Pure: data in, SVG out. */
import { brief, INK, n, text, textWidth } from '../../lab/svg.ts';
import { type AxisOptions, categoryAxis, valueAxis } from './axis.ts';
import { type Area, drawChart, type Heading } from './frame.ts';
import { group, type Spread, seriesStyle, solid, stroke, whisker } from './marks.ts';

export interface Bar {
  value: number;
  spread?: Spread;
}

export interface BarSeries {
  label: string;
  /** One for each category, in their order; undefined where nothing was measured. */
  bars: readonly (Bar | undefined)[];
}

export interface BarChart extends Heading {
  /** What the categories are. */
  xLabel: string;
  /** Always with 0, or with a floor if it is logarithmic. */
  y: AxisOptions;
  categories: readonly string[];
  series: readonly BarSeries[];
}

/** Of a category's place, what its bars take together. */
const SHARE = 0.8;
const BAR_WIDTH_MAX = 64;
const LABEL_SIZE = 11;
/** Beyond the longest bar, for its label. */
const HEADROOM = 1.08;

export function barChart(data: BarChart): string {
  const { series, categories } = data;
  const bars = series.flatMap((one) => one.bars).filter((bar) => bar !== undefined);
  const ends = bars.flatMap((bar) => Object.values(endsOf(bar)));
  const labelWidth = bars.reduce((most, { value }) => Math.max(most, textWidth(brief(value), LABEL_SIZE)), 0) + 4;
  const frame = {
    heading: data,
    x: categoryAxis(data.xLabel, categories),
    y: valueAxis(data.y, [0, ...ends.map((end) => end * HEADROOM)]),
    legend: series.map(({ label }, index) => ({
      label,
      mark: (x: number, y: number) => solid(rectangle(x - 6, y - 6, 12, 12), seriesStyle(index).color),
    })),
    widthMin: (categories.length * series.length * labelWidth) / SHARE,
  };
  return drawChart(frame, (area) => {
    const width = Math.min(BAR_WIDTH_MAX, (area.width / categories.length / series.length) * SHARE);
    return series.map(({ label, bars }, index) => {
      const aside = width * (index - (series.length - 1) / 2);
      const drawn = bars.map((bar, at) =>
        bar ? drawBar(bar, area.x(at) + aside, width, area, seriesStyle(index).color) : '',
      );
      return group(label, drawn);
    });
  });
}

function drawBar(bar: Bar, center: number, width: number, area: Area, color: string): string {
  const [zero, end] = [area.y(0), area.y(bar.value)];
  const { low, high } = endsOf(bar);
  const labelY = bar.value < 0 ? area.y(low) + 14 : area.y(high) - 5;
  return [
    solid(rectangle(center - width / 2 + 1, Math.min(zero, end), width - 2, Math.abs(end - zero)), color),
    bar.spread ? stroke(whisker(center, area.y(low), area.y(high)), INK, { width: 1.2 }) : '',
    text(center, labelY, brief(bar.value), { size: LABEL_SIZE, anchor: 'middle' }),
  ].join('');
}

function endsOf({ value, spread }: Bar): { low: number; high: number } {
  return { low: Math.min(value, spread?.min ?? value), high: Math.max(value, spread?.max ?? value) };
}

function rectangle(x: number, y: number, width: number, height: number): string {
  return `M${n(x)},${n(y)}h${n(width)}v${n(height)}h${n(-width)}z`;
}
