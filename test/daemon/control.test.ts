import { deepEqual, equal, rejects } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ControlServer, requestStatus } from '../../src/daemon/control.ts';
import { FttcpError } from '../../src/errors.ts';
import { STATUS } from './status-example.ts';

let directory = '';
let socketPath = '';

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'fttcp-control-'));
  socketPath = path.join(directory, 'run', 'files.sock');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** With a server for as long as `work` takes. */
async function serving(work: () => Promise<void>, status: () => typeof STATUS = () => STATUS): Promise<void> {
  const server = new ControlServer(socketPath, { status });
  await server.listen();
  try {
    await work();
  } finally {
    await server.close();
  }
}

/** Sends text as it is and reads one line for each line of it. */
async function converse(text: string): Promise<unknown[]> {
  const socket = createConnection(socketPath).setEncoding('utf8');
  const wanted = text.split('\n').length - 1;
  let received = '';
  socket.write(text);
  for await (const piece of socket) {
    received += piece;
    if (received.split('\n').length > wanted) break;
  }
  return received
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('status travels through the socket unchanged', () =>
  serving(async () => deepEqual(await requestStatus(socketPath), STATUS)));

test('the directory is made, and only its owner can open the socket', () =>
  serving(async () => {
    equal(statSync(path.dirname(socketPath)).mode & 0o777, 0o755);
    equal(statSync(socketPath).mode & 0o777, 0o600);
  }));

test('closing removes the socket file', async () => {
  await serving(async () => undefined);
  equal(existsSync(socketPath), false);
});

test('one connection may ask several times, and nonsense is answered', () =>
  serving(async () => {
    const [pid, unknown, broken] = await converse('{"request":"pid"}\n{"request":"dance"}\nhello\n');
    deepEqual(pid, { ok: true, pid: process.pid });
    deepEqual(unknown, { ok: false, code: 'request-unknown', message: "this daemon knows no request 'dance'" });
    equal((broken as { code: string }).code, 'request-invalid');
  }));

test('an error of the daemon keeps its code', () =>
  serving(
    () => rejects(requestStatus(socketPath), { code: 'busy', message: 'ask again' }),
    () => {
      throw new FttcpError('busy', 'ask again');
    },
  ));

test('a live daemon keeps a second one from starting and is named by its pid', () =>
  serving(async () => {
    const second = new ControlServer(socketPath, { status: () => STATUS });
    await rejects(second.listen(), (error: unknown) => {
      equal(error instanceof FttcpError && error.code, 'already-running');
      return String(error).includes(`pid ${process.pid}`);
    });
    deepEqual(await requestStatus(socketPath), STATUS);
  }));

test('the socket of a killed daemon is replaced', async () => {
  const script = "require('node:net').createServer().listen(process.argv[1], () => console.log('up'))";
  socketPath = path.join(directory, 'files.sock');
  const daemon = spawn(process.execPath, ['-e', script, socketPath], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(daemon.stdout, 'data');
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  equal(existsSync(socketPath), true);
  await rejects(requestStatus(socketPath), { code: 'not-running' });
  await serving(async () => deepEqual(await requestStatus(socketPath), STATUS));
});

test('without a daemon the error says so', () => rejects(requestStatus(socketPath), { code: 'not-running' }));

test('a daemon that does not answer is given up', async () => {
  socketPath = path.join(directory, 'mute.sock');
  const mute = createServer(() => undefined).listen(socketPath);
  await once(mute, 'listening');
  try {
    await rejects(requestStatus(socketPath), { code: 'control-timeout' });
  } finally {
    mute.close();
  }
});

test('something else that listens there is told apart', async () => {
  socketPath = path.join(directory, 'other.sock');
  const other = createServer((socket) => void socket.write('220 hello\n')).listen(socketPath);
  await once(other, 'listening');
  try {
    await rejects(requestStatus(socketPath), { code: 'control-failed' });
  } finally {
    other.close();
  }
});

test('a file that is no socket is not removed', async () => {
  socketPath = path.join(directory, 'notes.txt');
  writeFileSync(socketPath, 'mine');
  await rejects(new ControlServer(socketPath, { status: () => STATUS }).listen(), FttcpError);
  equal(existsSync(socketPath), true);
});
