import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CdfChart, cdfChart } from '../../../src/experiments/charts/cdf.ts';
import { assertSound, axis, contentsOf, heading, measurement, pathsOf, reference, textsOf } from './drawn.ts';

const chart: CdfChart = {
  title: 'How long clients pause',
  x: { label: 'pause (ms)', scale: 'log' },
  series: [
    { label: 'few', values: [30, 1, 2, 2] },
    { label: 'none', values: [] },
  ],
};

test('a distribution climbs from 0 to 100 % in a step for each value, or for several in one place', () => {
  const svg = cdfChart(chart);
  const [path = ''] = pathsOf(svg, 'few');
  const heights = [path.split(',')[1] ?? '', ...path.split('V').slice(1)].map((part) => Number.parseFloat(part));
  const [none, all] = ['0', '100'].map((share) => textsOf(svg).find(({ content }) => content === share)?.y ?? 0);
  const shares = heights.map((y) => ((none ?? 0) - 4 - y) / ((none ?? 0) - (all ?? 0)));
  assert.deepEqual(shares, [0, 0.25, 0.75, 1]);
  assertSound(svg);
});

test('the legend says of how many values each distribution is', () => {
  const contents = contentsOf(cdfChart(chart));
  assert.ok(contents.includes('few (n = 4)') && contents.includes('none (n = 0)'));
});

test('whatever is measured, a distribution shows all of it and never falls', () => {
  const any = fc.record({
    ...heading,
    x: axis,
    series: fc.array(fc.record({ label: fc.string(), values: fc.array(measurement) }), { maxLength: 9 }),
    verticals: fc.array(reference, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(any, (data) => {
      const svg = cdfChart(data);
      assertSound(svg);
      for (const [, path = ''] of svg.matchAll(/ d="(M[^"]*H[^"]*V[^"]*)"/g)) {
        const ys = path
          .split('V')
          .slice(1)
          .map((part) => Number.parseFloat(part));
        const xs = path
          .split('H')
          .slice(1)
          .map((part) => Number.parseFloat(part));
        assert.ok(ys.every((y, index) => index === 0 || y <= (ys[index - 1] ?? 0)));
        assert.ok(xs.every((x, index) => index === 0 || x >= (xs[index - 1] ?? 0)));
      }
    }),
  );
});
