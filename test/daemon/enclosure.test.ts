import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  ENCLOSURE_SYSCTLS,
  Enclosure,
  type EnclosureOptions,
  type EnclosureStatus,
  SERVER_PID,
  SERVICE_INTERFACE,
} from '../../src/daemon/enclosure.ts';
import { foldUpper } from '../../src/daemon/fold-upper.ts';
import { hasOtherUsers } from '../../src/linux/capabilities.ts';
import { close, POLLIN, Poller, read } from '../../src/linux/io.ts';
import { ip } from '../../src/linux/ip.ts';
import { allocate } from '../../src/linux/memory.ts';
import { childrenOf } from '../../src/linux/process.ts';
import { openTun } from '../../src/linux/tun.ts';
import { ownNetwork, until } from '../linux/own-network.ts';
import { needs } from '../needs.ts';
import { makeLayer } from './private-overlay.ts';

const skip = ownNetwork('tun');

interface Run {
  readonly enclosure: Enclosure;
  readonly lines: string[];
  readonly tunFd: number;
  /** Resolves with what onExit was told, when nothing of the enclosure is left. */
  readonly status: Promise<EnclosureStatus>;
}

async function run(command: string, options: Partial<EnclosureOptions> = {}): Promise<Run> {
  const tun = openTun();
  const lines: string[] = [];
  let exited: (status: EnclosureStatus) => void = () => {};
  const status = new Promise<EnclosureStatus>((resolve) => {
    exited = resolve;
  });
  try {
    const enclosure = await Enclosure.start({
      command,
      tunName: tun.name,
      address: '10.9.0.5',
      prefix: 32,
      mtu: 1500,
      environment: {},
      hostName: 'service',
      onExit: exited,
      onOutput: (line) => lines.push(line),
      ...options,
    });
    const gone = status.then(async (how) => {
      await enclosure.stop(0);
      close(tun.fd);
      return how;
    });
    return { enclosure, lines, status: gone, tunFd: tun.fd };
  } catch (error) {
    close(tun.fd);
    throw error;
  }
}

async function output(command: string, options: Partial<EnclosureOptions> = {}): Promise<string[]> {
  const { lines, status } = await run(command, options);
  assert.deepEqual(await status, { code: 0, signal: null });
  return lines;
}

/** Processes whose environment or command line holds a text, and which are no zombies. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => ['environ', 'cmdline'].some((file) => readOrEmpty(`/proc/${pid}/${file}`).includes(text)))
    .map(Number);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

let markers = 0;
function newMarker(): string {
  return `fttcp-marker-${process.pid}-${markers++}`;
}

test('the server finds its address, its route and its name', { skip }, async () => {
  const lines = await output('hostname; ip -brief address; ip route; cat /sys/class/net/lo/mtu >/dev/null; echo $$');
  assert.equal(lines[0], 'service');
  assert.match(lines.join('\n'), /lo +UNKNOWN +127\.0\.0\.1\/8/);
  assert.match(lines.join('\n'), new RegExp(`${SERVICE_INTERFACE} +UNKNOWN +10\\.9\\.0\\.5/32`));
  assert.match(lines.join('\n'), new RegExp(`default dev ${SERVICE_INTERFACE}`));
  assert.equal(
    Number(lines.at(-1)),
    SERVER_PID,
    'it has a PID namespace of its own, and the same number in it as everywhere',
  );
});

test('an IPv6 address is there at once', { skip }, async () => {
  const lines = await output('ip -6 -brief address show dev service0; ip -6 route; ip link show dev service0', {
    address: 'fd00:9::5',
    prefix: 128,
    mtu: 1400,
  });
  assert.match(lines[0] ?? '', /fd00:9::5\/128 *$/, 'and no link-local one');
  assert.match(lines.join('\n'), /default dev service0/);
  assert.match(lines.join('\n'), /mtu 1400 .*qlen 10000/);
});

for (const [address, prefix] of [
  ['10.9.0.5', 32],
  ['fd00:9::5', 128],
] as const) {
  test(`an enclosure at ${address} says nothing of its own accord`, { skip }, async () => {
    const { enclosure, status, tunFd } = await run('sleep 100', { address, prefix });
    const poller = new Poller(1);
    poller.add(tunFd, POLLIN);
    const bytes = allocate(2048);
    if (poller.wait(300) !== 0)
      assert.fail(Buffer.from(bytes.subarray(0, read(tunFd, bytes, 0, 2048))).toString('hex'));
    await enclosure.stop(1000);
    await status;
  });
}

test('kernel settings are the same on every replica', { skip }, async () => {
  const { enclosure, lines, status } = await run(
    ENCLOSURE_SYSCTLS.map(([name]) => `cat /proc/sys/${name.replaceAll('.', '/')}`).join('\n'),
  );
  await status;
  ENCLOSURE_SYSCTLS.forEach(([name, value, need], index) => {
    const found = lines[index]?.replaceAll('\t', ' ');
    const excused = need === 'preferred' || enclosure.warnings.some((warning) => warning.startsWith(`${name} `));
    if (!excused) assert.equal(found, value, name);
  });
});

test('the environment is the one given, and nothing else', { skip }, async () => {
  const lines = await output('env', { environment: { QUOTED: `it's "$HOME" \\ and\ttabs`, EMPTY: '' } });
  assert.deepEqual(lines.filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line)).sort(), [
    'EMPTY=',
    'HOSTNAME=service',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    `QUOTED=it's "$HOME" \\ and\ttabs`,
  ]);
});

test('the environment shows in no command line', { skip }, async () => {
  const marker = newMarker();
  const { enclosure, status } = await run('sleep 100 & wait', { environment: { SECRET: marker } });
  await until('the server runs', () => readOrEmpty(`/proc/${enclosure.initPid}/environ`).includes(marker));
  assert.ok(!readOrEmpty(`/proc/${enclosure.initPid}/cmdline`).includes(marker));
  await enclosure.stop(1000);
  await status;
});

test('the server starts with default signals, no foreign descriptors and a session of its own', { skip }, async () => {
  const lines = await output(
    'grep -E "Sig(Blk|Ign)" /proc/self/status; readlink /proc/$$/fd/0; echo plain >/dev/stdout; ps -o sid= -p $$; echo $$',
  );
  assert.match(lines[0] ?? '', /^SigBlk:\s+0+$/);
  assert.match(lines[1] ?? '', /^SigIgn:\s+0+$/);
  assert.equal(lines[2], '/dev/null');
  assert.equal(lines[3], 'plain');
  assert.equal(lines[4]?.trim(), lines[5]);
});

test('the server runs as another user, who may listen on a low port', {
  skip: needs('root') || noSuchUser('nobody'),
}, async () => {
  const listen = `${process.execPath} -e "require('net').createServer().listen(80)"`;
  const { enclosure, lines, status } = await run(`id -un; pwd; exec ${listen}`, { user: 'nobody', directory: '/tmp' });
  await until('port 80', () => enclosure.listeningPorts().includes(80));
  assert.deepEqual(enclosure.listeningPorts(), [80]);
  assert.deepEqual(lines, ['nobody', '/tmp']);
  await enclosure.stop(5000);
  assert.deepEqual(await status, { code: null, signal: 'SIGTERM' });
  assert.deepEqual(enclosure.listeningPorts(), []);
});

test('a server serves as soon as it listens or waits for datagrams', { skip }, async () => {
  const sockets = [`require('net').createServer().listen(80)`, `require('dgram').createSocket('udp4').bind(80)`];
  for (const socket of sockets) {
    const { enclosure } = await run(`exec ${process.execPath} -e "${socket}"`);
    await until('it serves', () => enclosure.isServing);
    await enclosure.stop(5000);
    assert.equal(enclosure.isServing, false);
  }
  const { enclosure } = await run('exec sleep 1000');
  assert.equal(enclosure.isServing, false);
  await enclosure.stop(5000);
});

test('the exit code is reported', { skip }, async () => {
  const { status } = await run('exit 7');
  assert.deepEqual(await status, { code: 7, signal: null });
});

for (const signal of ['SIGSEGV', 'SIGKILL', 'SIGTERM']) {
  test(`a death by ${signal} is reported`, { skip }, async () => {
    const { status } = await run(`kill -${signal.slice(3)} $$`);
    assert.deepEqual(await status, { code: null, signal });
  });
}

test('output that nobody wants goes nowhere', { skip }, async () => {
  assert.deepEqual(await output('echo lost; echo lost >&2', { onOutput: undefined } as never), []);
});

test('output goes to a log file, line by line, with and without a listener', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fttcp-enclosure-'));
  const logFile = join(folder, 'server.log');
  const listened = await output('echo one; echo two >&2; printf three', { logFile });
  assert.deepEqual(listened, ['one', 'two', 'three']);
  await output('echo four; echo five >&2', { logFile, onOutput: undefined } as never);
  assert.equal(readFileSync(logFile, 'utf8'), 'one\ntwo\nthree\nfour\nfive\n');
  rmSync(folder, { recursive: true });
});

test('the end of the command is the end of all that it started', { skip }, async () => {
  const marker = newMarker();
  const { status } = await run('setsid sleep 1000 & exit 0', { environment: { MARKER: marker } });
  assert.deepEqual(await status, { code: 0, signal: null });
  assert.deepEqual(processesWith(marker), []);
});

test('the network outlives the command, until the enclosure is stopped', { skip }, async () => {
  const tun = openTun();
  const ended: { network?: string; processes?: number[] } = {};
  const marker = newMarker();
  await new Promise<void>((resolve, reject) => {
    const starting = Enclosure.start({
      command: 'setsid sleep 1000 & exit 3',
      tunName: tun.name,
      address: '10.9.0.5',
      prefix: 32,
      mtu: 1500,
      environment: { MARKER: marker },
      hostName: 'service',
      onExit: async (status) => {
        assert.deepEqual(status, { code: 3, signal: null });
        const enclosure = await starting;
        // Of the command nothing is left but process 1, which was handed its environment.
        ended.processes = processesWith(marker).filter((pid) => childrenOf(enclosure.initPid).includes(pid));
        ended.network = ip(['address', 'show', 'dev', SERVICE_INTERFACE], { pid: enclosure.initPid });
        await enclosure.stop(0);
        resolve();
      },
    });
    starting.catch(reject);
  });
  close(tun.fd);
  assert.deepEqual(ended.processes, []);
  assert.match(ended.network ?? '', /10\.9\.0\.5/);
  assert.deepEqual(processesWith(marker), []);
});

test('orphans are reaped while the server runs', { skip }, async () => {
  const { enclosure, lines, status } = await run(
    '(setsid sh -c "sleep 0.05" &); sleep 0.3; ps -eo stat= | grep -c Z; exec sleep 100',
  );
  await until('a count', () => lines.length === 1);
  assert.deepEqual(lines, ['0']);
  await enclosure.stop(1000);
  await status;
});

test('stop gives what the server forked its time, after the server itself has ended', { skip }, async () => {
  const { enclosure, lines, status } = await run(
    `setsid sh -c 'trap "sleep 0.1; echo cleaned; exit 0" TERM; echo ready; while :; do sleep 0.01; done' 2>/dev/null & wait`,
  );
  await until('ready', () => lines.includes('ready'));
  await enclosure.stop(5000);
  assert.deepEqual(await status, { code: null, signal: 'SIGTERM' });
  assert.deepEqual(lines, ['ready', 'cleaned']);
});

test('stop ends grandchildren that ignore SIGTERM', { skip }, async () => {
  const marker = newMarker();
  const { enclosure, lines, status } = await run(
    `setsid sh -c 'trap "" TERM; (setsid sh -c "echo ready; while :; do sleep 1; done" &) ; while :; do sleep 1; done' & wait`,
    { environment: { MARKER: marker } },
  );
  await until('ready', () => lines.includes('ready'));
  assert.notDeepEqual(processesWith(marker), []);
  await Promise.all([enclosure.stop(100), enclosure.stop(100)]);
  assert.deepEqual(processesWith(marker), []);
  assert.deepEqual(await status, { code: null, signal: 'SIGTERM' });
  await enclosure.stop(100);
});

test('a server that ignores SIGTERM is killed after its grace', { skip }, async () => {
  const { enclosure, lines, status } = await run(`trap '' TERM; echo ready; while :; do sleep 0.01; done`);
  await until('ready', () => lines.includes('ready'));
  await enclosure.stop(50);
  assert.deepEqual(await status, { code: null, signal: 'SIGKILL' });
});

test('what the server changes in a covered directory is seen by it alone', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fttcp-covered, by: '));
  t.after(() => rmSync(folder, { recursive: true }));
  const directory = join(folder, "it's covered");
  mkdirSync(directory);
  writeFileSync(join(directory, 'file'), 'at first\n');
  const overlay = makeLayer(directory, join(folder, 'layer'));
  const command = 'echo more >>file; echo new >made; cat file; ls';
  const { enclosure, lines, status } = await run(command, { overlays: [overlay], directory });
  await status;
  assert.deepEqual(enclosure.uncovered, []);
  assert.deepEqual(lines, ['at first', 'more', 'file', 'made']);
  assert.equal(readFileSync(join(directory, 'file'), 'utf8'), 'at first\n');
  assert.deepEqual(readdirSync(directory), ['file']);
  foldUpper(Buffer.from(join(overlay.layer, 'upper')), Buffer.from(directory), () => {});
  assert.equal(readFileSync(join(directory, 'file'), 'utf8'), 'at first\nmore\n');
  assert.deepEqual(readdirSync(directory), ['file', 'made']);
});

test('an overlay that the kernel refuses is told, and the others are there', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fttcp-uncovered-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [refused, taken] = ['refused', 'taken'].map((name) => {
    const directory = join(folder, name);
    mkdirSync(directory);
    return makeLayer(directory, join(folder, `layer-${name}`));
  });
  assert.ok(refused !== undefined && taken !== undefined);
  rmSync(join(refused.layer, 'work'), { recursive: true });
  const command = `touch '${refused.directory}/made' '${taken.directory}/made'`;
  const { enclosure, status } = await run(command, { overlays: [refused, taken] });
  await status;
  assert.deepEqual(enclosure.uncovered, [refused]);
  const warnings = enclosure.warnings.filter((warning) => warning.startsWith(`${refused.directory} is not covered`));
  assert.match(warnings[0] ?? '', /cannot be repeated: mount: /);
  assert.deepEqual(readdirSync(refused.directory), ['made']);
  assert.deepEqual(readdirSync(taken.directory), []);
});

test('what is refused is told, and leaves nothing but the TUN', { skip }, async () => {
  const tun = openTun();
  const options = { tunName: tun.name, environment: { MARKER: newMarker() } };
  const refusal = hasOtherUsers() ? /no such user.* — create it/ : /user namespace with one user.* or run as root/;
  await assert.rejects(run('true', { ...options, user: 'no-such-user-here' }), refusal);
  await assert.rejects(run('true', { tunName: 'absent0' }), /absent0/);
  await assert.rejects(run('true', { directory: '/no/such/folder' }), /\/no\/such\/folder/);
  await assert.rejects(run('true', { hostName: 'two words' }), { code: 'enclosure-options' });
  await assert.rejects(run('true', { logFile: '/no/such/folder/log', onOutput: undefined } as never), {
    code: 'log-file',
  });
  assert.deepEqual(processesWith(options.environment.MARKER), []);
  close(tun.fd);
});

function spawnDaemon(marker: string): ChildProcess {
  const daemon = fileURLToPath(new URL('enclosure-daemon.js', import.meta.url));
  const command = `setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' & wait`;
  return spawn(process.execPath, [daemon, command, marker], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function outputOf(daemon: ChildProcess, word: string): Promise<string> {
  let text = '';
  daemon.stdout?.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  await until(word, () => new RegExp(`${word}.*\n`).test(text), 10_000);
  return text;
}

test('kill -9 of the daemon leaves no process and no namespace', { skip }, async () => {
  const marker = newMarker();
  const daemon = spawnDaemon(marker);
  const text = await outputOf(daemon, 'started');
  const initPid = Number(/started (\d+)/.exec(text)?.[1]);
  const namespace = readlinkSync(`/proc/${initPid}/ns/net`);
  await until('the server runs', () => processesWith(marker).length >= 3);
  daemon.kill('SIGKILL');
  await until('all processes end', () => processesWith(marker).length === 0);
  await until('the namespace ends', () => !namespacesInUse().has(namespace));
});

test('kill -9 at any moment of the start leaves nothing', { skip }, async () => {
  const marker = newMarker();
  for (let delayMs = 0; delayMs < 60; delayMs += 5) {
    const daemon = spawnDaemon(marker);
    await outputOf(daemon, 'begun');
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    daemon.kill('SIGKILL');
    await new Promise((resolve) => daemon.once('exit', resolve));
    await until(`all processes end, killed after ${delayMs} ms`, () => processesWith(marker).length === 0);
  }
});

function namespacesInUse(): Set<string> {
  const inUse = new Set<string>();
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      inUse.add(readlinkSync(`/proc/${pid}/ns/net`));
    } catch {
      // it has ended
    }
  }
  return inUse;
}

function noSuchUser(name: string): string | false {
  return new RegExp(`^${name}:`, 'm').test(readFileSync('/etc/passwd', 'utf8')) ? false : `no user ${name}`;
}

test('the network of an enclosure is apart from the daemon’s', { skip }, async () => {
  const { enclosure, status } = await run('sleep 100');
  assert.match(ip(['address', 'show', 'dev', SERVICE_INTERFACE], { pid: enclosure.initPid }), /10\.9\.0\.5/);
  assert.throws(() => ip(['address', 'show', 'dev', SERVICE_INTERFACE]), { code: 'ip-failed' });
  await enclosure.stop(1000);
  await status;
});
