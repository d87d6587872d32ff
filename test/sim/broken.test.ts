/** The checkers bite: every broken variant is found within a bounded number of seeds, and by the rule that it breaks. */
import { match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../../sim/plan.ts';
import { simulate } from '../../sim/run.ts';
import { VARIANTS } from './variants.ts';

const SEEDS_MAX = 150;

for (const { name, found, spoil } of VARIANTS) {
  test(`${name} is found`, () => {
    const mend = spoil();
    try {
      for (let seed = 1; seed <= SEEDS_MAX; seed++) {
        const { problem } = simulate(planOf(seed));
        if (problem === '') continue;
        match(problem, found, `seed ${seed}`);
        return;
      }
    } finally {
      mend();
    }
    ok(false, `not within ${SEEDS_MAX} seeds`);
  });
}
