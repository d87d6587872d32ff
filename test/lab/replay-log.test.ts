// Both hosts have failed: the one that was the cold backup starts as the primary, from the log that it retained.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { requestStatus } from '../../src/daemon/control.ts';
import type { Hosts } from '../../src/lab/hosts.ts';
import { fttcpCommand } from '../../src/lab/programs.ts';
import { runLab } from '../../src/lab/run.ts';
import type { RunningReplica } from '../../src/lab/service.ts';
import { HEAD_BYTES } from '../../src/retained/segment-file.ts';
import { until } from '../linux/own-network.ts';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT, example, withFile } from './failover.ts';

const skip = needs('tun', 'program:curl');
const URL = 'http://10.77.0.100:8000';
const START_MS = 20_000;

/** Runs a command on a host; its exit code and what it says. */
async function on(hosts: Hosts, name: string, command: string): Promise<{ code: number; said: string }> {
  const host = hosts.byName(name);
  assert.ok(host !== undefined);
  const child = host.spawn(command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FTTCP_SKIP_SETUP: '1' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (said += data));
  const [code] = await once(child, 'close');
  return { code, said };
}

/** The events of a daemon's log. */
const eventsIn = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; cutBytes?: number });

test('an upload that ended before both hosts failed is served again, and a torn end of the log is cut', {
  skip,
}, async () => {
  await withFile(6 << 20, async (directory, big) => {
    const examine = async (when: string, replicas: readonly RunningReplica[], hosts: Hosts) => {
      if (when === 'before') return;
      for (const { pid } of replicas) process.kill(pid, 'SIGKILL');
      const b = replicas.find(({ name }) => name === 'b');
      assert.ok(b !== undefined);
      const scratch = path.dirname(b.control);
      const retained = path.join(scratch, 'b.retained');
      const segment = readdirSync(retained).find(
        (name) => statSync(path.join(retained, name)).size > 0 && name !== 'state',
      );
      assert.ok(segment !== undefined);
      const file = path.join(retained, segment);
      // The start of a block that was not written to its end; one that is whole may be acknowledged.
      appendFileSync(file, readFileSync(file).subarray(HEAD_BYTES, HEAD_BYTES + 5));
      const config = path.join(scratch, 'b.yaml');
      const refused = await on(hosts, 'b', fttcpCommand('up', '-c', config, '--replay-log'));
      assert.equal(refused.code, 2, refused.said);

      const daemon = on(hosts, 'b', `${fttcpCommand('up', '-c', config, '--as-primary', '--replay-log')}`);
      const log = path.join(scratch, 'b.log');
      const recovered = () => eventsIn(log).some(({ event }) => event === 'recovered');
      await Promise.race([
        until('it has recovered', recovered, START_MS),
        daemon.then(({ said }) => assert.fail(said)),
      ]);
      assert.equal(eventsIn(log).find(({ event }) => event === 'retained-log-found')?.cutBytes, 5);
      const got = await on(hosts, 'client', `curl -sSf ${URL}/uploaded | cmp - '${big}'`);
      assert.equal(got.code, 0, got.said);
      const { role, pid } = await requestStatus(b.control);
      assert.equal(role, 'primary');

      // By the host's own numbering.
      await on(hosts, 'b', `kill -TERM ${pid}`);
      await daemon;
      assert.deepEqual(readFileSync(path.join(scratch, 'b', 'uploaded')), readFileSync(big));
      const again = await on(hosts, 'b', fttcpCommand('up', '-c', config, '--as-primary', '--replay-log'));
      assert.equal(again.code, 1);
      assert.match(again.said, /no retained log to replay/);
      assert.ok(!existsSync(b.control));
    };
    const result = await runLab({
      server: example('file-server'),
      client: `curl -sSf -o /dev/null -T '${big}' "http://$FTTCP_ADDRESS:$FTTCP_PORT/uploaded"`,
      port: 8000,
      state: directory,
      backup: 'cold',
      witness: 'none',
      detectTimeout: CALM_TIMEOUT,
      environment: process.env,
      examine,
    });
    assert.equal(result.client.exitCode, 0, JSON.stringify(result));
  });
});
