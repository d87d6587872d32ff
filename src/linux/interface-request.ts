/** `struct ifreq`: how ioctls name an interface. */
import { FttcpError } from '../errors.ts';
import { check } from './errors.ts';
import { libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

export const IFNAMSIZ = 16;
const IFREQ_BYTES = 40;

/** A request with the name filled in; what follows the name starts at `IFNAMSIZ`. An empty name lets the kernel choose. */
export function interfaceRequest(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length >= IFNAMSIZ || /[\s/\0]/.test(name)) {
    throw new FttcpError(
      'interface-name',
      `'${name}' is no interface name; use at most 15 characters without blanks or '/'`,
    );
  }
  const request = allocate(IFREQ_BYTES);
  request.set(bytes);
  return request;
}

export function interfaceName(request: Uint8Array): string {
  const end = request.indexOf(0);
  return new TextDecoder().decode(request.subarray(0, Math.min(end, IFNAMSIZ)));
}

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0x80002;

/** Any socket will do to ask about interfaces. */
export function openControlSocket(): number {
  return check(libc.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), 'socket(AF_INET)');
}

/** One question about one interface; the answer is in the request that is returned. */
export function askInterface(name: string, ioctl: number, ioctlName: string): Uint8Array {
  const request = interfaceRequest(name);
  const fd = openControlSocket();
  const result = libc.ioctl(fd, ioctl, addressOf(request));
  try {
    check(result, `ioctl(${ioctlName}, ${name})`);
  } finally {
    libc.close(fd);
  }
  return request;
}
