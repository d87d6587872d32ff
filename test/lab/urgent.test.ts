// Urgent data on real kernels: a telnet of sorts, which answers an urgent byte urgently. Where either end missed a mark, the answer would be
// another one. The power of either host goes off in the midst of it.
import { test } from 'node:test';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT, survives } from './failover.ts';

const skip = needs('tun', 'program:python3');

/** A socket's stream in parts: bytes, and whether they are the one that is urgent. The kernel does not read over a mark. socket(7) */
const PARTS = `
import fcntl, os, select, socket, struct, time
address = (os.environ["FTTCP_ADDRESS"], int(os.environ["FTTCP_PORT"]))
SIOCATMARK = 0x8905
def prepare(stream):
  stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
  stream.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
def part(stream):
  select.select([stream], [], [])
  urgent = struct.unpack("i", fcntl.ioctl(stream, SIOCATMARK, bytes(4)))[0] == 1
  return stream.recv(1 if urgent else 65536), urgent`;

const SERVER = `exec python3 -c '${PARTS}
stream, _ = socket.create_server(address).accept()
prepare(stream)
while True:
  data, urgent = part(stream)
  if not data: break
  stream.send(bytes([data[0] ^ 128]) if urgent else data, socket.MSG_OOB if urgent else 0)'`;

const CLIENT = `exec python3 -c '${PARTS}
stream = socket.create_connection(address)
prepare(stream)
for turn in range(150):
  said = bytes([turn % 100 + i % 20 for i in range(100)])
  stream.send(said, socket.MSG_OOB)
  heard, marks = b"", []
  while len(heard) < 100:
    data, urgent = part(stream)
    if not data: raise SystemExit(f"closed in turn {turn}")
    if urgent: marks.append(len(heard))
    heard += data
  if marks != [99] or heard != said[:99] + bytes([said[99] ^ 128]): raise SystemExit(f"turn {turn}: {marks} {heard}")
  time.sleep(0.01)'`;

for (const at of [['700ms:power-off:primary'], ['700ms:power-off:backup']]) {
  test(`urgent data stays urgent, ${at}`, { skip }, async () => {
    await survives({ server: SERVER, port: 7000, client: CLIENT, at, detectTimeout: CALM_TIMEOUT });
  });
}
