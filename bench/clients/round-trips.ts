// One client, one connection, one SET after the other, as redis-benchmark does it, which counts in steps of 8 µs: too coarse here. It
// waits and reads with plain system calls, since Node's own loop would take as long as the network. Prints percentiles in JSON.
// Usage: round-trips COUNT
import { hrtime } from 'node:process';
import { percentile } from '../../src/experiments/statistics.ts';
import { POLLIN, POLLOUT, Poller, recv, send } from '../../src/linux/io.ts';
import { allocate } from '../../src/linux/memory.ts';
import { connectResult, setNoDelay, tcpConnect } from '../../src/linux/socket.ts';

const WARM_UP = 2000;
const REQUEST = '*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$3\r\nxxx\r\n';
const ANSWER = '+OK\r\n';

const count = Number(process.argv[2]);
const request = allocate(REQUEST.length);
request.set(Buffer.from(REQUEST, 'latin1'));
const answer = allocate(64);

const fd = tcpConnect(process.env.FTTCP_ADDRESS ?? '', Number(process.env.FTTCP_PORT));
setNoDelay(fd);
const poller = new Poller(1);
const slot = poller.add(fd, POLLOUT);
poller.wait(-1);
if (connectResult(fd) < 0) throw new Error(`no connection (errno ${-connectResult(fd)})`);
poller.setEvents(slot, POLLIN);

function roundTrip(): void {
  if (send(fd, request, 0, request.length, 0) !== request.length) throw new Error('the request could not be sent');
  let received = 0;
  while (received < ANSWER.length) {
    poller.wait(-1);
    const length = recv(fd, answer, received, answer.length - received, 0);
    if (length <= 0) throw new Error('the connection was lost');
    received += length;
  }
  if (Buffer.from(answer.buffer, 0, received).toString('latin1') !== ANSWER) throw new Error('that was no +OK');
}

for (let i = 0; i < WARM_UP; i++) roundTrip();
const tookUs: number[] = [];
for (let i = 0; i < count; i++) {
  const startNs = hrtime.bigint();
  roundTrip();
  tookUs.push(Number(hrtime.bigint() - startNs) / 1000);
}
process.stdout.write(`${JSON.stringify({ count, p50Us: percentile(tookUs, 50), p99Us: percentile(tookUs, 99) })}\n`);
