import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatagramBatch, stampArrivals } from '../../src/linux/datagram-batch.ts';
import { close, EAGAIN, POLLIN, Poller, write } from '../../src/linux/io.ts';
import { ip } from '../../src/linux/ip.ts';
import { allocate } from '../../src/linux/memory.ts';
import { FILTER_NOTHING, filterForVoice, openPacketSocket } from '../../src/linux/packet-socket.ts';
import { VNET_HDR_BYTES } from '../../src/linux/tun.ts';
import { ipFromString } from '../../src/wire/ip-address.ts';
import { ownNetwork } from './own-network.ts';

const skip = ownNetwork();
const SERVICE = Uint8Array.of(0x02, 0x46, 0x54, 0x00, 0x00, 0x07);

if (skip === false) {
  // Quiet ends: no IPv6 chatter of the kernel's own.
  ip(['link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right']);
  for (const dev of ['left', 'right']) ip(['link', 'set', 'dev', dev, 'addrgenmode', 'none']);
  for (const dev of ['left', 'right']) ip(['link', 'set', 'dev', dev, 'multicast', 'off', 'up']);
}

/** A frame from somebody: the first bytes are those given as text of hexadecimal digits, the last one is its number. */
function sent(hex: string, number: number): Uint8Array {
  const bytes = allocate(VNET_HDR_BYTES + 60);
  bytes.set(Buffer.from(hex.replaceAll(' ', ''), 'hex'), VNET_HDR_BYTES);
  bytes[bytes.length - 1] = number;
  return bytes;
}

const TO_ALL = 'ffffffffffff';
const SERVICE_HEX = '024654000007';
const OTHER_HEX = '024654000008';

for (const { family, address, mine, foreign } of [
  {
    family: 'IPv4',
    address: '10.77.0.100',
    mine: [
      `${TO_ALL} ${OTHER_HEX} 0800 45000000000000000000 0000 0a4d0064 0a4d0001`,
      `${TO_ALL} ${OTHER_HEX} 0806 0001080006040001 ${OTHER_HEX} 0a4d0064 000000000000 0a4d0001`,
    ],
    foreign: [
      `${TO_ALL} ${OTHER_HEX} 0800 45000000000000000000 0000 0a4d0001 0a4d0064`,
      `${TO_ALL} ${OTHER_HEX} 0806 0001080006040001 ${OTHER_HEX} 0a4d0001 000000000000 0a4d0064`,
    ],
  },
  {
    family: 'IPv6',
    address: 'fd00::64',
    mine: [`${TO_ALL} ${OTHER_HEX} 86dd 6000000000003a40 fd000000000000000000000000000064`],
    foreign: [`${TO_ALL} ${OTHER_HEX} 86dd 6000000000003a40 fd000000000000000000000000000164`],
  },
]) {
  test(`the voice of an ${family} service is heard whatever MAC it uses, and its MAC whatever it says`, {
    skip,
  }, () => {
    const ip = ipFromString(address);
    assert.ok(ip);
    const filter = filterForVoice(ip, SERVICE);
    const left = openPacketSocket({ interface: 'left', filter: FILTER_NOTHING });
    const right = openPacketSocket({ interface: 'right', filter, vnetHeader: false, snapBytes: 32 });
    stampArrivals(right.fd);
    const heard = [...mine, `${TO_ALL} ${SERVICE_HEX} 88b5`];
    const frames = [...foreign, ...heard, `${SERVICE_HEX} ${OTHER_HEX} 88b5`];
    const beforeMs = Date.now();
    for (const one of frames) write(left.fd, sent(one, 0), 0, VNET_HDR_BYTES + 60);
    const batch = new DatagramBatch(heard.length + 1, 64, true);
    const found: string[] = [];
    const poller = new Poller(1);
    poller.add(right.fd, POLLIN);
    while (found.length < heard.length && poller.wait(5000) === 1) {
      const count = batch.receive(right.fd);
      for (let i = 0; i < count; i++) {
        found.push(Buffer.from(batch.datagram(i).subarray(0, batch.length(i))).toString('hex'));
        const atMs = batch.seconds(i) * 1000 + batch.nanoseconds(i) / 1e6;
        assert.ok(atMs > beforeMs - 1000 && atMs < Date.now() + 1000, `stamped ${atMs}, ${Date.now()}`);
      }
    }
    const beginnings = heard.map((hex) => hex.replaceAll(' ', '').padEnd(64, '0').slice(0, 64));
    assert.deepEqual(found, beginnings);
    assert.equal(batch.receive(right.fd), -EAGAIN);
    for (const { fd } of [left, right]) close(fd);
  });
}
