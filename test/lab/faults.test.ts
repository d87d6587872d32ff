import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FttcpError } from '../../src/errors.ts';
import { parseTimeMs, until } from '../../src/lab/clock.ts';
import { inject, parseFault } from '../../src/lab/faults.ts';
import { createHosts, type Host, type Hosts, lanAddress, linkAddress } from '../../src/lab/hosts.ts';
import { needs } from '../needs.ts';

const skip = needs('namespaces');

const usage = (pattern: RegExp) => (error: unknown) =>
  error instanceof FttcpError && error.code === 'usage' && pattern.test(error.message);

test('times are read with their units', () => {
  assert.equal(parseTimeMs('250ms'), 250);
  assert.equal(parseTimeMs('1.5s'), 1500);
  assert.equal(parseTimeMs('2'), 2000);
  assert.throws(() => parseTimeMs('soon'), usage(/soon/));
});

test('a fault is read, and a wrong one names what is allowed', () => {
  const parse = (text: string) => parseFault(text, ['a', 'b'], true);
  assert.deepEqual(parse('1s:power-off:primary'), { from: 'start', atMs: 1000, action: 'power-off', host: 'primary' });
  assert.deepEqual(parse('0:cut-lan-in:b'), { from: 'start', atMs: 0, action: 'cut-lan-in', host: 'b' });
  assert.deepEqual(parse('cue:pause:a'), { from: 'cue', atMs: 0, action: 'pause', host: 'a' });
  assert.deepEqual(parse('cue+20ms:pause:a'), { from: 'cue', atMs: 20, action: 'pause', host: 'a' });
  assert.throws(() => parse('cue20ms:pause:a'), usage(/cue20ms/));
  assert.throws(() => parse('1s:explode:a'), usage(/explode.*power-off.*heal/));
  assert.throws(() => parse('1s:pause'), usage(/client, a, b, primary, backup/));
  assert.throws(() => parse('1s:pause:c'), usage(/client, a, b/));
  assert.throws(() => parse('1s:kill-daemon:client'), usage(/client/));
  assert.deepEqual(parse('2s:witness-stop'), { from: 'start', atMs: 2000, action: 'witness-stop', host: 'witness' });
  assert.deepEqual(parse('2s:disk-full:witness'), { from: 'start', atMs: 2000, action: 'disk-full', host: 'witness' });
  assert.throws(() => parse('1s:witness-stop:a'), usage(/another host/));
  assert.throws(() => parse('1s:disk-full:a'), usage(/witness only/));
  assert.throws(() => parse('1s:kill-server:witness'), usage(/can suffer/));
  assert.throws(() => parseFault('1s:witness-stop', ['a', 'b'], false), usage(/--witness embedded/));
  assert.throws(() => parse('1s:pause:a:b'), usage(/too many/));
  assert.throws(() => parseFault('1s:cut-link:a', ['a'], false), usage(/--direct/));
});

const CONNECT = `
  const socket = require('net').connect(1, process.argv[1]);
  socket.setTimeout(300, () => process.exit(1));
  socket.on('error', (error) => process.exit(error.code === 'ECONNREFUSED' ? 0 : 1));`;

/** Does the host at `address` answer (nothing listens on port 1, so it refuses at once)? */
async function reaches(from: Host, address: string): Promise<boolean> {
  const child = spawn('nsenter', ['-t', String(from.init), '-n', process.execPath, '-e', CONNECT, address]);
  return (await new Promise((resolve) => child.once('close', resolve))) === 0;
}

async function withHosts(work: (hosts: Hosts, a: Host, b: Host) => Promise<void>): Promise<void> {
  const hosts = await createHosts({ replicas: 2 });
  try {
    const [a, b] = hosts.replicas;
    assert.ok(a && b);
    await work(hosts, a, b);
  } finally {
    await hosts.close();
  }
}

async function carrier(host: Host, name: string): Promise<string> {
  const child = spawn('nsenter', ['-t', String(host.init), '-n', 'ip', '-br', 'link', 'show', name]);
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return output.split(/\s+/)[1] ?? '';
}

test('cut-lan takes the carrier away and heal brings it back', { skip }, () =>
  withHosts(async (hosts, a) => {
    await inject('cut-lan', a, hosts, {});
    assert.notEqual(await carrier(a, 'lan0'), 'UP');
    assert.equal(await reaches(hosts.client, lanAddress(0)), false);
    await inject('heal', a, hosts, {});
    assert.ok(await until(() => reaches(hosts.client, lanAddress(0)), { timeoutMs: 3000 }));
  }),
);

test('cut-link parts the replicas and leaves the LAN alone', { skip }, () =>
  withHosts(async (hosts, a, b) => {
    assert.equal(await reaches(a, linkAddress(1)), true);
    await inject('cut-link', a, hosts, {});
    assert.equal(await reaches(b, linkAddress(0)), false);
    assert.equal(await reaches(b, lanAddress(0)), true);
    await inject('heal', a, hosts, {});
    assert.ok(await until(() => reaches(a, linkAddress(1)), { timeoutMs: 3000 }));
  }),
);

test('a cut in one direction keeps the carrier, and heal ends it', { skip }, () =>
  withHosts(async (hosts, a, b) => {
    await inject('cut-lan-in', a, hosts, {});
    await inject('cut-lan-out', a, hosts, {});
    await inject('cut-link-out', a, hosts, {});
    assert.equal(await carrier(a, 'lan0'), 'UP');
    assert.equal(await reaches(hosts.client, lanAddress(0)), false);
    assert.equal(await reaches(a, linkAddress(1)), false);
    assert.equal(await reaches(b, lanAddress(0)), false);
    await inject('heal', a, hosts, {});
    assert.ok(await until(() => reaches(hosts.client, lanAddress(0)), { timeoutMs: 3000 }));
    assert.ok(await until(() => reaches(a, linkAddress(1)), { timeoutMs: 3000 }));
  }),
);

const states = (host: Host) =>
  host.processes().map(({ pid }) => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) (.).*\n/s, '$1'));

test('pause stops every process of the host, nested namespaces included, and resume wakes them', { skip }, () =>
  withHosts(async (hosts, a, b) => {
    a.spawn('unshare --pid --fork --kill-child sh -c "sleep 1000 & sleep 1000" & sleep 1000', { stdio: 'ignore' });
    assert.ok(await until(() => a.processes().length >= 8, { timeoutMs: 3000 }));
    await inject('pause', a, hosts, {});
    assert.ok(await until(() => states(a).every((state) => state === 'T'), { timeoutMs: 1000 }));
    assert.ok(states(b).every((state) => state === 'S'));
    await inject('resume', a, hosts, {});
    assert.ok(await until(() => states(a).every((state) => state === 'S'), { timeoutMs: 1000 }));
  }),
);

test('power-off ends every process of the host at once', { skip }, () =>
  withHosts(async (hosts, a, b) => {
    const child = a.spawn('unshare --pid --fork sleep 1000', { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    assert.ok(await until(() => a.processes().length >= 5, { timeoutMs: 3000 }));
    await inject('power-off', a, hosts, {});
    await ended;
    assert.deepEqual(a.processes(), []);
    assert.equal(a.alive, false);
    assert.equal(await carrier(b, 'link0'), 'UP', 'the survivor keeps its interfaces');
  }),
);

test('kill-daemon and kill-server aim at one program each', { skip }, () =>
  withHosts(async (hosts, a) => {
    const exit = (child: ChildProcess) =>
      new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
    const daemon = a.spawn('exec unshare --pid --fork sh -c "sleep 1000; exit 3"', { stdio: 'ignore' });
    const ended = exit(daemon);
    assert.ok(await until(() => a.processes().length >= 5, { timeoutMs: 3000 }));
    await inject('kill-server', a, hosts, { daemon: daemon.pid });
    assert.equal(await ended, 3, 'only the server died, its keeper went on');
    await assert.rejects(inject('kill-daemon', a, hosts, { daemon: daemon.pid }), /no fttcp daemon/);
  }),
);
