/** A four-tuple that is used again after a promotion. Found by `npm run sim`, seeds 60 and 88. */
import { test } from 'node:test';
import { echo, sink } from '../../sim/model-server.ts';
import { conversation, upload } from '../../sim/scenarios.ts';
import { World } from '../../sim/world.ts';

const PORT = { port: 50_000 };
/** Its window never covers what the first host's server has promised. */
const NARROW = [{}, { bufferBytes: 4_000 }] as const;

test('a connection that had finished before the promotion gives its four-tuple free', () => {
  const world = new World({ seed: 1, app: echo, servers: NARROW }).pair();
  conversation(world, 500, 0, { ...PORT, iss: 1_000 });
  world.finish().runFor(20);
  world.crash(world.primary);
  world.runFor(50);
  conversation(world, 5_000, 100, { ...PORT, iss: 900_000 });
  world.run(() => world.clients.every(({ isContent }) => isContent), 5_000);
  world.finish();
});

test('so does one that came to its end after it, on a server that never spoke to its client directly', () => {
  const world = new World({ seed: 2, app: sink, servers: NARROW }).pair();
  const first = upload(world, 20_000, { ...PORT, iss: 1_000 });
  world.run(() => first.tcp.sndUna > 5_000);
  world.crash(world.primary);
  world.finish().runFor(20);
  upload(world, 3_000, { ...PORT, iss: 900_000 });
  world.run(() => world.clients.every(({ isContent }) => isContent), 5_000);
  world.finish();
});
