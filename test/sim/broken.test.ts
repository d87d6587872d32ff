/** The checkers bite: every broken variant is found within a bounded number of seeds, and by the rule that it breaks. */
import { fail, match } from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../../sim/plan.ts';
import { simulate } from '../../sim/run.ts';
import { VARIANTS } from './variants.ts';

const SEEDS_MAX = 500;

for (const { name, found, where = () => true, spoil } of VARIANTS) {
  test(`${name} is found`, () => {
    const mend = spoil();
    try {
      for (let seed = 1, worlds = 0; worlds < SEEDS_MAX; seed++) {
        const plan = planOf(seed);
        if (!where(plan)) continue;
        worlds++;
        const { problem } = simulate(plan);
        if (problem === '') continue;
        match(problem, found, `seed ${seed}`);
        return;
      }
    } finally {
      mend();
    }
    fail(`not within ${SEEDS_MAX} worlds`);
  });
}
