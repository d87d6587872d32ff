// The beginnings of connections, as real kernels see them: a queue of connections that is full, since the server accepts none, connections that are
// given up in the midst of the handshake, and ports where nobody listens. The two kernels need not treat them alike; their clients are to see none of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLab } from '../../src/lab/run.ts';
import { needs, SEARCH_PATH } from '../needs.ts';
import { CALM_TIMEOUT, FAULTS } from './failover.ts';

const skip = needs('tun', 'program:python3');

const SERVER = `exec python3 -c '
import os, socket, threading, time
def echo(stream):
  for data in iter(lambda: stream.recv(65536), b""): stream.sendall(data)
listener = socket.create_server((os.environ["FTTCP_ADDRESS"], int(os.environ["FTTCP_PORT"])), backlog=1)
time.sleep(2)
while True:
  threading.Thread(target=echo, args=(listener.accept()[0],)).start()'`;

const CLIENT = `exec python3 -c '
import os, socket, struct, sys, threading
address = (os.environ["FTTCP_ADDRESS"], int(os.environ["FTTCP_PORT"]))
try:
  socket.create_connection((address[0], 1))
  sys.exit("somebody listens where nobody does")
except ConnectionRefusedError: pass
def give_up():
  stream = socket.socket()
  stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
  stream.setblocking(False)
  stream.connect_ex(address)
  stream.close()
wrong = []
def converse(number):
  said = b"line %d\\n" % number * 100
  try:
    stream = socket.create_connection(address, timeout=30)
    stream.sendall(said)
    heard = b""
    while len(heard) < len(said):
      data = stream.recv(65536)
      if not data: raise EOFError(f"closed after {len(heard)} bytes")
      heard += data
    if heard != said: raise ValueError("another answer")
    stream.close()
  except Exception as error: wrong.append(f"client {number}: {error!r}")
threads = [threading.Thread(target=converse, args=(number,)) for number in range(8)]
for thread in threads:
  give_up()
  thread.start()
for thread in threads: thread.join()
sys.exit("\\n".join(wrong) or None)'`;

for (const fault of FAULTS) {
  test(`clients wait for a server that accepts nobody yet, and are served after: ${fault}`, { skip }, async () => {
    const result = await runLab({
      server: SERVER,
      port: 7000,
      client: CLIENT,
      at: [`700ms:${fault}`],
      detectTimeout: CALM_TIMEOUT,
      environment: { ...process.env, PATH: SEARCH_PATH },
    });
    const account = JSON.stringify(result, null, 1);
    assert.equal(result.client.exitCode, 0, account);
    assert.deepEqual([result.faults.length, result.failovers.length], [1, fault.endsWith(':primary') ? 1 : 0], account);
    // Those that were given up were never established.
    const served = result.connections.filter(({ bytesOut }) => bytesOut > 0);
    assert.equal(served.length, 8, account);
    assert.ok(
      served.every(({ survived }) => survived),
      account,
    );
    assert.deepEqual([result.falsePromotions, result.voices.violations], [0, 0], account);
  });
}
