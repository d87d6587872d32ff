import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { runLab } from '../../src/lab/run.ts';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT } from './failover.ts';

const skip = needs('tun');

test('a replica that begins anew answers for itself again, although it was asked while its server was being stopped', {
  skip,
}, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'rejoin-test-'));
  try {
    const config = path.join(directory, 'service.yaml');
    writeFileSync(config, 'server: { stopTimeout: 1s }\n');
    const result = await runLab({
      server: `exec '${process.execPath}' -e 'process.on("SIGTERM", () => {}); require("net").createServer().listen(7000)'`,
      port: 7000,
      client: 'exec sleep 10',
      config,
      detectTimeout: CALM_TIMEOUT,
      environment: process.env,
      // Healing does nothing here; to find out who is meant, every replica is asked.
      at: ['300ms:pause:a', '1s:resume:a', '1400ms:heal:primary', '9s:heal:backup'],
    });
    assert.deepEqual(
      result.faults.map(({ action, host }) => `${action} ${host}`),
      ['pause a', 'resume a', 'heal b', 'heal a'],
      JSON.stringify(result),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
