import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pattern } from '../../soak/pattern.ts';
import { Random } from '../../src/lab/random.ts';

test('a pattern is the same wherever it is cut', () => {
  const pattern = new Pattern(1, 2);
  const whole = pattern.bytes(0, 200_000);
  assert.deepEqual(pattern.bytes(65_500, 100), whole.subarray(65_500, 65_600));
  assert.deepEqual(pattern.bytes(131_042, 1000), whole.subarray(131_042, 132_042));
});

test('a wrong byte, a lost byte and a doubled one are found where they are', () => {
  const pattern = new Pattern(1);
  const found = pattern.bytes(1000, 500);
  assert.equal(pattern.firstDifference(found, 1000), -1);
  found[77] = (found[77] ?? 0) ^ 1;
  assert.equal(pattern.firstDifference(found, 1000), 77);
  const right = pattern.bytes(0, 1000);
  const lost = Buffer.concat([right.subarray(0, 400), right.subarray(401)]);
  assert.ok(pattern.firstDifference(lost, 0) >= 400);
  const doubled = Buffer.concat([right.subarray(0, 400), right.subarray(399)]);
  assert.ok(pattern.firstDifference(doubled, 0) >= 400);
});

test('two seeds make two patterns', () => {
  assert.notEqual(new Pattern(1).firstDifference(new Pattern(2).bytes(0, 100), 0), -1);
  assert.notEqual(new Pattern(1, 0).firstDifference(new Pattern(1, 1).bytes(0, 100), 0), -1);
});

test('random numbers stay within their bounds, reach both, and favour none', () => {
  const random = new Random(3);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 8000; i++) {
    const number = random.integer(5, 8);
    counts[number - 5] = (counts[number - 5] ?? 0) + 1;
  }
  assert.equal(
    counts.reduce((sum, one) => sum + one, 0),
    8000,
  );
  for (const count of counts) assert.ok(count > 1800 && count < 2200, `${counts}`);
});

test('neighbouring seeds have nothing in common', () => {
  const firsts = Array.from({ length: 1000 }, (_, round) => new Random(7, round).integer(0, 9));
  const repeated = firsts.filter((one, i) => one === firsts[i + 1]).length;
  assert.ok(repeated > 60 && repeated < 150, `${repeated}`);
});
