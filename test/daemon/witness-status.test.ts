import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { formatStatus } from '../../src/daemon/status.ts';
import { witnessSnapshot, witnessStatus } from '../../src/daemon/witness-status.ts';
import type { View, WitnessRequest } from '../../src/replica/view.ts';
import { WitnessTalk } from '../../src/replica/witness-talk.ts';
import { STATUS } from './status-example.ts';

const endpoint = (port: number) => ({ host: '10.78.0.9', port });
const replicas = ['a', 'b'].map((name) => ({ name, link: endpoint(1), heartbeat: [endpoint(2)] }));
const CONFIG = { witness: { kind: 'embedded', endpoint: endpoint(7402) }, replicas } as const;
const VIEW: View = {
  epoch: 4,
  primary: { index: 1, life: 7 },
  backups: [
    { index: 0, life: 8 },
    { index: 3, life: 9 },
  ],
};

test('without a witness there is nothing to show', () => {
  equal(witnessStatus({ ...CONFIG, witness: { kind: 'none' } }, undefined), null);
});

test('a witness that has not answered is out of reach', () => {
  const talk = new WitnessTalk({ index: 0, life: 8 }, () => {}, 1000);
  deepEqual(witnessStatus(CONFIG, witnessSnapshot(talk, 1100)), {
    kind: 'embedded',
    address: '10.78.0.9:7402',
    reachable: false,
    lastAnswerMs: null,
    problem: '',
    view: null,
  });
  equal(witnessStatus(CONFIG, undefined)?.reachable, false);
});

test('an answer is told with its age and the names of the members, until it is too old', () => {
  const asked: WitnessRequest[] = [];
  const talk = new WitnessTalk({ index: 0, life: 8 }, (request) => asked.push(request), 1000);
  talk.turn(undefined, 1000);
  talk.take({ sequence: asked[0]?.sequence ?? 0, view: VIEW, problem: 'disk-full' }, 1002);
  const { reachable, lastAnswerMs, problem, view } = witnessStatus(CONFIG, witnessSnapshot(talk, 1502)) ?? {};
  deepEqual({ reachable, lastAnswerMs, problem }, { reachable: true, lastAnswerMs: 500, problem: 'disk-full' });
  deepEqual(view, { epoch: 4, primary: 'b', backups: ['a', '?3'] });
  equal(witnessStatus(CONFIG, witnessSnapshot(talk, 61_002))?.reachable, false);
});

test('people see whether it is reached, its view, and what is wrong with it', () => {
  const witness = witnessStatus(CONFIG, { reachable: true, lastAnswerMs: 500, problem: '', view: VIEW });
  const shown = (change: object) => formatStatus({ ...STATUS, witness: witness && { ...witness, ...change } });
  match(shown({}), /^witness +10\.78\.0\.9:7402: answered 500 ms ago, epoch 4, primary b, backup a, \?3$/m);
  match(shown({ problem: 'disk-full' }), /: answered 500 ms ago, CANNOT STORE \(disk-full\), epoch 4/);
  match(shown({ reachable: false, lastAnswerMs: 61_000 }), /: ANSWERED 1 MIN 1 S AGO, epoch 4/);
  match(shown({ reachable: false, lastAnswerMs: null, view: null }), /: NEVER ANSWERED$/m);
  match(shown({ view: null }), /: answered 500 ms ago, no view yet$/m);
  match(formatStatus({ ...STATUS, witness: null }), /^witness +none$/m);
});
