import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { REAL_SERVERS } from '../../campaign/servers.ts';
import { requestStatus } from '../../src/daemon/control.ts';
import { runLab } from '../../src/lab/run.ts';
import { needs, SEARCH_PATH } from '../needs.ts';
import { STREAM, transfer } from './crashed-uploads.ts';
import { CALM_TIMEOUT } from './failover.ts';
import { named, watch } from './replicas.ts';

const skip = needs('tun');

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'rejoin-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('a replica that begins anew answers for itself again, although it was asked while its server was being stopped', {
  skip,
}, async (t) => {
  const directory = temporaryDirectory(t);
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
});

interface Service {
  readonly server: string;
  readonly port: number;
  readonly state: string;
  /** Gives the cue for the power-off in the middle of its work. */
  readonly client: string;
}

/** Before anybody connects the service goes over to host b; host a begins anew as its backup, and is the primary again in the end. */
async function goesThereAndBack({ server, port, state, client }: Service): Promise<void> {
  const go = `${state}-go`;
  const result = await runLab({
    ...{ server, port, state },
    level: 'recorded',
    client: `until [ -e '${go}' ]; do sleep 0.01; done; ${client}`,
    rate: '100mbit',
    detectTimeout: CALM_TIMEOUT,
    environment: { ...process.env, PATH: SEARCH_PATH },
    at: ['300ms:pause:a', '1s:resume:a', 'cue:power-off:primary'],
    examine: async (when, replicas) => {
      if (when === 'before') {
        void watch(named(replicas, 'b'), ({ role, level }) => {
          const isReady = role === 'primary' && level;
          if (isReady) writeFileSync(go, '');
          return isReady;
        });
        return;
      }
      assert.equal((await requestStatus(named(replicas, 'a').control)).role, 'primary');
    },
  });
  const account = JSON.stringify(result);
  assert.deepEqual(
    result.faults.map(({ action, host }) => `${action} ${host}`),
    ['pause a', 'resume a', 'power-off b'],
    account,
  );
  assert.deepEqual([result.client.exitCode, result.divergences], [0, 0], account);
  assert.ok(
    result.connections.every(({ survived }) => survived),
    account,
  );
}

test('a recorded service goes over to the other host, and back with a connection that it got there', {
  skip,
}, async (t) => {
  const state = path.join(temporaryDirectory(t), 'state');
  mkdirSync(state);
  await goesThereAndBack({
    ...STREAM,
    // What only a server that starts for the first time can do.
    server: `mkdir made && ${STREAM.server}`,
    state,
    client: `${transfer('down', 20_000_000)} >>"$FTTCP_CUE"`,
  });
});

const { samba } = REAL_SERVERS;
test('Samba goes over to the other host, and back in the middle of what three clients do', {
  skip: needs('tun', 'program:cc', ...(samba?.needs ?? [])),
}, async (t) => {
  assert.ok(samba !== undefined);
  const state = path.join(temporaryDirectory(t), 'state');
  mkdirSync(state);
  const load = { seconds: 2, bytes: 4_000_000 };
  samba.prepare(state, load);
  const [client] = Object.values(samba.clients(state, load));
  await goesThereAndBack({ ...samba, state, client: `(sleep 1; echo >>"$FTTCP_CUE") & ${client}` });
});
