import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type CpuProfile, summarizeProfile } from '../../bench/cpu-profile.ts';

const at = (id: number, functionName: string, file = '') => ({
  id,
  callFrame: { functionName, url: file === '' ? '' : `file:///somewhere/dist/src/${file}.js` },
});

/** A sample every 100 µs: one before the window, then ten in it, and one after it. */
const PROFILE: CpuProfile = {
  nodes: [
    at(1, 'wait', 'linux/io'),
    at(2, 'write', 'linux/io'),
    at(3, '#copyIn', 'south/stream-buffer'),
    at(4, 'crc32'),
    at(5, '(garbage collector)'),
    at(6, 'turn', 'daemon/data-loop'),
    at(7, ''),
  ],
  startTime: 1000,
  samples: [7, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6, 7],
  timeDeltas: [0, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100],
};

test('time is told by groups and functions, waiting apart', () => {
  const summary = summarizeProfile(PROFILE, 1100, 2000);
  equal(summary.waiting, 0.2);
  deepEqual(Object.fromEntries(summary.groups.map(({ name, share }) => [name, share])), {
    'system call: write': 0.5,
    'log and buffers': 0.125,
    checksums: 0.125,
    'garbage collection': 0.125,
    'packets and decisions': 0.125,
  });
  deepEqual(summary.functions[0], { name: 'write linux/io', share: 0.5 });
  deepEqual(
    summary.functions.map(({ name }) => name),
    ['write linux/io', '#copyIn south/stream-buffer', 'crc32', '(garbage collector)', 'turn daemon/data-loop'],
  );
});

test('samples outside the window do not count', () => {
  const summary = summarizeProfile(PROFILE, 1300, 1650);
  equal(summary.waiting, 0);
  deepEqual(summary.functions, [{ name: 'write linux/io', share: 1 }]);
});

test('native code that cannot be attributed is a group of its own', () => {
  const profile = { ...PROFILE, nodes: [at(2, '(program)')], samples: [2, 2], timeDeltas: [0, 10] };
  deepEqual(summarizeProfile(profile, 0, 2000).groups, [{ name: 'native, not attributed', share: 1 }]);
});

test('a profile without samples says nothing', () => {
  deepEqual(summarizeProfile({ nodes: [], startTime: 0 }, 0, 1), { waiting: 0, groups: [], functions: [] });
});
