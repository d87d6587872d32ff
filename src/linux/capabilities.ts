/** What the calling process may do, capabilities(7): those of root, or those that a user namespace gives an ordinary user. */
import { readFileSync, readlinkSync } from 'node:fs';

const CAP_NET_ADMIN = 12n;
const CAP_NET_RAW = 13n;
const CAP_SYS_ADMIN = 21n;

/** May it make namespaces, interfaces and packet sockets? `status` is that of a process, as proc_pid_status(5) has it. */
export function ownsNamespaces(status = readFileSync('/proc/self/status', 'utf8')): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return [CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN].every((capability) => (effective >> capability) & 1n);
}

/** Of the machine's own user namespace: PROC_USER_INIT_INO of the kernel's include/linux/proc_ns.h. */
const FIRST_USER_NAMESPACE = 'user:[4026531837]';

/** Is root here not root of the machine? */
export function inUserNamespace(): boolean {
  try {
    return readlinkSync('/proc/self/ns/user') !== FIRST_USER_NAMESPACE;
  } catch {
    return false; // a kernel without user namespaces
  }
}

/**
 * May groups be set, and so a process become another user's? In a user namespace made without root they may not:
 * there is one user in it.
 */
export function hasOtherUsers(): boolean {
  try {
    return readFileSync('/proc/self/setgroups', 'utf8').trim() !== 'deny';
  } catch {
    return true; // a kernel without user namespaces
  }
}
