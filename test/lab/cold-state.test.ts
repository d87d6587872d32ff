// A cold backup's server replays uploads into its initial state: that stays as it was until the end, and is then what the clients made of it.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { RunningReplica } from '../../src/lab/service.ts';
import { until } from '../linux/own-network.ts';
import { needs } from '../needs.ts';
import { example, survives, withFile } from './failover.ts';

const skip = needs('tun', 'program:curl');

/** Uploads, and downloads the same when there is the file `GO`. */
const CLIENT = `set -e
url=http://$FTTCP_ADDRESS:$FTTCP_PORT/uploaded
curl -sSf -o /dev/null -T "$BIG" "$url" && echo uploaded
until [ -e "$GO" ]; do sleep 0.02; done
curl -sSf "$url" | cmp - "$BIG" && echo downloaded`;

test('what was uploaded before the crash is there after the replay, and in the directory after the end', {
  skip,
}, async () => {
  await withFile(8 << 20, async (directory, big) => {
    const go = path.join(directory, 'go');
    const order: string[] = [];
    const examine = async (when: string, replicas: readonly RunningReplica[]) => {
      const backup = replicas.find(({ name }) => name === 'b');
      assert.ok(backup !== undefined);
      const state = path.join(path.dirname(backup.control), 'b');
      assert.deepEqual(readdirSync(state), ['big'], `${when} the client's run`);
      if (when === 'before') return;
      process.kill(backup.pid, 'SIGTERM');
      await until('the daemon ends', () => !existsSync(backup.control), 10_000);
      assert.deepEqual(readFileSync(path.join(state, 'uploaded')), readFileSync(big));
      assert.deepEqual(readdirSync(path.join(path.dirname(state), 'b.retained', 'state')), []);
    };
    const result = await survives({
      server: example('file-server'),
      client: CLIENT,
      port: 8000,
      state: directory,
      backup: 'cold',
      environment: { ...process.env, BIG: big, GO: go },
      at: ['2s:power-off:primary'],
      examine,
      observe: (event) => {
        if (event.kind === 'client-output') order.push(...event.bytes.toString().trim().split('\n'));
        if (event.kind === 'daemon' && event.event === 'promoted') order.push(event.event);
        if (event.kind !== 'fault') return;
        order.push(event.fault.action);
        writeFileSync(go, '');
      },
    });
    assert.deepEqual(order, ['uploaded', 'power-off', 'promoted', 'downloaded'], JSON.stringify(result));
  });
});
