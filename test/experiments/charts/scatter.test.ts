import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ScatterChart, scatterChart } from '../../../src/experiments/charts/scatter.ts';
import { assertSound, axis, contentsOf, heading, measurement, pathsOf, reference, startsOf, textsOf } from './drawn.ts';

const chart: ScatterChart = {
  title: 'Pause by the moment of the crash',
  x: { label: 'moment (ms)' },
  y: { label: 'pause (ms)', scale: 'log' },
  series: [
    { label: 'reactive', points: [0, 25, 50, 100].map((x) => ({ x, y: 200 + x })) },
    { label: 'permanent', points: [{ x: 10, y: 10 }] },
    { label: 'nothing came of it', points: [] },
  ],
  verticals: [
    { value: 20, label: 'request logged' },
    { value: 21, label: 'acknowledged' },
    { value: 99, label: 'reply delivered' },
  ],
};

test('a scatter chart has a mark for each point, formed after its series, and a legend', () => {
  const svg = scatterChart(chart);
  const [reactive = '', permanent = ''] = ['reactive', 'permanent'].map((name) => pathsOf(svg, name)[0]);
  assert.equal(startsOf(reactive).length, 4);
  assert.equal(startsOf(permanent).length, 1);
  const form = (path: string) => path.replace(/M[^a-z]*/, '');
  assert.ok(!reactive.includes(form(permanent)));
  assert.deepEqual(pathsOf(svg, 'nothing came of it'), []);
  for (const { label } of chart.series) assert.ok(contentsOf(svg).includes(label), label);
  assertSound(svg);
});

test('greater values lie further to the right and higher', () => {
  const starts = startsOf(pathsOf(scatterChart(chart), 'reactive')[0] ?? '');
  for (const [index, { x, y }] of starts.entries()) {
    const next = starts[index + 1] ?? { x: Number.POSITIVE_INFINITY, y: Number.NEGATIVE_INFINITY };
    assert.ok(next.x > x && next.y < y);
  }
});

test('labels of vertical lines close together stand in rows of their own, and none is cut off', () => {
  const svg = scatterChart(chart);
  const rows = chart.verticals?.map(({ label }) => textsOf(svg).find(({ content }) => content === label)?.y ?? 0) ?? [];
  assert.deepEqual(
    rows.map((y) => (rows[2] ?? 0) - y),
    [16, 0, 0],
  );
  assertSound(svg);
});

test('whatever is measured, a scatter chart shows all of it', () => {
  const points = fc.array(fc.record({ x: measurement, y: measurement }));
  const any = fc.record({
    ...heading,
    x: axis,
    y: axis,
    series: fc.array(fc.record({ label: fc.string(), points }), { maxLength: 9 }),
    verticals: fc.array(reference, { maxLength: 5 }),
  });
  fc.assert(fc.property(any, (data) => assertSound(scatterChart(data))));
});
