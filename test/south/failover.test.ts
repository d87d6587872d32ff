/**
 * The primary loses its power at every step of short transfers, and at random steps of many worlds: every byte arrives once and in
 * order at client and server, and the checkers see no rule of DESIGN §2 broken. A failure names the world that shows it.
 */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { SCENARIOS, type Scenario, variety } from '../../sim/scenarios.ts';
import { ROUGH, type World, type WorldOptions } from '../../sim/world.ts';

const SEEDS = 120;
/** The steps of a world are few more than this. */
const STEPS = 160;

function survives(scenario: Scenario, options: WorldOptions): World {
  try {
    return scenario.build(options).finish();
  } catch (error) {
    const { seed, crashAtStep } = options;
    throw new Error(`${scenario.name}, seed ${seed}, step ${crashAtStep}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

for (const scenario of SCENARIOS) {
  test(`${scenario.name} survives a power-off at each of its steps`, () => {
    const { steps } = survives(scenario, { seed: 1 });
    for (let step = 1; step <= steps; step++) survives(scenario, { seed: 1, crashAtStep: step });
  });

  test(`${scenario.name} survives a power-off on many networks, with many clients' options`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new Random(seed);
      const rough = random.chance(0.5) ? { lan: ROUGH, tunLoss: 0.02 } : {};
      const narrow = random.chance(0.3) ? { servers: [{}, { bufferBytes: 4_000 }] as const } : {};
      const witnessed = random.chance(0.5);
      const crashAtStep = random.between(1, STEPS);
      survives(scenario, { seed, ...variety(random), ...rough, ...narrow, witnessed, crashAtStep });
    }
  });
}

test('without a fault nothing is reset, diverges or is refused', () => {
  for (const scenario of SCENARIOS) {
    const world = survives(scenario, { seed: 3 });
    world.runFor(100);
    for (const { events } of world.hosts) equal(events.filter(({ event }) => event === 'log-refused').length, 0);
    const { divergences } = world.backup.south.counters;
    equal(divergences, 0);
    equal(world.backup.server.only.state, 'closed', 'the backup has come to the same end');
  }
});

test('RFC 9293 §3.4: initial sequence numbers of either side may wrap at any byte', () => {
  const [scenario] = SCENARIOS.filter(({ name }) => name.includes('both directions'));
  for (let back = 1; back <= 9_000; back += 777) {
    const wrap = 2 ** 32 - back;
    const servers = [{ nextIss: () => wrap }, { nextIss: () => wrap + 300 }] as const;
    for (const step of [30, 60, 90])
      if (scenario) survives(scenario, { seed: back, servers, crashAtStep: step, clientIss: wrap });
  }
});
