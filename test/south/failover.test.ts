/**
 * The primary loses its power at every step of short transfers: every byte arrives once and in order at client and server, and the
 * checkers see no rule of DESIGN §2 broken. A failure names the world that shows it. Random faults in many worlds: test/sim.
 */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { SCENARIOS, type Scenario } from '../../sim/scenarios.ts';
import type { World, WorldOptions } from '../../sim/world.ts';

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
