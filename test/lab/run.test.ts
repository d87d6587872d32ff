import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FttcpError } from '../../src/errors.ts';
import { until } from '../../src/lab/clock.ts';
import { listProcesses } from '../../src/lab/processes.ts';
import { type LabOptions, runLab } from '../../src/lab/run.ts';
import { needs } from '../needs.ts';

const skip = needs('namespaces');

const NODE = `exec '${process.execPath}' -e`;
const ECHO = `${NODE} "require('net').createServer((s) => s.pipe(s)).listen(process.env.FTTCP_PORT, process.env.FTTCP_ADDRESS)"`;
/** Sends a line every 5 ms for so many ms and wants all of them back. */
const talker = (forMs: number) => `${NODE} "
  const s = require('net').connect(process.env.FTTCP_PORT, process.env.FTTCP_ADDRESS);
  let sent = 0, got = 0;
  const timer = setInterval(() => { s.write('x'.repeat(100)); sent += 100; }, 5);
  setTimeout(() => { clearInterval(timer); s.end(); }, ${forMs});
  s.on('data', (d) => { got += d.length; });
  s.on('error', () => process.exit(3));
  s.on('close', () => { console.log(sent, got); process.exit(sent === got ? 0 : 1); });"`;

const options = (more: Partial<LabOptions>): LabOptions => ({
  server: ECHO,
  client: talker(100),
  port: 7007,
  direct: true,
  environment: process.env,
  timeoutMs: 20_000,
  ...more,
});

const usage = (pattern: RegExp) => (error: unknown) =>
  error instanceof FttcpError && error.code === 'usage' && pattern.test(error.message);
const scratchDirectories = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`fttcp-lab-${process.pid}-`));

test('a direct run without faults succeeds and leaves nothing', { skip }, async () => {
  const lines: string[] = [];
  const result = await runLab(options({ progress: (line) => lines.push(line) }));
  assert.equal(result.ok, true);
  assert.equal(result.client.exitCode, 0);
  assert.deepEqual([result.faults, result.failovers], [[], []]);
  const [connection] = result.connections;
  assert.ok(connection);
  assert.equal(connection.bytesIn, connection.bytesOut);
  assert.equal(connection.stallMs, 0);
  assert.match(connection.service, /^10\.77\.0\.100:7007$/);
  assert.ok(lines.some((line) => line.includes('listens on port 7007')));
  assert.deepEqual(scratchDirectories(), []);
});

test('a run can be looked into before the client starts and after it has ended, and spared the capture', {
  skip,
}, async () => {
  const seen: string[] = [];
  const result = await runLab(
    options({
      capture: false,
      examine: async (when, replicas) => {
        seen.push(...replicas.map(({ name, pid }) => `${when} ${name} ${existsSync(`/proc/${pid}`)}`));
      },
    }),
  );
  assert.deepEqual(seen, ['before a true', 'after a true']);
  assert.deepEqual([result.ok, result.connections], [true, []]);
});

test('a power-off without fttcp is not survived, and the stall lasts to the end', { skip }, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'run-test-'));
  try {
    const result = await runLab(
      options({ client: talker(5000), at: ['300ms:power-off:primary'], timeoutMs: 1500, pcap: directory }),
    );
    assert.equal(result.ok, false);
    assert.equal(result.client.exitCode, 124);
    assert.equal(result.faults[0]?.host, 'a');
    assert.ok(Math.abs((result.faults[0]?.atMs ?? 0) - 300) < 200);
    const [connection] = result.connections;
    assert.equal(connection?.survived, false);
    assert.ok((connection?.stallMs ?? 0) > 1000);
    assert.match(readFileSync(path.join(directory, 'sequence.svg'), 'utf8'), /power-off of a/);
    assert.ok(readFileSync(path.join(directory, 'client.pcapng')).includes('power-off of a'));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a pause is a stall of its length and is survived', { skip }, async () => {
  const result = await runLab(options({ client: talker(800), at: ['300ms:pause:a', '500ms:resume:a'] }));
  assert.equal(result.ok, true, JSON.stringify(result));
  const [pause, resume] = result.faults;
  const pausedMs = (resume?.atMs ?? 0) - (pause?.atMs ?? 0);
  const stallMs = result.connections[0]?.stallMs ?? 0;
  // Less the time to the next line, which is the first to miss its answer.
  assert.ok(pausedMs > 0 && stallMs > pausedMs - 50, `${stallMs} of ${pausedMs}`);
});

test('the server works in a private copy of the state, times kept', { skip }, async () => {
  const state = mkdtempSync(path.join(tmpdir(), 'run-test-'));
  try {
    writeFileSync(path.join(state, 'greeting'), 'hello');
    utimesSync(path.join(state, 'greeting'), 1_000_000_000, 1_000_000_000);
    const server = `stat -c %Y greeting > seen; ${ECHO.replace('s.pipe(s)', "s.end(require('fs').readFileSync('seen'))")}`;
    const client = `${NODE} "require('net').connect(7007, '10.77.0.100').pipe(process.stdout)"`;
    const result = await runLab(options({ state, server, client }));
    assert.equal(result.client.stdout, '1000000000\n');
    assert.equal(existsSync(path.join(state, 'seen')), false);
  } finally {
    rmSync(state, { recursive: true });
  }
});

test('a server that does not start is told with what it said', { skip }, async () => {
  await assert.rejects(runLab(options({ server: 'echo no such thing >&2; exit 5' })), (error: FttcpError) => {
    assert.equal(error.code, 'lab-server');
    assert.match(error.message, /ended \(exit 5\)[\s\S]*no such thing/);
    return true;
  });
  assert.deepEqual(scratchDirectories(), []);
});

test('wrong options are refused before any host is made', { skip }, async () => {
  await assert.rejects(runLab(options({ at: ['1s:explode:a'] })), usage(/explode/));
  await assert.rejects(runLab(options({ port: Number.NaN })), usage(/port/));
  await assert.rejects(runLab(options({ rate: 'fast' })), usage(/fast/));
  await assert.rejects(runLab(options({ state: '/nowhere' })), usage(/nowhere/));
});

test('an interruption tears the lab down', { skip }, async () => {
  const interruption = new AbortController();
  const progress = (line: string) => {
    if (line === 'client started') interruption.abort();
  };
  const run = runLab(options({ client: 'exec sleep 1000', progress, signal: interruption.signal }));
  await assert.rejects(run, (error: FttcpError) => error.code === 'interrupted');
  assert.deepEqual(scratchDirectories(), []);
});

test('a lab killed by SIGKILL in mid-run leaves no process, and the next one removes its directory', {
  skip,
}, async () => {
  const module = fileURLToPath(new URL('../../src/lab/run.js', import.meta.url));
  const killed = JSON.stringify(options({ client: 'exec sleep 4321', environment: {} }));
  const script = `
    const { runLab } = await import(${JSON.stringify(module)});
    const progress = (line) => console.log(line);
    await runLab({ ...${killed}, environment: process.env, progress });`;
  const lab = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  lab.stdout.on('data', (text) => {
    output += text;
  });
  assert.ok(await until(() => output.includes('client started'), { timeoutMs: 10_000 }));
  const own = listProcesses().find((one) => one.pid === process.pid)?.pidNamespace;
  const children = listProcesses().filter((one) => one.parent === lab.pid);
  const namespaces = new Set(
    listProcesses()
      .filter((one) => children.some((child) => child.pid === one.parent) && one.pidNamespace !== own)
      .map((one) => one.pidNamespace),
  );
  assert.equal(namespaces.size, 3);
  const ended = new Promise((resolve) => lab.once('exit', resolve));
  lab.kill('SIGKILL');
  await ended;
  const left = () => listProcesses().filter((one) => namespaces.has(one.pidNamespace));
  assert.ok(await until(() => left().length === 0, { timeoutMs: 3000 }));
  const stale = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`fttcp-lab-${lab.pid}-`));
  assert.equal(stale().length, 1);
  assert.equal((await runLab(options({}))).ok, true);
  assert.deepEqual(stale(), []);
});

test('with fttcp a power-off of the primary is survived, and the failover is measured', {
  skip: needs('tun'),
}, async () => {
  const at = ['400ms:power-off:primary'];
  // Wide: other tests take the processors meanwhile, and a false suspicion is two voices.
  const result = await runLab(options({ direct: false, client: talker(1500), at, detectTimeout: '250ms' }));
  assert.equal(result.ok, true, JSON.stringify(result));
  assert.equal(result.faults[0]?.host, 'a');
  const [failover] = result.failovers;
  assert.ok(failover && result.failovers.length === 1);
  assert.ok(failover.detectedAfterMs > 100 && failover.promotedAfterMs >= failover.detectedAfterMs);
  const [connection] = result.connections;
  assert.ok(connection?.survived && connection.stallMs > 100);
});

test('two labs run side by side', { skip }, async () => {
  const results = await Promise.all([runLab(options({})), runLab(options({}))]);
  assert.deepEqual(
    results.map((result) => result.ok),
    [true, true],
  );
});
