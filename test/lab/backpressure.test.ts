// A backup whose server stands still: what it cannot take, and what it has not said, its clients wait for; for a while.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { requestStatus } from '../../src/daemon/control.ts';
import type { Status } from '../../src/daemon/status.ts';
import { runLab } from '../../src/lab/run.ts';
import type { RunningReplica } from '../../src/lab/service.ts';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT, example, leaves, withFile } from './failover.ts';

const skip = needs('tun');

const FILE_BYTES = 48 << 20;
const KEPT_KIB = 512;
const KEPT_BYTES = KEPT_KIB << 10;
const HELD_MS = 2_000;

/** Both directions at once while the server of `b` stands still from before the first segment on. */
async function withServerStopped(
  catchUpTimeout: string,
  meanwhile: (replicas: readonly RunningReplica[], server: number) => Promise<void>,
): Promise<Status[]> {
  const found: Status[] = [];
  await withFile(FILE_BYTES, async (directory, file) => {
    const config = path.join(directory, 'limits.yaml');
    const text = `limits: { connectionBytes: ${KEPT_KIB}KiB }\nserver: { catchUpTimeout: ${catchUpTimeout} }\n`;
    writeFileSync(config, text);
    const result = await runLab({
      server: `exec ${example('file-server')}`,
      state: directory,
      client: `${example('transfer-client')} '${file}'`,
      port: 8000,
      config,
      examine: async (when, replicas) => {
        if (when === 'after') found.push(...(await Promise.all(replicas.map(({ control }) => requestStatus(control)))));
        if (when !== 'before') return;
        const [server] = leaves(replicas[1]?.pid ?? 0);
        assert.ok(server);
        process.kill(server, 'SIGSTOP');
        void meanwhile(replicas, server);
      },
      detectTimeout: CALM_TIMEOUT,
      environment: process.env,
    });
    assert.equal(result.client.exitCode, 0, JSON.stringify(result));
    assert.ok(result.connections.every(({ survived }) => survived));
    assert.deepEqual(result.failovers, []);
  });
  return found;
}

test('clients wait for a backup whose server stands still, and go on with it', { skip }, async () => {
  const held: Status[] = [];
  await withServerStopped('1m', async (replicas, server) => {
    await new Promise((resolve) => setTimeout(resolve, HELD_MS));
    for (const { control } of replicas) held.push(await requestStatus(control));
    process.kill(server, 'SIGCONT');
  });
  const [primary] = held;
  assert.ok(primary);
  assert.equal(primary.connections.length, 2);
  for (const { bytesIn, bytesOut } of primary.connections) {
    assert.ok(bytesIn <= 2 * KEPT_BYTES && bytesOut <= 9 * KEPT_BYTES, JSON.stringify(primary));
  }
  assert.ok(
    primary.connections.some(({ bytesOut }) => bytesOut > KEPT_BYTES / 2),
    JSON.stringify(primary),
  );
});

test('a backup whose server gets no further is removed, and clients go on without it', { skip }, async () => {
  const [primary] = await withServerStopped('1s', async () => {});
  assert.ok(primary);
  assert.deepEqual([primary.role, primary.view.backups], ['primary', []]);
});
