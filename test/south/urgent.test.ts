/** Urgent data: both servers hear where it ends, and after a takeover so does the client. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelClient } from '../../sim/model-client.ts';
import { answerOf, telnet } from '../../sim/model-server.ts';
import { ROUGH, World, type WorldOptions } from '../../sim/world.ts';
import { UrgentMarks } from '../../src/south/urgent-marks.ts';
import { URG } from '../../src/wire/tcp.ts';

const ROUNDS = 4;
/** Of each round, the last of them urgent. */
const BYTES = 300;

const said = Uint8Array.from({ length: ROUNDS * BYTES }, (_, i) => i & 0x7f);
const answer = answerOf(said, BYTES);
const marks = Array.from({ length: ROUNDS }, (_, round) => 1 + (round + 1) * BYTES);

function speak(world: World): ModelClient {
  return world.addClient({ sends: said, expects: answer, closesFirst: true, stepBytes: BYTES, urgent: true });
}

/** @returns the world after all was said and answered, with a crash of the primary at that of its steps. */
function converse(options: Partial<WorldOptions>): World {
  const world = new World({ seed: 1, app: telnet, ...options }).pair();
  const client = speak(world);
  world.finish();
  deepEqual(client.tcp.urgentHeard, marks, 'the client has heard where urgent data ends');
  return world;
}

test('both servers hear of urgent data', () => {
  const world = converse({});
  for (const { server } of world.hosts) deepEqual(server.only.urgentHeard, marks);
  equal(world.backup.south.counters.divergences, 0);
});

test('urgent data is urgent still when the primary has crashed, at any step', () => {
  const { steps } = converse({});
  ok(steps > 30);
  for (let crashAtStep = 1; crashAtStep < steps; crashAtStep++) {
    const world = converse({ crashAtStep, seed: crashAtStep });
    deepEqual(world.backup.server.connections.at(-1)?.urgentHeard, marks);
  }
});

test('a backup whose server has fallen behind tells it of each end of urgent data', () => {
  const world = new World({ seed: 2, app: telnet, servers: [{}, { bufferBytes: BYTES / 2, windowScale: 0 }] }).pair();
  world.backup.server.reads = false;
  const client = speak(world);
  world.run(() => client.tcp.received.length === answer.length);
  equal(world.backup.server.only.urgentHeard.length, 0);
  world.backup.server.reads = true;
  world.run(() => world.backup.server.only.received.length === answer.length);
  deepEqual(world.backup.server.only.urgentHeard, marks);
  equal(world.backup.south.counters.divergences, 0);
});

test('a frame that tells of urgent data is one segment on the wire', () => {
  const world = converse({ crashAtStep: 12, tcp: { mss: 100, bulkSegments: 8 } });
  const urgent = world.heard.filter(({ frame }) => frame.kind === 'tcp' && (frame.tcp.flags & URG) !== 0);
  ok(urgent.some(({ host }) => host === 1));
  for (const { host, frame } of urgent) {
    if (host === 1 && frame.kind === 'tcp') ok(frame.tcp.data.length <= frame.segmentSize, `${frame.tcp.data.length}`);
  }
});

test('urgent data is urgent where segments and packets are lost', () => {
  for (let seed = 1; seed <= 20; seed++) {
    converse({ seed, lan: ROUGH, tunLoss: 0.05, crashAtStep: 10 + seed });
  }
});

test('a mark is told until it is passed, to whom it is not too far ahead of', () => {
  const urgent = new UrgentMarks();
  urgent.add(100);
  urgent.add(70_000);
  urgent.add(90);
  deepEqual([urgent.isNews(70_000), urgent.has(100), urgent.has(90)], [false, true, false]);
  deepEqual([urgent.pointer(1), urgent.pointer(100), urgent.pointer(69_000)], [99, 0, 1_000]);
  deepEqual([urgent.after(1), urgent.after(100), urgent.after(70_000)], [100, 70_000, Number.POSITIVE_INFINITY]);
  urgent.release(100);
  equal(urgent.pointer(1), 0);
});
