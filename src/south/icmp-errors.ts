// ICMP errors about the service's connections, in both directions. What a router says quotes the header that it saw: after a
// promotion its numbers are the wire's, and the server's TCP knows only its own. An error about what is not outstanding is a guess
// of somebody who sees neither (RFC 5927 §4.1). Until client and server talk directly the server's TCP has not sent what is quoted,
// so that the path's MTU is minded by who has.
import {
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_REDIRECT,
  ICMP_UNREACHABLE,
  ICMPV6_PACKET_TOO_BIG,
  IcmpView,
} from '../wire/icmp.ts';
import { IPV4_HEADER, IPV6_HEADER, type IpPacket } from '../wire/ip.ts';
import { ipIs } from '../wire/ip-address.ts';
import { TCP_HEADER } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import type { SouthContext } from './context.ts';
import type { Takeover } from './takeover.ts';

/** Least MTU that is believed. RFC 8201 §4: no link of IPv6 has less; for IPv4, what Linux believes (`ip_rt_min_pmtu`). */
const MTU_MIN_V4 = 552;
const MTU_MIN_V6 = 1280;

export class IcmpErrors {
  readonly #context: SouthContext;
  readonly #takeover: Takeover;
  readonly #icmp = new IcmpView();

  constructor(context: SouthContext, takeover: Takeover) {
    this.#context = context;
    this.#takeover = takeover;
  }

  /**
   * Any packet for the service but TCP. An error about a connection is changed to the numbers of the server's TCP.
   * @returns whether the server's kernel is to have it.
   */
  fromLan(packet: IpPacket, nowMs: number): boolean {
    const icmp = this.#icmp;
    const { config, counters, connections } = this.#context;
    if (!icmp.set(packet) || !icmp.isError) return true;
    // Which way packets go is the daemon's affair.
    if (icmp.family === 4 && icmp.type === ICMP_REDIRECT) return false;
    if (icmp.quotedTcpOffset < 0) return true;
    if (!icmp.checksumOk()) {
      counters.lanBadChecksum++;
      return false;
    }
    const { bytes, family } = icmp;
    const connection = connections.find(
      bytes,
      icmp.quotedDestinationOffset,
      family === 4 ? 4 : 16,
      icmp.quotedDestinationPort,
      icmp.quotedSourcePort,
    );
    if (connection === undefined) return true;
    const position = connection.outWireToPosition(icmp.quotedSeq);
    const oldest = connection.handshakeDone ? connection.outUna : 0;
    const isOurs = ipIs(config.serviceIp, bytes, icmp.quotedSourceOffset, family);
    if (!isOurs || position < oldest || position >= connection.outWireNxt) {
      counters.lanBadIcmp++;
      return false;
    }
    const mtu = namedMtu(icmp);
    if (mtu > 0) this.#takeover.pathNarrowed(connection, mtu - headersOf(family), nowMs);
    if (!connection.direct) return false;
    icmp.setQuotedSeq(connection.outPositionToLocal(position));
    return true;
  }

  /**
   * Any packet of the server's kernel but TCP. In an error about a client's segment, the ACK is changed to the wire's numbers.
   * @returns the connection that it is about.
   */
  fromServer(packet: IpPacket): Connection | undefined {
    const icmp = this.#icmp;
    if (!icmp.set(packet) || !icmp.isError || !icmp.hasQuotedAck || !icmp.checksumOk()) return undefined;
    const connection = this.#context.connections.find(
      icmp.bytes,
      icmp.quotedSourceOffset,
      icmp.family === 4 ? 4 : 16,
      icmp.quotedSourcePort,
      icmp.quotedDestinationPort,
    );
    if (connection === undefined) return undefined;
    icmp.setQuotedAck(connection.outPositionToWire(connection.outLocalToPosition(icmp.quotedAck)));
    return connection;
  }
}

/** The MTU that "fragmentation needed" or "Packet Too Big" names, as far as it is believed; 0 for other errors. */
function namedMtu({ family, type, code, rest }: IcmpView): number {
  if (family === 6) return type === ICMPV6_PACKET_TOO_BIG && rest >= MTU_MIN_V6 ? rest : 0;
  if (type !== ICMP_UNREACHABLE || code !== ICMP_FRAGMENTATION_NEEDED) return 0;
  return Math.max(MTU_MIN_V4, rest & 0xffff); // routers older than RFC 1191 name none
}

function headersOf(family: 4 | 6): number {
  return TCP_HEADER + (family === 4 ? IPV4_HEADER : IPV6_HEADER);
}
