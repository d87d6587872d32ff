// SYNs that the server has not answered yet. They are not logged: the client has not learnt of a connection and retries.
import type { Segment } from '../wire/segment.ts';
import type { Seq } from '../wire/seq.ts';
import { CWR, ECE } from '../wire/tcp.ts';
import type { Tuple } from './connection-table.ts';

export interface HalfOpen extends Tuple {
  readonly clientMac: Uint8Array;
  readonly irs: Seq;
  readonly mss: number;
  readonly window: number;
  readonly windowScale: number;
  readonly sackPermitted: boolean;
  /** It asks for ECN. RFC 3168 §6.1.1 */
  readonly ecn: boolean;
  readonly hasTimestamps: boolean;
  readonly tsVal: number;
  readonly seenAtMs: number;
}

/** RFC 9293 §3.7.1: what a SYN without the option means. */
const DEFAULT_MSS = 536;

export function halfOpenOf(syn: Segment, clientIp: Uint8Array, clientMac: Uint8Array, nowMs: number): HalfOpen {
  return {
    clientIp,
    clientPort: syn.sourcePort,
    servicePort: syn.destinationPort,
    clientMac,
    irs: syn.seq,
    mss: syn.mss === 0 ? DEFAULT_MSS : syn.mss,
    window: syn.window,
    windowScale: syn.windowScale,
    sackPermitted: syn.sackPermitted,
    ecn: (syn.flags & (ECE | CWR)) === (ECE | CWR),
    hasTimestamps: syn.hasTimestamps,
    tsVal: syn.tsVal,
    seenAtMs: nowMs,
  };
}
