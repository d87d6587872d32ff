// The server program is killed, or one of its processes: its kernel closes the connections, and no client may hear of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLab } from '../../src/lab/run.ts';
import type { RunningReplica } from '../../src/lab/service.ts';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT, client, example, leaves, survives } from './failover.ts';

const skip = needs('tun');
const skipPython = needs('tun', 'program:python3');

/** A process for each connection; one that reads `die` kills itself. */
const FORKING = `exec python3 -c '
import os, signal, socketserver
class Echo(socketserver.BaseRequestHandler):
  def handle(self):
    while data := self.request.recv(1 << 16):
      if b"die" in data: os.kill(os.getpid(), signal.SIGSEGV)
      self.request.sendall(data)
class Server(socketserver.ForkingTCPServer):
  allow_reuse_address = True
Server((os.environ["FTTCP_ADDRESS"], int(os.environ["FTTCP_PORT"])), Echo).serve_forever()'`;

/** One that serves its connections in threads. */
const THREADED = FORKING.replace('ForkingTCPServer', 'ThreadingTCPServer');

const ECHO = { client: `${client('echo-client')} 1500`, port: 7000 };

for (const victim of ['primary', 'backup']) {
  test(`the kill of the ${victim}'s server is survived`, { skip }, async () => {
    await survives({ ...ECHO, server: example('echo-server'), at: [`500ms:kill-server:${victim}`] });
  });
}

test('a server whose connections are served by threads is no other', { skip: skipPython }, async () => {
  await survives({ ...ECHO, server: THREADED, at: ['500ms:kill-server:primary'] });
});

test('the kill of the one process that serves a connection is survived', { skip: skipPython }, async () => {
  const kill = async (when: string, replicas: readonly RunningReplica[]) => {
    if (when !== 'before') return;
    const primary = replicas.find(({ name }) => name === 'a');
    assert.ok(primary);
    setTimeout(() => {
      const [worker] = leaves(primary.pid).sort((one, other) => other - one);
      if (worker !== undefined) process.kill(worker, 'SIGKILL');
    }, 700);
  };
  // The lab knows of no fault: nobody asked it for one.
  const result = await runLab({
    ...ECHO,
    server: FORKING,
    examine: kill,
    detectTimeout: CALM_TIMEOUT,
    environment: process.env,
  });
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(
    result.voices.speakers.map(({ host }) => host),
    ['a', 'b'],
  );
});

test('a worker that its master asks to end is no crash', { skip: skipPython }, async () => {
  const terminate = async (when: string, replicas: readonly RunningReplica[]) => {
    if (when !== 'before') return;
    const pids = replicas.map(({ pid }) => pid);
    setTimeout(() => {
      for (const worker of pids.flatMap(leaves)) process.kill(worker, 'SIGTERM');
    }, 700);
  };
  const result = await runLab({
    ...ECHO,
    server: FORKING,
    examine: terminate,
    detectTimeout: CALM_TIMEOUT,
    environment: process.env,
  });
  assert.notEqual(result.client.exitCode, 0, 'the client has lost its connection, as it would without fttcp');
  assert.deepEqual(result.failovers, []);
});

test('a request that kills both servers is let through', { skip: skipPython }, async () => {
  const result = await runLab({
    server: FORKING,
    port: 7000,
    client: `exec python3 -c '
import os, socket, time
connection = socket.create_connection((os.environ["FTTCP_ADDRESS"], int(os.environ["FTTCP_PORT"])))
connection.sendall(b"hello")
assert connection.recv(9) == b"hello"
connection.sendall(b"die")
connection.settimeout(20)
try:
  print("closed" if connection.recv(9) == b"" else "data")
except ConnectionResetError:
  print("closed")'`,
    detectTimeout: CALM_TIMEOUT,
    environment: process.env,
  });
  assert.equal(result.client.stdout.trim(), 'closed', JSON.stringify(result));
  assert.ok(result.client.durationMs < 15_000);
});
