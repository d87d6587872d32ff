/**
 * TCP and UDP sockets, IPv4 and IPv6, non-blocking, for workers that wait with their own `ppoll` rather than with Node's loop. Set-up throws;
 * what is called per packet returns −errno and allocates nothing.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { assert, FttcpError } from '../errors.ts';
import { check, LinuxError } from './errors.ts';
import { close, EINPROGRESS, MSG_NOSIGNAL } from './io.ts';
import { errno, libc } from './libc.ts';
import { interfaceIndex } from './link-state.ts';
import { addressOf, allocate } from './memory.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_ICMP = 1;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
/** A bit for each type that is kept away: all but the echo reply. */
const NO_ICMP_BUT_ECHO_REPLY = ~1;

const BACKLOG = 128;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/** `struct sockaddr_in` or `sockaddr_in6`: ready for the kernel, and readable. */
export class SockAddr {
  readonly bytes: Uint8Array = allocate(SOCKADDR_IN6_BYTES);
  readonly #view = new DataView(this.bytes.buffer);

  get family(): number {
    return this.#view.getUint16(0, true);
  }

  /** The number of bytes that mean something. */
  get length(): number {
    return this.family === AF_INET ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES;
  }

  get port(): number {
    return this.#view.getUint16(2, false);
  }

  /** As text; allocates. */
  get host(): string {
    if (this.family === AF_INET) return this.bytes.subarray(4, 8).join('.');
    const words: string[] = [];
    for (let at = 8; at < 24; at += 2) words.push(this.#view.getUint16(at, false).toString(16));
    // The longest run of zeros becomes `::` (RFC 5952 §4.2), which URL knows how to do.
    return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
  }

  /** Same family, address and port. */
  equals(other: SockAddr): boolean {
    if (this.family !== other.family || this.port !== other.port) return false;
    const from = this.family === AF_INET ? 4 : 8;
    const to = this.family === AF_INET ? 8 : 24;
    for (let at = from; at < to; at++) if (this.bytes[at] !== other.bytes[at]) return false;
    return true;
  }
}

/** @param host an IPv4 or IPv6 address, not a name; a link-local one with its interface, `fe80::1%eth0`. */
export function sockAddr(host: string, port: number): SockAddr {
  const address = new SockAddr();
  const view = new DataView(address.bytes.buffer);
  view.setUint16(2, port, false);
  if (isIPv4(host)) {
    view.setUint16(0, AF_INET, true);
    host.split('.').forEach((part, index) => {
      address.bytes[4 + index] = Number(part);
    });
  } else if (isIPv6(host)) {
    const [numeric = '', scope] = host.split('%');
    view.setUint16(0, AF_INET6, true);
    ipv6Words(numeric).forEach((word, index) => {
      view.setUint16(8 + index * 2, word, false);
    });
    if (scope !== undefined) view.setUint32(24, interfaceIndex(scope), true);
  } else {
    throw new FttcpError('address-invalid', `'${host}' is no IPv4 or IPv6 address; names are not looked up here`);
  }
  return address;
}

/** Of an address that `isIPv6` has accepted. */
function ipv6Words(text: string): number[] {
  // URL writes a quoted IPv4 tail as two words.
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  if (tail === undefined) return words(head);
  const gap = 8 - words(head).length - words(tail).length;
  return [...words(head), ...new Array<number>(gap).fill(0), ...words(tail)];
}

const value = allocate(4);
const valueWords = new Int32Array(value.buffer);
const lengthOut = allocate(4);
const lengthOutWords = new Uint32Array(lengthOut.buffer);

function open(address: SockAddr, type: number, protocol = 0): number {
  return check(libc.socket(address.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), 'socket()');
}

function set(fd: number, level: number, option: number, to: number): number {
  valueWords[0] = to;
  return libc.setsockopt(fd, level, option, addressOf(value), 4);
}

/** Closes the descriptor if what is done with it throws. */
function keepUnlessThrown(fd: number, use: () => void): number {
  try {
    use();
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

/** A listening socket. Port 0 lets the kernel choose, see `localPort`. */
export function tcpListen(host: string, port: number): number {
  const address = sockAddr(host, port);
  const fd = open(address, SOCK_STREAM);
  return keepUnlessThrown(fd, () => {
    check(set(fd, SOL_SOCKET, SO_REUSEADDR, 1), 'setsockopt(SO_REUSEADDR)');
    check(libc.bind(fd, addressOf(address.bytes), address.length), `bind(${host}, ${port})`);
    check(libc.listen(fd, BACKLOG), `listen(${host}, ${port})`);
  });
}

/** The next connection (non-blocking), or −errno. */
export function tcpAccept(fd: number): number {
  const result = libc.accept4(fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return result < 0 ? -errno() : result;
}

/** A connection in progress: wait for POLLOUT, then ask `connectResult`. */
export function tcpConnect(host: string, port: number, bindHost?: string): number {
  const address = sockAddr(host, port);
  const fd = open(address, SOCK_STREAM);
  return keepUnlessThrown(fd, () => {
    if (bindHost !== undefined) {
      const local = sockAddr(bindHost, 0);
      check(libc.bind(fd, addressOf(local.bytes), local.length), `bind(${bindHost})`);
    }
    if (libc.connect(fd, addressOf(address.bytes), address.length) === 0) return;
    const error = errno();
    if (error !== EINPROGRESS) throw new LinuxError(`connect(${host}, ${port})`, error);
  });
}

/** 0 when the connection stands, or −errno of what became of it. */
export function connectResult(fd: number): number {
  lengthOutWords[0] = 4;
  const result = libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, addressOf(value), addressOf(lengthOut));
  return result < 0 ? -errno() : 0 - (valueWords[0] ?? 0);
}

export function setNoDelay(fd: number): void {
  check(set(fd, IPPROTO_TCP, TCP_NODELAY, 1), 'setsockopt(TCP_NODELAY)');
}

/** Both directions; past net.core.rmem_max and wmem_max where the process is allowed to. */
export function setBufferSizes(fd: number, bytes: number): void {
  if (set(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) < 0)
    check(set(fd, SOL_SOCKET, SO_SNDBUF, bytes), 'setsockopt(SO_SNDBUF)');
  if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0)
    check(set(fd, SOL_SOCKET, SO_RCVBUF, bytes), 'setsockopt(SO_RCVBUF)');
}

/** The port that a socket is bound to. */
export function localPort(fd: number): number {
  const address = new SockAddr();
  lengthOutWords[0] = address.bytes.length;
  check(libc.getsockname(fd, addressOf(address.bytes), addressOf(lengthOut)), 'getsockname()');
  return address.port;
}

export function udpBind(host: string, port: number): number {
  const address = sockAddr(host, port);
  const fd = open(address, SOCK_DGRAM);
  return keepUnlessThrown(fd, () => {
    check(libc.bind(fd, addressOf(address.bytes), address.length), `bind(${host}, ${port})`);
  });
}

/** A raw socket that hears the echo replies of `peer` to `own`. IPv4; needs CAP_NET_RAW. */
export function icmpConnect(own: string, peer: string): number {
  const [from, to] = [sockAddr(own, 0), sockAddr(peer, 0)];
  const fd = open(from, SOCK_RAW, IPPROTO_ICMP);
  return keepUnlessThrown(fd, () => {
    check(set(fd, SOL_RAW, ICMP_FILTER, NO_ICMP_BUT_ECHO_REPLY), 'setsockopt(ICMP_FILTER)');
    check(libc.bind(fd, addressOf(from.bytes), from.length), `bind(${own})`);
    check(libc.connect(fd, addressOf(to.bytes), to.length), `connect(${peer})`);
  });
}

/** Returns the bytes sent, or −errno (ECONNREFUSED may tell of an earlier datagram). */
export function sendTo(fd: number, to: SockAddr, bytes: Uint8Array, offset: number, length: number): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a send stays inside its buffer');
  const result = libc.sendto(fd, addressOf(bytes) + offset, length, MSG_NOSIGNAL, addressOf(to.bytes), to.length);
  return result < 0 ? -errno() : result;
}

/** Where the last `recvFrom` of this thread came from. The next one overwrites it. */
export const recvSource = new SockAddr();

/** Returns the bytes of one datagram (cut to `length`), or −errno; `recvSource` then holds its source. */
export function recvFrom(fd: number, bytes: Uint8Array, offset: number, length: number): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, 'a receive stays inside its buffer');
  lengthOutWords[0] = SOCKADDR_IN6_BYTES;
  const source = addressOf(recvSource.bytes);
  const result = libc.recvfrom(fd, addressOf(bytes) + offset, length, 0, source, addressOf(lengthOut));
  return result < 0 ? -errno() : result;
}
