/**
 * Who may speak, in every interleaving of two replicas and a witness up to a few faults, see exploration.ts. The bounds are such
 * that each exploration has some ten thousand states; `explore` takes larger ones (docs/protocol.md, section 9).
 */
import { deepEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { NO_PEER } from '../../src/replica/health.ts';
import { answered, type Situation, STARTING, type SuccessionConfig, turn } from '../../src/replica/succession.ts';
import { type Bounds, explore } from './exploration.ts';

const NO_FAULT: Bounds = {
  witnessed: true,
  crashes: 0,
  restarts: 0,
  linkBreaks: 0,
  falseSuspicions: 0,
  appends: 1,
  joins: 1,
};
const SAMPLE_EVERY = 100;

const FAULTS: readonly (readonly [name: string, bounds: Partial<Bounds>, views: string])[] = [
  ['no fault', { appends: 2 }, '0+,0+1,none'],
  ['a crash of either', { crashes: 1 }, '0+,0+1,1+,none'],
  ['a suspicion without cause', { falseSuspicions: 1 }, '0+,0+1,1+,none'],
  ['a lost link, or a greeting lost', { linkBreaks: 1 }, '0+,0+1,none'],
  ['a crash and a lost link', { crashes: 1, linkBreaks: 1, appends: 0 }, '0+,0+1,1+,none'],
  ['both suspicious of each other', { falseSuspicions: 2, appends: 0 }, '0+,0+1,1+,none'],
  ['a crash and a new start', { crashes: 1, restarts: 1, appends: 0 }, '0+,0+1,1+,none'],
];

for (const [name, bounds, views] of FAULTS) {
  test(`one voice with a witness, in every interleaving: ${name}`, () => {
    const { states, shapes } = explore({ ...NO_FAULT, ...bounds }, SAMPLE_EVERY);
    ok(states > 1_000, `${states} states`);
    deepEqual([...shapes].sort().join(), views);
  });
}

test('one voice without a witness, in every interleaving, where hosts only crash and links are lost', () => {
  for (const bounds of [{ crashes: 1 }, { linkBreaks: 1 }, { crashes: 1, linkBreaks: 1 }]) {
    const { states } = explore({ ...NO_FAULT, ...bounds, witnessed: false }, SAMPLE_EVERY);
    ok(states > 100, `${states} states`);
  }
});

const CONFIG: SuccessionConfig = {
  self: { index: 1, life: 21 },
  witnessed: true,
  peerIndex: 0,
  startAsPrimary: false,
};
const situation = (peer: Partial<typeof NO_PEER>): Situation => ({
  health: { peer: { ...NO_PEER, heard: true, ...peer }, lanUp: true },
  backupFails: '',
  waitedLongEnough: true,
  witnessLost: false,
});

test('a backup that is not in the view does not ask for the succession', () => {
  const backup = { ...STARTING, role: 'backup', epoch: 2 } as const;
  const silent = situation({ role: 'primary', epoch: 2, silent: true });
  const suspects = turn(CONFIG, backup, silent);
  deepEqual(suspects.pursuit, { goal: 'promote', reason: 'silent', change: undefined });
  const before = { epoch: 1, primary: { index: 0, life: 11 }, backups: [] };
  deepEqual(answered(CONFIG, suspects, before, silent), suspects);
});

test('a view whose members have all ended is founded anew, and one of whom somebody may live is not', () => {
  const view = { epoch: 7, primary: { index: 0, life: 11 }, backups: [{ index: 1, life: 20 }] };
  const founding = { ...STARTING, pursuit: { goal: 'found', reason: '', change: undefined } } as const;
  const silent = situation({ role: 'primary', life: 11, silent: true });
  deepEqual(answered(CONFIG, founding, view, silent), founding);
  const first = { ...CONFIG, self: { index: 0, life: 12 }, peerIndex: 1 };
  const restarted = answered(first, founding, view, situation({ role: 'starting', life: 21 }));
  deepEqual(restarted.pursuit?.change, {
    expected: 7,
    next: { epoch: 8, primary: first.self, backups: [] },
    refound: true,
  });
  const same = answered(first, founding, view, situation({ role: 'starting', life: 20 }));
  deepEqual(same, founding);
  const byCommand = answered({ ...CONFIG, startAsPrimary: true }, founding, view, silent);
  deepEqual(byCommand.pursuit?.change?.refound, true);
});

test('of two hosts between which the LAN carries nothing, the one that reaches the witness succeeds', () => {
  const backup = { ...STARTING, role: 'backup', epoch: 2 } as const;
  const deaf = situation({ role: 'primary', epoch: 2, lanUp: true, lanWorks: false, witnessLost: true });
  deepEqual(turn(CONFIG, backup, deaf).pursuit?.reason, 'the primary is cut off from the LAN');
  deepEqual(turn(CONFIG, backup, { ...deaf, witnessLost: true }), backup);
  // A witness that only the primary does not reach is no reason while the LAN between the two works.
  const reachesNoWitness = situation({ role: 'primary', epoch: 2, lanUp: true, witnessLost: true });
  deepEqual(turn(CONFIG, backup, reachesNoWitness), backup);
});
