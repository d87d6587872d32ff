// The lab of a user without rights, which makes a user namespace for itself. Whoever runs the tests, root too, plays that user.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { until } from '../../src/lab/clock.ts';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT, client, example } from './failover.ts';

const skip = needs('tun');

/** Compiled, this file is in dist/test/lab. */
const BIN = new URL('../../../bin/fttcp.mjs', import.meta.url).pathname;
const directory = mkdtempSync(path.join(tmpdir(), 'user-namespace-test-'));
after(() => rmSync(directory, { recursive: true }));

const LAB_RUN = [
  ...['lab', 'run', '--json', '--port', '7000', '--detect-timeout', CALM_TIMEOUT],
  ...['--server', `exec ${example('echo-server')}`],
];
const ECHO = ['--client', `id -u; grep CapEff /proc/self/status; exec ${client('echo-client')} 1500`];

/**
 * Starts `fttcp` as user 1000 of a user namespace, without capabilities there, and without rights elsewhere but those on the
 * files of whoever runs the tests. `prepared` is done as root of a namespace around it. The child becomes fttcp.
 */
function fttcp(args: readonly string[], { prepared = ':', marker = 'none' } = {}): ChildProcess {
  const wrapper = `${prepared} && exec unshare --user --map-user=1000 --map-group=1000 -- "$@"`;
  const command = ['-Urm', 'sh', '-c', wrapper, 'sh', process.execPath, BIN, ...args];
  const env = { ...process.env, FTTCP_SKIP_SETUP: '1', TMPDIR: directory, MARKER: marker };
  return spawn('unshare', command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (text) => {
    stdout += text;
  });
  child.stderr?.on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

let markers = 0;

/** A lab whose client sleeps. */
class Sleeping {
  readonly marker = `marker-${process.pid}-${markers++}-`;
  readonly child = fttcp([...LAB_RUN, '--client', 'exec sleep 100'], { marker: this.marker });
  readonly ended = ended(this.child);
  #said = '';

  constructor() {
    this.child.stderr?.on('data', (text) => {
      this.#said += text;
    });
  }

  async says(words: string): Promise<void> {
    assert.ok(await until(() => this.#said.includes(words), { timeoutMs: 30_000 }), this.#said);
  }
}

/** Everything that a lab starts inherits its environment, or is told it. */
function processesWith(marker: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/environ`, 'utf8').includes(marker);
    } catch {
      return false;
    }
  });
}

test('a connection survives the power-off, and programs run as the user who called', { skip }, async () => {
  const { code, stdout, stderr } = await ended(fttcp([...LAB_RUN, ...ECHO, '--at', '700ms:power-off:primary']));
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout);
  assert.equal(result.failovers.length, 1, stderr);
  assert.match(result.client.stdout, /^1000\nCapEff:\s+[0-9a-f]*[1-9a-f]/);
});

test('a signal ends it in good order', { skip }, async () => {
  const lab = new Sleeping();
  await lab.says('client started');
  lab.child.kill('SIGINT');
  const { code, stderr } = await lab.ended;
  assert.equal(code, 1);
  assert.match(stderr, /fttcp: .*interrupted/);
  assert.deepEqual(processesWith(lab.marker), []);
  assert.deepEqual(readdirSync(directory), []);
});

test('kill -9 at any moment leaves no process, and the next lab removes the files', { skip }, async () => {
  for (const moment of [20, 60, 120, 240, 480, 'hosts up', 'servers listen', 'backup level', 'client started']) {
    const lab = new Sleeping();
    if (typeof moment === 'number') await new Promise((resolve) => setTimeout(resolve, moment));
    else {
      await lab.says(moment);
      // The lab, and of each host the keeper and two processes.
      assert.ok(processesWith(lab.marker).length > 12);
    }
    lab.child.kill('SIGKILL');
    await until(() => processesWith(lab.marker).length === 0, { timeoutMs: 5000 });
    assert.deepEqual(processesWith(lab.marker), [], `killed at ${moment}`);
    await lab.ended;
  }
  assert.notDeepEqual(readdirSync(directory), []);
  const { code, stderr } = await ended(fttcp([...LAB_RUN, '--direct', '--client', 'true']));
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(directory), []);
});

for (const [what, prepared, message] of [
  [
    'user namespaces that are used up',
    'echo 1 > /proc/sys/user/max_user_namespaces',
    /sysctl user\.max_user_namespaces/,
  ],
  ['a /proc of which parts are covered', 'mount --bind /dev/null /proc/version', /show \/proc whole/],
  [
    'a TUN device that is not there',
    'mount -t tmpfs tmpfs /dev/net',
    /open\(\/dev\/net\/tun\): ENOENT — `modprobe tun`/,
  ],
] as const) {
  test(`${what}: it says what to do`, { skip }, async () => {
    const { code, stdout, stderr } = await ended(fttcp([...LAB_RUN, '--client', 'true'], { prepared }));
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  });
}
