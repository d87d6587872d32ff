import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BarChart, barChart } from '../../../src/experiments/charts/bar.ts';
import { assertSound, axis, contentsOf, heading, measurement, pathsOf, startsOf, textsOf } from './drawn.ts';

const chart: BarChart = {
  title: 'Overhead',
  xLabel: 'transfer',
  y: { label: 'throughput (Mb/s)' },
  categories: ['upload', 'download'],
  series: [
    { label: 'clean', bars: [{ value: 900.4, spread: { min: 800, max: 950 } }, { value: 431 }] },
    { label: 'hot', bars: [{ value: 12.34 }, undefined] },
  ],
};

test('a bar chart has a bar with its value for whatever was measured, and whiskers where a spread is known', () => {
  const svg = barChart(chart);
  assert.equal(pathsOf(svg, 'clean').length, 3);
  assert.equal(pathsOf(svg, 'hot').length, 1);
  for (const words of ['900', '431', '12.3', 'upload', 'download', 'clean', 'hot']) {
    assert.ok(contentsOf(svg).includes(words), words);
  }
  assertSound(svg);
});

test('a value stands above its whisker', () => {
  const svg = barChart(chart);
  const whisker = startsOf(pathsOf(svg, 'clean')[1] ?? '');
  const value = textsOf(svg).find(({ content }) => content === '900');
  assert.ok((value?.y ?? 0) < Math.min(...whisker.map(({ y }) => y)));
});

test('bars of a negative value hang from zero', () => {
  const svg = barChart({ ...chart, series: [{ label: 'difference', bars: [{ value: 5 }, { value: -5 }] }] });
  const [up, down] = pathsOf(svg, 'difference').map((path) => startsOf(path)[0]?.y ?? 0);
  const zero = textsOf(svg).find(({ content }) => content === '0');
  assert.ok(Math.abs((down ?? 0) + 4 - (zero?.y ?? 0)) < 0.2);
  assert.ok((up ?? 0) < (down ?? 0));
});

test('on a logarithmic axis even the least bar stands above the floor', () => {
  const svg = barChart({
    ...chart,
    y: { label: 'pause (ms)', scale: 'log' },
    series: [{ label: 'clean', bars: [{ value: 10 }, { value: 1000 }] }],
  });
  const [, height] = /h[\d.]+v([\d.]+)h/.exec(pathsOf(svg, 'clean')[0] ?? '') ?? [];
  assert.ok(Number(height) > 10, `${height} pixels high`);
});

test('the picture grows with the number of bars, so that their values have room', () => {
  const many = Array.from({ length: 60 }, (_, index) => `transfer ${index}`);
  const svg = barChart({
    ...chart,
    categories: many,
    series: [{ label: 'clean', bars: many.map(() => ({ value: 123.4 })) }],
  });
  const values = textsOf(svg).filter(({ content }) => content === '123');
  for (const [index, { right }] of values.entries()) {
    assert.ok(right <= (values[index + 1]?.left ?? Number.POSITIVE_INFINITY));
  }
  assertSound(svg);
});

test('whatever is measured, a bar chart shows all of it', () => {
  const spread = fc.record({ min: measurement, max: measurement });
  const bar = fc.option(fc.record({ value: measurement, spread }, { requiredKeys: ['value'] }), { nil: undefined });
  const any = fc.array(fc.string({ maxLength: 30 }), { maxLength: 6 }).chain((categories) =>
    fc.record({
      ...heading,
      xLabel: fc.string(),
      y: axis,
      categories: fc.constant(categories),
      series: fc.array(
        fc.record({
          label: fc.string(),
          bars: fc.array(bar, { minLength: categories.length, maxLength: categories.length }),
        }),
        { maxLength: 4 },
      ),
    }),
  );
  fc.assert(fc.property(any, (data) => assertSound(barChart(data))));
});
