import { assert } from '../errors.ts';
import { check } from './errors.ts';
import { close } from './io.ts';
import { libc } from './libc.ts';
import { interfaceIndex } from './link-state.ts';
import { addressOf, allocate } from './memory.ts';

const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const IPPROTO_IPV6 = 41;
const IPV6_ADD_MEMBERSHIP = 20;

/**
 * A place among the listeners of an IPv6 multicast group. The kernel reports it to the LAN (MLD, RFC 3810): a switch that snoops sends the
 * group's packets to nobody else. The interface needs a link-local address of its own to report from.
 */
export class GroupMembership {
  readonly #fd: number;

  constructor(interfaceName: string, group: Uint8Array) {
    assert(group.length === 16, 'an IPv6 address has 16 bytes');
    const request = allocate(20); // struct ipv6_mreq
    request.set(group);
    new DataView(request.buffer).setInt32(16, interfaceIndex(interfaceName), true);
    this.#fd = check(libc.socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket(AF_INET6)');
    try {
      const result = libc.setsockopt(this.#fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, addressOf(request), request.length);
      check(result, 'setsockopt(IPV6_ADD_MEMBERSHIP)');
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  close(): void {
    close(this.#fd);
  }
}
