/** A server that replays hears of a reset when its processes have come to that place of their recording. */
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../src/south/connection.ts';
import { NO_NORTH, type SouthContext } from '../../src/south/context.ts';
import { HeldResets } from '../../src/south/held-resets.ts';
import type { VirtualClient } from '../../src/south/virtual-client.ts';

const LATE_MS = 100;

function held() {
  const north = { ...NO_NORTH, replays: true as boolean, taken: 500, replayed: 200 };
  const heard: string[] = [];
  const client = {
    reset: (connection: unknown) => heard.push(`reset ${connection}`),
    forget: (connection: unknown) => heard.push(`forget ${connection}`),
  };
  // Only these are asked of either.
  const resets = new HeldResets({ north } as unknown as SouthContext, client as unknown as VirtualClient);
  return { north, heard, resets };
}

const connection = (name: string) => name as unknown as Connection;

test('without a replay it hears at once', () => {
  const { north, heard, resets } = held();
  north.replays = false;
  resets.reset(connection('a'), 0);
  resets.forget(connection('b'));
  deepEqual(heard, ['reset a', 'forget b']);
});

test('in a replay it hears when all is done that was recorded by then, and late records have had their time', () => {
  const { north, heard, resets } = held();
  resets.reset(connection('a'), 1_000);
  resets.tick(1_000 + LATE_MS);
  deepEqual(heard, [], 'not done yet');
  north.replayed = 500;
  resets.tick(1_000 + LATE_MS - 1);
  deepEqual(heard, [], 'a record may still come');
  resets.tick(1_000 + LATE_MS);
  resets.tick(2_000);
  deepEqual(heard, ['reset a'], 'once');
});

test('what is recorded after it does not delay it, and a second reset changes nothing', () => {
  const { north, heard, resets } = held();
  resets.reset(connection('a'), 0);
  north.taken = 900;
  resets.reset(connection('a'), 90);
  north.replayed = 500;
  resets.tick(LATE_MS);
  deepEqual(heard, ['reset a']);
});

test('one that the primary has forgotten meanwhile is forgotten then', () => {
  const { north, heard, resets } = held();
  resets.reset(connection('a'), 0);
  resets.forget(connection('a'));
  deepEqual(heard, []);
  north.replayed = 500;
  resets.tick(LATE_MS);
  deepEqual(heard, ['forget a']);
});

test('when the replay is over nothing is held back any more', () => {
  const { north, heard, resets } = held();
  resets.reset(connection('a'), 0);
  resets.reset(connection('b'), 1);
  north.replays = false;
  resets.tick(2);
  deepEqual(heard, ['reset a', 'reset b']);
});
