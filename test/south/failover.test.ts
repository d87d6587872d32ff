import { test } from 'node:test';
import { World } from './world.ts';

test('an echo works through a pair of hosts', () => {
  const data = new Uint8Array(20_000).map((_, i) => i * 7);
  const world = new World({ seed: 1 }).pair();
  world.addClient({ sends: data, expects: data });
  world.finish();
  console.log(world.steps, world.nowMs, world.primary.south.counters);
});
