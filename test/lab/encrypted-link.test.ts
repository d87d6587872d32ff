/** What the lab's other tests say of failovers, over a link that is encrypted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestStatus } from '../../src/daemon/control.ts';
import { needs } from '../needs.ts';
import { example, FAULTS, survives, withFile } from './failover.ts';

const skip = needs('tun', 'program:curl');

for (const fault of FAULTS) {
  test(`a transfer survives ${fault} with an encrypted link, which status shows`, { skip }, () =>
    withFile(60_000_000, async (directory, file) => {
      await survives({
        server: `exec ${example('file-server')}`,
        port: 8000,
        state: directory,
        rate: '200mbit',
        encrypted: true,
        client: `url=http://$FTTCP_ADDRESS:8000
          curl -sSf -T '${file}' $url/up && curl -sSf $url/big | cmp - '${file}'`,
        at: [`1500ms:${fault}`],
        examine: async (when, replicas) => {
          if (when === 'after') return;
          for (const { control } of replicas) {
            const { link, counters } = await requestStatus(control);
            assert.equal(link?.encrypted, true);
            assert.ok((counters.linkRecordsOpened ?? 0) > 0);
          }
        },
      });
    }),
  );
}

test('a cold backup takes over with what it has kept of an encrypted link', { skip }, () =>
  withFile(30_000_000, async (directory, file) => {
    await survives({
      server: `exec ${example('file-server')}`,
      port: 8000,
      state: directory,
      backup: 'cold',
      rate: '200mbit',
      encrypted: true,
      client: `url=http://$FTTCP_ADDRESS:8000
        curl -sSf -T '${file}' $url/up && curl -sSf $url/up | cmp - '${file}'`,
      at: ['800ms:power-off:primary'],
    });
  }),
);
