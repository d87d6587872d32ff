import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type StripChart, stripChart } from '../../../src/experiments/charts/strip.ts';
import { assertSound, axis, contentsOf, heading, measurement, pathsOf, reference, startsOf, textsOf } from './drawn.ts';

const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

function pauses(changed: Partial<StripChart> = {}): StripChart {
  return {
    title: 'Pauses',
    xLabel: 'strategy',
    y: { label: 'pause (ms)', scale: 'log' },
    groups: [
      { label: 'never', values: hundred.map((value) => value * 20) },
      { label: 'reactive', values: hundred },
    ],
    ...changed,
  };
}

test('a strip chart shows every value, and median and 95th percentile with their numbers', () => {
  const svg = stripChart(pauses());
  const [dots = '', p95 = '', median = ''] = pathsOf(svg, 'reactive');
  assert.equal(startsOf(dots).length, 100);
  const [p95At, medianAt] = [startsOf(p95), startsOf(median)].map(([start]) => start?.y ?? 0);
  assert.ok((p95At ?? 0) < (medianAt ?? 0), 'the 95th percentile lies above the median');
  for (const number of ['50.5', '95', '1010', '1900']) assert.ok(contentsOf(svg).includes(number), number);
  assertSound(svg);
});

test('the groups stand in their order, and each says how many values it has', () => {
  const svg = stripChart(pauses());
  const names = textsOf(svg).filter(({ content }) => ['never', 'reactive'].includes(content));
  assert.deepEqual(
    names.map(({ content }) => content),
    ['never', 'reactive'],
  );
  assert.ok((names[0]?.right ?? 0) < (names[1]?.left ?? 0));
  assert.equal(contentsOf(svg).filter((content) => content === 'n = 100').length, 2);
});

test('a goal is a line with a label, and on the axis even if all values are far from it', () => {
  const svg = stripChart(pauses({ goal: { value: 0.2, label: 'goal: 0.2 ms' } }));
  const goal = textsOf(svg).find(({ content }) => content === 'goal: 0.2 ms');
  const dots = startsOf(pathsOf(svg, 'reactive')[0] ?? '');
  assert.ok(dots.every(({ x, y }) => x < (goal?.left ?? 0) && y < (goal?.y ?? 0)));
  assertSound(svg);
});

test('a zero on a logarithmic axis lies on its floor, and the floor says so', () => {
  const svg = stripChart(pauses({ groups: [{ label: 'zeros', values: [0, 3, 40] }] }));
  const floor = textsOf(svg).find(({ content }) => content.startsWith('≤'));
  const lowest = Math.max(...startsOf(pathsOf(svg, 'zeros')[0] ?? '').map(({ y }) => y));
  assert.equal(lowest + 4, floor?.y);
});

test('numbers of median and 95th percentile do not cover each other, even if they are equal', () => {
  const svg = stripChart(pauses({ groups: [{ label: 'equal', values: [7.77, 7.77, 7.77] }] }));
  const [one, other] = textsOf(svg).filter(({ content }) => content === '7.77');
  assert.equal(Math.abs((one?.y ?? 0) - (other?.y ?? 0)), 14);
});

test('the same values give the same picture', () => {
  assert.equal(stripChart(pauses()), stripChart(pauses()));
});

test('whatever is measured, a strip chart shows all of it', () => {
  const chart = fc.record({
    ...heading,
    xLabel: fc.string(),
    y: axis,
    groups: fc.array(fc.record({ label: fc.string(), values: fc.array(measurement) }), { maxLength: 8 }),
    goal: reference,
  });
  fc.assert(fc.property(chart, (data) => assertSound(stripChart(data))));
});
