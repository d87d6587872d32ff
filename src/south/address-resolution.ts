// Whose the service address is: ARP for IPv4, neighbour discovery for IPv6. Only the side that speaks is asked here. It answers
// who asks, and whoever claims the address for himself is told again, with all others, whose it is. (RFC 5227 §2.4 c)
import { ARP_REQUEST, ArpView } from '../wire/arp.ts';
import { equalBytes, getU8 } from '../wire/bytes.ts';
import { MAC_BYTES, macToString } from '../wire/ethernet.ts';
import { type IpPacket, PROTOCOL_ICMPV6 } from '../wire/ip.ts';
import { ALL_NODES, groupMac, NdpView } from '../wire/ndp.ts';
import { VIRTIO_HEADER } from '../wire/virtio.ts';
import type { SouthContext } from './context.ts';
import type { Emitter } from './emitter.ts';
import { FRAME_IP } from './release-queue.ts';

// Router solicitation to redirect: RFC 4861 §4
const NDP_FIRST = 133;
const NDP_LAST = 137;

/** Not more often: two that both defend an address would do nothing else. RFC 5227 §1.1 */
const DEFEND_INTERVAL_MS = 10_000;

const FRAME_SOURCE_MAC = VIRTIO_HEADER + MAC_BYTES;
const ALL_NODES_MAC = groupMac(ALL_NODES);

export class AddressResolution {
  readonly #context: SouthContext;
  readonly #emitter: Emitter;
  readonly #arp = new ArpView();
  readonly #ndp = new NdpView();
  #defendedAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: SouthContext, emitter: Emitter) {
    this.#context = context;
    this.#emitter = emitter;
  }

  /** A frame of ARP at offset 0 of `bytes`. RFC 826 */
  fromArp(bytes: Uint8Array, length: number, nowMs: number): void {
    const arp = this.#arp;
    const { serviceIp, serviceMac } = this.#context.config;
    if (!arp.set(bytes, FRAME_IP, length - FRAME_IP)) return;
    if (arp.senderIpEquals(serviceIp) && !arp.senderMacEquals(serviceMac)) {
      this.#defend(bytes, arp.senderMacOffset, nowMs);
    } else if (arp.operation === ARP_REQUEST && arp.targetIpEquals(serviceIp)) {
      this.#emitter.arpReply(arp);
    }
  }

  /**
   * The packet of a frame at offset 0 of `packet.bytes`.
   * @returns whether it is neighbour discovery, which is the LAN's own affair and none of the server's kernel.
   */
  fromNdp(packet: IpPacket, nowMs: number): boolean {
    if (!isNdp(packet)) return false;
    if (this.#ndp.set(packet)) this.#resolve(packet.bytes, nowMs);
    return true;
  }

  #resolve(bytes: Uint8Array, nowMs: number): void {
    const ndp = this.#ndp;
    const { config, neighbours } = this.#context;
    const { serviceIp, serviceMac } = config;
    const mac = ndp.macOffset < 0 ? FRAME_SOURCE_MAC : ndp.macOffset;
    const claims = ndp.isSolicitation ? ndp.sourceIs(serviceIp) : ndp.targetIs(serviceIp);
    if (claims) {
      if (!equalBytes(bytes, mac, serviceMac, 0, MAC_BYTES)) this.#defend(bytes, mac, nowMs);
    } else if (ndp.isSolicitation && ndp.targetIs(serviceIp)) {
      if (ndp.isProbe) {
        // Who asks has no address yet: all are told. RFC 4861 §7.2.4
        this.#emitter.advertise(ALL_NODES, ALL_NODES_MAC, false);
        return;
      }
      neighbours.learn(bytes, ndp.sourceOffset, 16, bytes, mac);
      const source = bytes.slice(ndp.sourceOffset, ndp.sourceOffset + 16);
      this.#emitter.advertise(source, bytes.slice(mac, mac + MAC_BYTES), true);
    }
  }

  #defend(bytes: Uint8Array, claimant: number, nowMs: number): void {
    if (nowMs - this.#defendedAtMs < DEFEND_INTERVAL_MS) return;
    this.#defendedAtMs = nowMs;
    this.#context.claimant = macToString(bytes, claimant);
    this.#emitter.announce();
  }
}

/** Whether a whole packet is neighbour discovery of any kind. */
export function isNdp({ family, protocol, transportLength, bytes, transportOffset }: IpPacket): boolean {
  if (family !== 6 || protocol !== PROTOCOL_ICMPV6 || transportLength === 0) return false;
  const type = getU8(bytes, transportOffset);
  return type >= NDP_FIRST && type <= NDP_LAST;
}
