import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Axis, categoryAxis, valueAxis } from '../../../src/experiments/charts/axis.ts';
import { measurement } from './drawn.ts';

const linear = (values: number[], limits = {}) => valueAxis({ label: 'pause (ms)', ...limits }, values);
const log = (values: number[], limits = {}) => valueAxis({ label: 'pause (ms)', scale: 'log', ...limits }, values);
const labels = (axis: Axis) => axis.ticks.map(({ label }) => label);

test('a linear axis has round ticks from one not above the least value to one not below the greatest', () => {
  assert.deepEqual(labels(linear([3.1, 16])), ['2', '4', '6', '8', '10', '12', '14', '16']);
  assert.deepEqual(labels(linear([3.1, 16], { from: 0, to: 17 })), ['0', '5', '10', '15', '20']);
  assert.deepEqual(labels(linear([-0.4, 0.3])), ['−0.4', '−0.3', '−0.2', '−0.1', '0', '0.1', '0.2', '0.3']);
});

test('a logarithmic axis has ticks at 1, 2 and 5 times powers of ten, over many decades only at these', () => {
  assert.deepEqual(labels(log([3, 40])), ['2', '5', '10', '20', '50']);
  assert.deepEqual(
    labels(log([1, 1e4])).filter((label) => label !== ''),
    ['1', '10', '100', '1000', '10000'],
  );
  assert.deepEqual(labels(log([1e-9, 1e9])).length, 7);
});

test('equal distances on a logarithmic axis are equal ratios', () => {
  const { fraction } = log([1, 100]);
  assert.deepEqual([1, 10, 100].map(fraction), [0, 0.5, 1]);
});

test('what has no logarithm lies on the floor, which is below all that has one', () => {
  const axis = log([0, -7, 5, 40]);
  assert.deepEqual(labels(axis), ['≤ 2', '5', '10', '20', '50']);
  assert.deepEqual([0, -7].map(axis.fraction), [0, 0]);
  assert.ok(axis.fraction(5) > 0);
  assert.deepEqual(labels(log([0], { from: 0 })), ['≤ 0.2', '0.5', '1']);
});

test('without values, or with a single one, an axis still has a length', () => {
  assert.deepEqual(
    [linear([]), linear([0])].map(({ fraction }) => fraction(0)),
    [0, 0],
  );
  assert.deepEqual(
    [linear([5]), linear([5, 5])].map(({ fraction }) => fraction(5)),
    [1, 1],
  );
  assert.ok(log([]).ticks.length >= 2 && log([10]).ticks.length >= 2);
});

test('names share an axis evenly', () => {
  const { ticks, fraction } = categoryAxis('strategy', ['never', 'reactive']);
  assert.deepEqual(
    ticks.map(({ value }) => fraction(value)),
    [0.25, 0.75],
  );
});

test('whatever the values, an axis keeps their order, and its ticks are few, rising and different', () => {
  const scale = fc.constantFrom('linear' as const, 'log' as const);
  fc.assert(
    fc.property(scale, fc.array(measurement), (kind, values) => {
      const { ticks, fraction } = valueAxis({ label: '', scale: kind }, values);
      assert.ok(ticks.length >= 2 && ticks.length <= 25);
      const places = ticks.map(({ value }) => fraction(value));
      assert.ok(places.every((place, index) => index === 0 || place > (places[index - 1] ?? 0)));
      const written = ticks.map(({ label }) => label).filter((label) => label !== '');
      assert.equal(new Set(written).size, written.length);
      const fractions = values.sort((one, other) => one - other).map(fraction);
      assert.ok(fractions.every((place, index) => place <= 1 && place >= (fractions[index - 1] ?? 0)));
    }),
  );
});
