// Answers every datagram with itself, before anything else on its host if that is allowed. Usage: datagram-echo ADDRESS PORT
import { POLLIN, Poller } from '../../linux/io.ts';
import { allocate } from '../../linux/memory.ts';
import { setRealtime } from '../../linux/scheduling.ts';
import { recvFrom, recvSource, sendTo, udpBind } from '../../linux/socket.ts';
import { PROBE_PRIORITY } from './probe.ts';

const [address = '', port] = process.argv.slice(2);
const fd = udpBind(address, Number(port));
const datagram = allocate(2048);
const poller = new Poller(1);
poller.add(fd, POLLIN);
setRealtime(PROBE_PRIORITY);
process.stdout.write('ready\n');
for (;;) {
  poller.wait(-1);
  for (let length = 0; length >= 0; ) {
    length = recvFrom(fd, datagram, 0, datagram.length);
    if (length > 0) sendTo(fd, recvSource, datagram, 0, length);
  }
}
