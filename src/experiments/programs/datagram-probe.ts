// Sends a datagram every millisecond to one that echoes them, before anything else on its host if that is allowed, and prints when each
// came back and how long it took, as JSON (probe.ts). Usage: datagram-probe ADDRESS PEER PORT COUNT
import { monotonicMs } from '../../linux/clock.ts';
import { POLLIN, Poller } from '../../linux/io.ts';
import { allocate } from '../../linux/memory.ts';
import { setRealtime } from '../../linux/scheduling.ts';
import { recvFrom, sendTo, sockAddr, udpBind } from '../../linux/socket.ts';
import { PROBE_PRIORITY, type ProbeTrace } from './probe.ts';

const EVERY_MS = 1;
/** Sent before those that count: until then V8 is still compiling. */
const REHEARSED = 1000;
const LAST_WAIT_MS = 1000;

const [address = '', peerAddress = '', port, count] = process.argv.slice(2);
const fd = udpBind(address, 0);
const peer = sockAddr(peerAddress, Number(port));
const outgoing = allocate(8);
const incoming = allocate(8);
const sentAtMs = new Float64Array(outgoing.buffer);
const echoedMs = new Float64Array(incoming.buffer);
const poller = new Poller(1);
poller.add(fd, POLLIN);

function probe(total: number): Omit<ProbeTrace, 'realtime'> {
  const roundTripsMs = new Float64Array(total);
  const arrivalsMs = new Float64Array(total);
  const startMs = monotonicMs();
  let sent = 0;
  let answered = 0;
  while (answered < total) {
    const dueMs = sent < total ? startMs + sent * EVERY_MS : startMs + total * EVERY_MS + LAST_WAIT_MS;
    poller.wait(Math.max(0, dueMs - monotonicMs()));
    while (recvFrom(fd, incoming, 0, incoming.length) === incoming.length) {
      const nowMs = monotonicMs();
      // What was rehearsed may still come.
      if ((echoedMs[0] ?? 0) < startMs) continue;
      roundTripsMs[answered] = nowMs - (echoedMs[0] ?? 0);
      arrivalsMs[answered] = nowMs - startMs;
      answered++;
    }
    const nowMs = monotonicMs();
    if (nowMs < dueMs) continue;
    if (sent === total) break;
    sentAtMs[0] = nowMs;
    sendTo(fd, peer, outgoing, 0, outgoing.length);
    sent++;
  }
  const microseconds = (values: Float64Array) =>
    Array.from(values.subarray(0, answered), (ms) => Number(ms.toFixed(3)));
  return { sent, roundTripsMs: microseconds(roundTripsMs), arrivalsMs: microseconds(arrivalsMs) };
}

const realtime = setRealtime(PROBE_PRIORITY).ok;
probe(REHEARSED);
const trace: ProbeTrace = { ...probe(Number(count)), realtime };
process.stdout.write(JSON.stringify(trace));
