/** How long a frame was of which a capture kept the first bytes. Pure. */
import { getU16 } from '../wire/bytes.ts';
import { ETHERNET_HEADER, ETHERTYPE_IPV4, ETHERTYPE_IPV6, etherType } from '../wire/ethernet.ts';
import { IPV6_HEADER } from '../wire/ip.ts';

/** By its IP header, as the kernel does not say; what is not IP, or shorter than what is kept of all, is there whole. */
export function frameLength(kept: Uint8Array): number {
  if (kept.length < ETHERNET_HEADER + IPV6_HEADER) return kept.length;
  const type = etherType(kept, 0);
  let length = 0;
  if (type === ETHERTYPE_IPV4) length = ETHERNET_HEADER + getU16(kept, ETHERNET_HEADER + 2);
  if (type === ETHERTYPE_IPV6) length = ETHERNET_HEADER + IPV6_HEADER + getU16(kept, ETHERNET_HEADER + 4);
  return Math.max(length, kept.length);
}
