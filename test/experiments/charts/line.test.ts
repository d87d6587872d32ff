import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LineChart, lineChart } from '../../../src/experiments/charts/line.ts';
import { assertSound, axis, contentsOf, heading, measurement, pathsOf, reference, startsOf } from './drawn.ts';

const clients = [200, 1, 20];
const chart: LineChart = {
  title: 'Throughput with the number of clients',
  subtitle: 'median, least and greatest of 5',
  x: { label: 'clients', scale: 'log' },
  y: { label: 'throughput (Mb/s)' },
  series: [
    { label: 'clean', points: clients.map((x) => ({ x, y: 900, spread: { min: 850, max: 930 } })) },
    { label: 'hot', points: clients.map((x) => ({ x, y: 700 })) },
  ],
};

test('a line chart joins the points of a series from left to right, whatever their order', () => {
  const [path = ''] = pathsOf(lineChart(chart), 'hot');
  const xs = [...path.matchAll(/[ML]([\d.]+),/g)].map(([, x]) => Number(x));
  assert.equal(xs.length, 3);
  assert.deepEqual(
    xs,
    [...xs].sort((one, other) => one - other),
  );
});

test('points with a spread have whiskers from the least to the greatest, those without have none', () => {
  const svg = lineChart(chart);
  const [whiskers = '', , markers = ''] = pathsOf(svg, 'clean');
  assert.equal(startsOf(whiskers).length, 3 * 3);
  assert.equal(startsOf(markers).length, 3);
  const [least, , greatest] = startsOf(whiskers).map(({ y }) => y);
  assert.ok((least ?? 0) > (greatest ?? 0));
  assert.equal(pathsOf(svg, 'hot').length, 2);
  assertSound(svg);
});

test('whiskers of several series at the same place stand side by side', () => {
  const [clean = 0, hot = 0] = ['clean', 'hot'].map(
    (name) => startsOf(pathsOf(lineChart(chart), name).at(-1) ?? '')[0]?.x,
  );
  assert.ok(Math.abs(clean - hot) > 1);
});

test('numbers of clients from 1 to 200 have ticks at 1, 2 and 5 times powers of ten', () => {
  const contents = contentsOf(lineChart(chart));
  for (const tick of ['1', '2', '5', '10', '20', '50', '100', '200']) assert.ok(contents.includes(tick), tick);
});

test('whatever is measured, a line chart shows all of it', () => {
  const spread = fc.record({ min: measurement, max: measurement });
  const point = fc.record({ x: measurement, y: measurement, spread }, { requiredKeys: ['x', 'y'] });
  const any = fc.record({
    ...heading,
    x: axis,
    y: axis,
    series: fc.array(fc.record({ label: fc.string(), points: fc.array(point) }), { maxLength: 9 }),
    verticals: fc.array(reference, { maxLength: 5 }),
  });
  fc.assert(fc.property(any, (data) => assertSound(lineChart(data))));
});
