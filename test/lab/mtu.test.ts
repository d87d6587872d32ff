// LANs of another MTU than Ethernet's: what clients and servers agree upon is theirs, and goes on being so after a takeover.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLab } from '../../src/lab/run.ts';
import { needs } from '../needs.ts';
import { client, example, survives, withFile } from './failover.ts';

const skip = needs('tun');

for (const [mtu, ipv6] of [
  [600, false],
  [1280, true],
  [9000, false],
  [9000, true],
] as const) {
  test(`an upload, a download and an echo survive over a LAN of MTU ${mtu}${ipv6 ? ', IPv6' : ''}`, {
    skip,
  }, async () => {
    await withFile(20_000_000, async (directory, file) => {
      await survives({
        server: `FTTCP_PORT=7001 ${example('echo-server')} & exec ${example('file-server')}`,
        port: 7000,
        state: directory,
        client: `exec ${client('mixed-client')} 20000000 '${file}'`,
        rate: '250mbit',
        at: ['400ms:power-off:primary'],
        mtu,
        ipv6,
      });
    });
  });
}

test('an MTU that cannot be is wrong usage', async () => {
  for (const [mtu, ipv6] of [
    [500, false],
    [1279, true],
    [70_000, false],
    [Number.NaN, false],
  ] as const) {
    const run = runLab({ server: 'true', port: 7000, client: 'true', environment: {}, mtu, ipv6 });
    await assert.rejects(run, { code: 'usage' });
  }
});
