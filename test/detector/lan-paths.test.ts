import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { LanPaths } from '../../src/detector/lan-paths.ts';

test('the LAN is heard as long as something comes on a path that leads over it', () => {
  const paths = new LanPaths([false, true]);
  equal(paths.hears(0), false);
  paths.heard(1, 100);
  equal(paths.hears(1_100), true);
  paths.heard(0, 1_000);
  equal(paths.hears(1_101), false);
});

test('without a path over the LAN nothing is held against it', () => {
  equal(new LanPaths([false]).hears(5_000), true);
});
