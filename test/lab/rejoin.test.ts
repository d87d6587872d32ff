import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { requestStatus } from '../../src/daemon/control.ts';
import { runLab } from '../../src/lab/run.ts';
import { needs } from '../needs.ts';
import { STREAM } from './crashed-uploads.ts';
import { CALM_TIMEOUT, client } from './failover.ts';
import { named, watch } from './replicas.ts';

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

test('a recorded service goes over to the other host, and back with a connection that it got there', {
  skip,
}, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'rejoin-test-'));
  try {
    const go = path.join(directory, 'go');
    let killed = false;
    const result = await runLab({
      ...STREAM,
      level: 'recorded',
      client: `${client('late-client')} '${go}' 20000000`,
      rate: '100mbit',
      detectTimeout: CALM_TIMEOUT,
      environment: process.env,
      at: ['300ms:pause:a', '1s:resume:a'],
      examine: async (when, replicas) => {
        if (when === 'after') {
          assert.equal((await requestStatus(named(replicas, 'a').control)).role, 'primary');
          return;
        }
        const b = named(replicas, 'b');
        void watch(b, ({ role, level, connections }) => {
          if (role === 'primary' && level) writeFileSync(go, '');
          killed = connections.some(({ bytesOut }) => bytesOut > 1_000_000);
          if (killed) process.kill(b.pid, 'SIGKILL');
          return killed;
        });
      },
    });
    assert.deepEqual(
      [killed, result.client.exitCode, result.divergences, result.connections.map(({ survived }) => survived)],
      [true, 0, 0, [true]],
      JSON.stringify(result),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
