/** TUN devices: IP packets in and out of a namespace, each behind 10 bytes of virtio-net header. */
import { LinuxError } from './errors.ts';
import { IFNAMSIZ, interfaceName, interfaceRequest } from './interface-request.ts';
import { close } from './io.ts';
import { errno, libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const DEVICE = '/dev/net/tun';
const O_RDWR = 0x2;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const IFF_TUN = 0x1;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;
const TUN_F_TSO6 = 4;

export const VNET_HDR_BYTES = 10;

export interface TunOptions {
  /** `%d` stands for a number that the kernel chooses. */
  readonly name?: string;
  /** Let the kernel hand over unsegmented TCP of up to 64 KB with partial checksums; true by default. */
  readonly offloads?: boolean;
}

/**
 * Creates a TUN in the caller's network namespace. It may be moved into another (`ip link set dev NAME netns PID`): the
 * descriptor stays valid. The device vanishes with its descriptor or its namespace, whichever goes first.
 */
export function openTun(options: TunOptions = {}): { fd: number; name: string } {
  const request = interfaceRequest(options.name ?? 'fttcp%d');
  const fd = openDevice();
  const configure = (ioctl: number, argument: number, call: string): void => {
    if (libc.ioctl(fd, ioctl, argument) >= 0) return;
    const error = errno();
    close(fd);
    throw refusedSetup(call, error);
  };
  new DataView(request.buffer).setUint16(IFNAMSIZ, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, true);
  configure(TUNSETIFF, addressOf(request), `ioctl(TUNSETIFF, ${interfaceName(request)})`);
  const headerBytes = allocate(4);
  headerBytes[0] = VNET_HDR_BYTES;
  configure(TUNSETVNETHDRSZ, addressOf(headerBytes), 'ioctl(TUNSETVNETHDRSZ)');
  const offloads = options.offloads === false ? 0 : TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  configure(TUNSETOFFLOAD, offloads, 'ioctl(TUNSETOFFLOAD)');
  return { fd, name: interfaceName(request) };
}

/** @throws LinuxError when no TUN can be made here for want of the device, with what to do about it */
export function checkTunDevice(): void {
  close(openDevice());
}

function openDevice(): number {
  const fd = libc.open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw refusedDevice(errno());
  return fd;
}

function refusedDevice(error: number): LinuxError {
  const failed = new LinuxError(`open(${DEVICE})`, error);
  const hints: Record<string, string> = {
    ENOENT: '`modprobe tun`; in a container, pass the device in (--device /dev/net/tun)',
    ENODEV: '`modprobe tun`; the kernel has no TUN driver loaded',
    ENXIO: '`modprobe tun`; the kernel has no TUN driver loaded',
    // Whoever opens it still needs CAP_NET_ADMIN for anything: udev, where it runs, opens it to all.
    EACCES:
      'run as root, or as root once: `chmod 666 /dev/net/tun`; in a container, pass it in (--device /dev/net/tun)',
    EPERM: 'run as root; in a container, allow the device (--device /dev/net/tun)',
  };
  const hint = hints[failed.errnoName];
  return hint === undefined ? failed : new LinuxError(failed.call, error, hint);
}

function refusedSetup(call: string, error: number): LinuxError {
  const failed = new LinuxError(call, error);
  if (failed.errnoName === 'EBUSY')
    return new LinuxError(call, error, 'an interface of this name is in use; is fttcp running already?');
  if (failed.errnoName === 'EPERM') return new LinuxError(call, error, 'run as root, or with CAP_NET_ADMIN');
  return failed;
}
