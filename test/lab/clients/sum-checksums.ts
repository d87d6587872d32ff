// Has this host's TCP sum its checksums itself, as a client on another machine does: a veth leaves them out. ethtool -K lan0 tx off
import { check } from '../../../src/linux/errors.ts';
import { IFNAMSIZ, interfaceRequest, openControlSocket } from '../../../src/linux/interface-request.ts';
import { libc } from '../../../src/linux/libc.ts';
import { addressOf, allocate } from '../../../src/linux/memory.ts';

const SIOCETHTOOL = 0x8946;
const ETHTOOL_STXCSUM = 0x17;

const value = allocate(8);
new Uint32Array(value.buffer, value.byteOffset, 2).set([ETHTOOL_STXCSUM, 0]);
const request = interfaceRequest('lan0');
new DataView(request.buffer, request.byteOffset).setBigUint64(IFNAMSIZ, BigInt(addressOf(value)), true);
check(libc.ioctl(openControlSocket(), SIOCETHTOOL, addressOf(request)), 'ioctl(ETHTOOL_STXCSUM, lan0)');
