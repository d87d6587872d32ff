// Hosts that live on after they were replaced, or that cannot hear each other: never two that speak. Seen at the switch.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabResult } from '../../src/lab/result.ts';
import { needs } from '../needs.ts';
import { client, example, type Scenario, survives } from './failover.ts';

const skip = needs('tun');

const echo = (scenario: Pick<Scenario, 'at'> & Partial<Scenario>): Promise<LabResult> =>
  survives({
    server: `exec ${example('echo-server')}`,
    port: 7000,
    client: `exec ${client('echo-client')} 3000`,
    detectTimeout: '250ms',
    ...scenario,
  });

/** What makes a packet loop stand still is a program that takes its time to start. */
const LONGER = `exec ${client('echo-client')} 5000`;

const speakers = ({ voices }: LabResult) => voices.speakers.map(({ host }) => host);

test('a primary that was paused and wakes says nothing', { skip }, async () => {
  const result = await echo({ at: ['900ms:pause:primary', '1700ms:resume:a'] });
  assert.deepEqual(speakers(result), ['a', 'b']);
});

test('a primary that lost its LAN and gets it back says nothing', { skip }, async () => {
  const result = await echo({ at: ['900ms:cut-lan:primary', '1700ms:heal:a'] });
  assert.deepEqual(speakers(result), ['a', 'b']);
});

for (const at of ['900ms:cut-link:primary', '900ms:cut-link-in:backup', '900ms:cut-link-out:backup']) {
  test(`a lost link leaves one voice, the primary's: ${at}`, { skip }, async () => {
    const result = await echo({ at: [at, '1800ms:heal:a', '1800ms:heal:b'], failovers: 0 });
    assert.deepEqual(speakers(result), ['a']);
  });
}

test('a paused backup that wakes says nothing', { skip }, async () => {
  const result = await echo({ at: ['900ms:pause:backup', '1900ms:resume:b'], failovers: 0 });
  assert.deepEqual(speakers(result), ['a']);
});

test('a primary whose packet loop stands still is succeeded, and says nothing when it goes on', async () => {
  const result = await echo({ client: LONGER, at: ['900ms:stall:primary', '4s:resume:a'] });
  assert.deepEqual(speakers(result), ['a', 'b']);
});

test('a backup whose packet loop stands still is removed, and says nothing when it goes on', async () => {
  const result = await echo({ client: LONGER, at: ['900ms:stall:backup', '4s:resume:b'], failovers: 0 });
  assert.deepEqual(speakers(result), ['a']);
});
