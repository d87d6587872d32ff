/**
 * News of an interface's carrier from the kernel (rtnetlink(7)). To take them needs no lock, whoever is changing interfaces
 * meanwhile; to ask would (`link-state.ts`).
 */
import { check } from './errors.ts';
import { close, ENOBUFS, recv } from './io.ts';
import { libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
// struct nlmsghdr, then struct ifinfomsg.
const TYPE_AT = 4;
const IFINDEX_AT = 16 + 4;
const FLAGS_AT = 16 + 8;
export const LINK_NEWS_HEAD_BYTES = 32;
const IFF_LOWER_UP = 0x10000;

export type LinkNews = 'up' | 'down' | 'gone';

/** What a message says of the interface, by its first LINK_NEWS_HEAD_BYTES; undefined: nothing, or it is of another one. */
export function linkNews(head: DataView, ifindex: number): LinkNews | undefined {
  if (head.getInt32(IFINDEX_AT, true) !== ifindex) return undefined;
  const type = head.getUint16(TYPE_AT, true);
  if (type === RTM_DELLINK) return 'gone';
  if (type !== RTM_NEWLINK) return undefined;
  return (head.getUint32(FLAGS_AT, true) & IFF_LOWER_UP) === 0 ? 'down' : 'up';
}

/** Watches from now on; what the state is at first is to be asked for. */
export class LinkEvents {
  readonly fd: number;
  readonly #ifindex: number;
  // What follows the head is not looked at and may be cut: the kernel tells of one interface in each datagram.
  readonly #bytes = allocate(LINK_NEWS_HEAD_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #gone = false;

  constructor(ifindex: number) {
    this.#ifindex = ifindex;
    this.fd = check(
      libc.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE),
      'socket(AF_NETLINK)',
    );
    const address = allocate(12); // struct sockaddr_nl
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, true);
    view.setUint32(8, RTMGRP_LINK, true);
    if (libc.bind(this.fd, addressOf(address), address.length) < 0) {
      close(this.fd);
      check(-1, 'bind(AF_NETLINK)');
    }
  }

  /** The interface was removed. One that gets its name later is another one. */
  get gone(): boolean {
    return this.#gone;
  }

  /**
   * Takes the news that have come. Returns whether there is a carrier by the last of them; undefined when none were of this
   * interface. When there were more than the kernel keeps, some are lost.
   */
  take(): boolean | undefined {
    let up: boolean | undefined;
    for (;;) {
      const length = recv(this.fd, this.#bytes, 0, LINK_NEWS_HEAD_BYTES, 0);
      // An overflow is told once, and what was kept comes after it.
      if (length === -ENOBUFS) continue;
      if (length < LINK_NEWS_HEAD_BYTES) return up;
      const news = linkNews(this.#view, this.#ifindex);
      if (news === undefined) continue;
      if (news === 'gone') this.#gone = true;
      up = news === 'up' && !this.#gone;
    }
  }

  close(): void {
    close(this.fd);
  }
}
