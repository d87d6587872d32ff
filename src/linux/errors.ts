/**
 * What the kernel refused, told so that the operator can mend it. Set-up calls throw these; the data path (`io.ts`)
 * returns −errno instead and never throws.
 */
import { constants } from 'node:os';
import { FttcpError } from '../errors.ts';
import { errno } from './libc.ts';

const NAMES = new Map<number, string>();
for (const [name, value] of Object.entries(constants.errno)) {
  // Aliases (EWOULDBLOCK, EOPNOTSUPP) come with the same number: the first name stays.
  if (!NAMES.has(value)) NAMES.set(value, name);
}

const HINTS: Readonly<Record<string, string>> = {
  EPERM: 'run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN',
  EACCES: 'run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN',
  ENODEV: 'no such interface; `ip link` lists those of this network namespace',
  ENXIO: 'no such interface; `ip link` lists those of this network namespace',
  ENETDOWN: 'the interface is down; `ip link set dev NAME up`',
  EADDRINUSE: 'another program uses this address; `ss -tulnp` shows which',
  EADDRNOTAVAIL: 'no interface of this host has this address; `ip addr` lists them',
  EMFILE: 'too many open files; raise `ulimit -n`',
  ENFILE: 'too many open files on this host; raise fs.file-max',
  ENOMEM: 'the kernel is out of memory',
  ENETUNREACH: 'there is no route; `ip route` lists them',
};

export class LinuxError extends FttcpError {
  override readonly name: string = 'LinuxError';
  readonly call: string;
  readonly errno: number;
  readonly errnoName: string;

  /**
   * @param call the system call with what matters of its arguments, for example `open(/dev/net/tun)`.
   * @param hint what the operator can do; without it, what is usual for this errno.
   */
  constructor(call: string, errno: number, hint?: string) {
    const errnoName = nameOfErrno(errno);
    const advice = hint ?? HINTS[errnoName] ?? 'the kernel refused';
    super(`linux-${errnoName.toLowerCase()}`, `${call}: ${errnoName} — ${advice}`);
    this.call = call;
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

/** `EAGAIN` for 11 and for −11. */
export function nameOfErrno(errno: number): string {
  return NAMES.get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`;
}

/** Passes the result of a system call on, or throws what errno says. Call it before anything else touches errno. */
export function check(result: number, call: string, hint?: string): number {
  if (result < 0) throw new LinuxError(call, errno(), hint);
  return result;
}
