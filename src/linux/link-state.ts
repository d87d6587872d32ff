/** What an interface is: its index and MAC address, and whether its cable carries anything. */
import { nameOfErrno } from './errors.ts';
import { askInterface, IFNAMSIZ, interfaceRequest, openControlSocket } from './interface-request.ts';
import { errno, libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const SIOCGIFFLAGS = 0x8913;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GLINK = 0x0a;

const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;

export function interfaceIndex(name: string): number {
  return viewAfterName(askInterface(name, SIOCGIFINDEX, 'SIOCGIFINDEX')).getInt32(0, true);
}

export function interfaceMac(name: string): Uint8Array {
  // struct sockaddr: two bytes of family, then the address.
  const request = askInterface(name, SIOCGIFHWADDR, 'SIOCGIFHWADDR');
  return request.slice(IFNAMSIZ + 2, IFNAMSIZ + 8);
}

/** Asks for the carrier as often as one likes: two ioctls, no allocation. */
export class CarrierProbe {
  readonly #fd: number;
  readonly #flags: Uint8Array;
  readonly #flagsView: DataView;
  readonly #link: Uint8Array;
  readonly #answer = allocate(8);
  readonly #answerWords = new Uint32Array(this.#answer.buffer);
  #hasEthtool = true;
  #closed = false;

  /** An interface that does not exist (yet, or any more) counts as down. */
  constructor(name: string) {
    this.#flags = interfaceRequest(name);
    this.#flagsView = viewAfterName(this.#flags);
    this.#link = interfaceRequest(name);
    viewAfterName(this.#link).setBigUint64(0, BigInt(addressOf(this.#answer)), true);
    this.#answerWords[0] = ETHTOOL_GLINK;
    this.#fd = openControlSocket();
  }

  /** True when the interface is set up and its other end is there. */
  up(): boolean {
    if (this.#closed || libc.ioctl(this.#fd, SIOCGIFFLAGS, addressOf(this.#flags)) < 0) return false;
    const flags = this.#flagsView.getUint16(0, true);
    if ((flags & IFF_UP) === 0) return false;
    if (this.#hasEthtool) {
      this.#answerWords[1] = 0;
      if (libc.ioctl(this.#fd, SIOCETHTOOL, addressOf(this.#link)) === 0) return this.#answerWords[1] !== 0;
      const error = nameOfErrno(errno());
      if (error === 'ENODEV') return false;
      this.#hasEthtool = false;
    }
    return (flags & IFF_RUNNING) !== 0;
  }

  close(): void {
    if (!this.#closed) libc.close(this.#fd);
    this.#closed = true;
  }
}

function viewAfterName(request: Uint8Array): DataView {
  return new DataView(request.buffer, request.byteOffset + IFNAMSIZ);
}
