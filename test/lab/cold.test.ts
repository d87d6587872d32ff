// A backup that runs no server: what it has retained on its disk is replayed when it takes over, right to the byte, and clients notice nothing.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { requestStatus } from '../../src/daemon/control.ts';
import type { Status } from '../../src/daemon/status.ts';
import { nodeCommand } from '../../src/experiments/measured-run.ts';
import { streamSlice } from '../../src/experiments/programs/stream.ts';
import type { LabResult } from '../../src/lab/result.ts';
import { type LabTrace, runLab } from '../../src/lab/run.ts';
import type { RunningReplica } from '../../src/lab/service.ts';
import { needs } from '../needs.ts';
import { STREAM, transfer } from './crashed-uploads.ts';
import { CALM_TIMEOUT, client, example, type Scenario, survives } from './failover.ts';
import { named, watch } from './replicas.ts';

const skip = needs('tun');

const MIB = 1 << 20;
const conversations = (count: number, bytes: number, pauseMs: number) =>
  nodeCommand('src/experiments/programs/conversations.js', count, bytes, pauseMs);
const MANY = { server: example('echo-server'), client: conversations(200, 4096, 150), port: 7000 } as const;
const ECHO = { server: example('echo-server'), client: `${client('echo-client')} 1500`, port: 7000 } as const;
const UPLOAD = { ...STREAM, client: transfer('up', 60 * MIB), rate: '300mbit' } as const;
const RECOVERY = ['promoted', 'replaying', 'replayed', 'recovered'];
/** Who has got no further in so many looks stands still. */
const STILL = 25;

interface Run {
  readonly result: LabResult;
  /** Of each host's events the names, in order. */
  readonly told: (host: string) => string[];
}

type ColdScenario = Scenario & {
  /** Further settings of the service. */
  yaml?: string;
};

async function coldRun(run: typeof survives, { yaml = '', ...scenario }: ColdScenario): Promise<Run> {
  const directory = mkdtempSync(path.join(tmpdir(), 'cold-test-'));
  try {
    const config = path.join(directory, 'service.yaml');
    writeFileSync(config, yaml);
    let trace: LabTrace | undefined;
    const result = await run({
      backup: 'cold',
      config,
      inspect: (seen) => {
        trace = seen;
      },
      ...scenario,
    });
    const events = [...(trace?.events ?? [])].sort((one, other) => one.atMs - other.atMs);
    return { result, told: (host) => events.filter((one) => one.host === host).map(({ event }) => event) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Hosts may part, although the lab does nothing to them. */
const withoutFault = (scenario: Scenario): Promise<LabResult> =>
  runLab({ environment: process.env, timeoutMs: 60_000, detectTimeout: CALM_TIMEOUT, ...scenario });

/** Of what was told, that which is among these, in its order. */
const among = (names: readonly string[], told: readonly string[]) => told.filter((name) => names.includes(name));

/** How many bytes of log a host keeps; none of them is what a client has sent. */
function sealedBytes(replica: RunningReplica): number {
  const directory = `${replica.control.slice(0, -'.sock'.length)}.retained`;
  const needles = Array.from({ length: 8 }, (_, index) => streamSlice(index * 111_111, 16));
  const files = readdirSync(directory, { withFileTypes: true }).filter((file) => file.isFile());
  const contents = files.map(({ name }) => readFileSync(path.join(directory, name)));
  for (const needle of needles) assert.ok(contents.every((content) => !content.includes(needle)));
  return contents.reduce((sum, { length }) => sum + length, 0);
}

test('an upload survives a power-off: it is replayed, which status shows, and lies on the disk sealed alone', {
  skip,
}, async () => {
  const progress: Status['recovery'][] = [];
  let sealed = 0;
  const { told } = await coldRun(survives, {
    ...UPLOAD,
    at: ['900ms:power-off:primary'],
    examine: async (when, replicas) => {
      const backup = named(replicas, 'b');
      if (when === 'before') {
        void watch(backup, ({ recovery }) => {
          if (recovery !== null) progress.push(recovery);
          if (recovery !== null && sealed === 0) sealed = sealedBytes(backup);
          return false;
        });
        return;
      }
      const { recovery, server } = await requestStatus(backup.control);
      assert.equal(recovery, null);
      assert.equal(server.running, true);
      assert.equal(sealedBytes(backup), 0, 'nobody needs the log any more');
    },
  });
  assert.deepEqual(among(RECOVERY, told('b')), RECOVERY);
  assert.ok(progress.length > 0, 'a replay was seen');
  assert.ok(progress.every((one) => one !== null && one.bytes <= one.bytesTotal));
  assert.ok(sealed > 8 * MIB, `${sealed} bytes`);
});

test('a download survives a power-off', { skip }, async () => {
  const { told } = await coldRun(survives, {
    ...UPLOAD,
    client: transfer('down', 40 * MIB),
    at: ['700ms:power-off:primary'],
  });
  assert.deepEqual(among(RECOVERY, told('b')), RECOVERY);
});

test('200 connections of an IPv6 service survive a power-off', { skip }, async () => {
  const { result, told } = await coldRun(survives, { ...MANY, ipv6: true, at: ['600ms:power-off:primary'] });
  assert.equal(result.connections.length, 200);
  assert.deepEqual(among(RECOVERY, told('b')), RECOVERY);
});

test('the power-off of a cold backup is none of the clients’ business', { skip }, async () => {
  const { told } = await coldRun(survives, { ...ECHO, at: ['600ms:power-off:backup'] });
  assert.ok(told('a').includes('solo'));
});

for (const fault of ['kill-daemon', 'kill-server']) {
  test(`${fault} of the primary is survived by replay`, { skip }, async () => {
    const { told } = await coldRun(survives, { ...ECHO, at: [`600ms:${fault}:primary`] });
    assert.deepEqual(among(RECOVERY, told('b')), RECOVERY);
  });
}

test('who connects after the takeover is not refused by a server that is not ready yet, though there is nothing to replay', {
  skip,
}, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'cold-test-'));
  try {
    const go = path.join(directory, 'go');
    const { told } = await coldRun(survives, {
      ...STREAM,
      server: `sleep 0.5; ${STREAM.server}`,
      client: `${client('late-client')} '${go}' 100000`,
      at: ['100ms:power-off:primary'],
      observe: (event) => {
        if (event.kind === 'daemon' && event.event === 'promoted') writeFileSync(go, '');
      },
    });
    assert.deepEqual(among(RECOVERY, told('b')), RECOVERY);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a log that is flushed before it counts is replayed too', { skip }, async () => {
  const { told } = await coldRun(survives, {
    ...UPLOAD,
    client: transfer('up', 20 * MIB),
    yaml: 'retained: { sync: batch }\n',
    at: ['400ms:power-off:primary'],
  });
  assert.deepEqual(among(RECOVERY, told('b')), RECOVERY);
});

test('a primary that ends in good order hands every connection over to its cold backup', { skip }, async () => {
  const { result, told } = await coldRun(withoutFault, {
    ...MANY,
    client: conversations(100, 4096, 250),
    examine: async (when, replicas) => {
      if (when === 'after') {
        const { role, server } = await requestStatus(named(replicas, 'b').control);
        assert.deepEqual([role, server.running], ['primary', true]);
        return;
      }
      const primary = named(replicas, 'a');
      void watch(primary, ({ connections }) => {
        const all = connections.length === 100 && connections.every(({ bytesOut }) => bytesOut > 0);
        if (all) process.kill(primary.pid, 'SIGTERM');
        return all;
      });
    },
  });
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.connections.length, 100);
  assert.ok(told('a').includes('handed-over'), told('a').join());
  assert.deepEqual(among(RECOVERY, told('b')), RECOVERY);
});

const BOUNDED = 'bytes: 16MiB, segmentBytes: 1MiB, memoryBytes: 4MiB';

test('a cold backup whose log is as long as it may be leaves the view, and the service goes on', { skip }, async () => {
  const { result, told } = await coldRun(withoutFault, {
    ...UPLOAD,
    client: transfer('up', 40 * MIB),
    yaml: `retained: { ${BOUNDED} }\n`,
  });
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(among(['retained-log', 'removed', 'promoted'], told('b')), ['retained-log', 'removed']);
  assert.deepEqual(among(['removing', 'solo', 'removed'], told('a')), ['removing', 'solo']);
});

test('or, where that is wanted, has its clients wait', { skip }, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'cold-test-'));
  try {
    const go = path.join(directory, 'go');
    const heard: number[] = [];
    const problems: string[] = [];
    const { result, told } = await coldRun(withoutFault, {
      ...UPLOAD,
      client: `${transfer('up', 200 * MIB).replace(/^exec /, '')} & upload=$!
        until [ -e '${go}' ]; do sleep 0.05; done
        kill $upload`,
      yaml: `retained: { ${BOUNDED}, onLogFull: stall }\n`,
      examine: async (when, replicas) => {
        if (when === 'after') {
          const { role, view } = await requestStatus(named(replicas, 'a').control);
          assert.deepEqual([role, view.backups], ['primary', ['b']]);
          problems.push((await requestStatus(named(replicas, 'b').control)).retained?.problem ?? '');
          return;
        }
        let full = false;
        void watch(named(replicas, 'b'), ({ retained }) => {
          full = (retained?.problem ?? '') !== '';
          return full;
        });
        void watch(named(replicas, 'a'), ({ connections }) => {
          if (!full) return false;
          heard.push(connections[0]?.bytesIn ?? 0);
          const stands = heard.length > STILL && heard.at(-1) === heard.at(-STILL);
          if (stands) writeFileSync(go, '');
          return stands;
        });
      },
    });
    const [upload] = result.connections;
    assert.ok(upload !== undefined && upload.bytesIn > 8 * MIB && upload.bytesIn < 60 * MIB, `${upload?.bytesIn}`);
    assert.match(problems.join(), /retained\.bytes/);
    assert.ok(!told('a').includes('solo'), told('a').join());
  } finally {
    rmSync(directory, { recursive: true });
  }
});
