// The lab's witness: faults that are decided by it, and faults that are done to it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabResult } from '../../src/lab/result.ts';
import { client, example, type Scenario, survives } from './failover.ts';

/** Wide, so that other programs are not taken for a crash; much less than the troubles last. */
const TIMEOUT = '250ms';

const echo = (lines: number, scenario: Pick<Scenario, 'at'> & Partial<Scenario>): Promise<LabResult> =>
  survives({
    server: `exec ${example('echo-server')}`,
    port: 7000,
    client: `exec ${client('echo-client')} ${lines}`,
    detectTimeout: TIMEOUT,
    ...scenario,
  });

const speakers = ({ voices }: LabResult) => voices.speakers.map(({ host }) => host);

test('a primary that is cut off on both paths is succeeded, and says nothing when it is back', async () => {
  const at = ['900ms:cut-link:primary', '900ms:cut-lan:a', '2s:heal:a'];
  assert.deepEqual(speakers(await echo(3000, { at })), ['a', 'b']);
});

test('a primary that can only hear is succeeded, and says nothing when it is heard again', async () => {
  const at = ['900ms:cut-link:primary', '900ms:cut-lan-out:a', '2s:heal:a'];
  assert.deepEqual(speakers(await echo(3000, { at })), ['a', 'b']);
});

test('a backup that is cut off on both paths is removed, and says nothing when it is back', async () => {
  const at = ['900ms:cut-link:backup', '900ms:cut-lan:b', '2s:heal:b'];
  assert.deepEqual(speakers(await echo(3000, { at, failovers: 0 })), ['a']);
});

test('a backup that only cannot hear does not take over', async () => {
  const at = ['900ms:cut-link:backup', '900ms:cut-lan-in:b', '2s:heal:b'];
  assert.deepEqual(speakers(await echo(3000, { at, failovers: 0 })), ['a']);
});

test('a primary whose LAN only sends is succeeded, since the witness does not answer it', async () => {
  const result = await echo(2000, { at: ['900ms:cut-lan-in:primary'] });
  assert.deepEqual(speakers(result), ['a', 'b']);
});

for (const action of ['power-off:witness', 'disk-full:witness']) {
  test(`a witness is missed by nobody as long as nothing else happens: ${action}`, async () => {
    const result = await echo(1500, { at: [`700ms:${action}`], failovers: 0 });
    assert.deepEqual(speakers(result), ['a']);
  });
}

for (const [away, back] of [
  ['witness-stop', 'witness-start'],
  ['pause:witness', 'resume:witness'],
  ['disk-full:witness', 'heal:witness'],
  ['cut-lan-out:witness', 'heal:witness'],
]) {
  test(`a takeover waits for its witness: ${away}`, async () => {
    const result = await echo(2000, { at: [`600ms:${away}`, '900ms:power-off:primary', `1800ms:${back}`] });
    const [first, successor] = result.voices.speakers;
    assert.deepEqual([first?.host, successor?.host], ['a', 'b']);
    const returnedMs = result.faults.at(-1)?.atMs ?? Number.POSITIVE_INFINITY;
    assert.ok(successor && successor.firstMs > returnedMs, JSON.stringify(result));
  });
}

test('without a witness a hiccup of the primary stays a hiccup', async () => {
  const at = ['600ms:witness-stop', '900ms:pause:primary', '1500ms:resume:a'];
  assert.deepEqual(speakers(await echo(2500, { at, failovers: 0 })), ['a']);
});

test('a witness that is paused can be stopped, and is there again with what it knew', async () => {
  const at = [
    '500ms:pause:witness',
    '600ms:witness-stop',
    '1s:resume:witness',
    '1200ms:witness-start',
    '1300ms:power-off:primary',
  ];
  const result = await echo(2000, { at });
  assert.deepEqual(speakers(result), ['a', 'b']);
});
