import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, EAGAIN, POLLIN, Poller, read, write } from '../../src/linux/io.ts';
import { ip } from '../../src/linux/ip.ts';
import { LinkEvents } from '../../src/linux/link-events.ts';
import { CarrierProbe, interfaceIndex, interfaceMac } from '../../src/linux/link-state.ts';
import { allocate } from '../../src/linux/memory.ts';
import {
  addMulticastAddress,
  addUnicastAddress,
  dropMulticastAddress,
  droppedFrames,
  dropUnicastAddress,
  FILTER_NOTHING,
  filterForService,
  openPacketSocket,
  setFilter,
} from '../../src/linux/packet-socket.ts';
import { VNET_HDR_BYTES } from '../../src/linux/tun.ts';
import { ownNetwork, until } from './own-network.ts';

const skip = ownNetwork();
const SERVICE = Uint8Array.of(0x02, 0x46, 0x54, 0x00, 0x00, 0x07);
const OTHER = Uint8Array.of(0x02, 0x46, 0x54, 0x00, 0x00, 0x08);
const BROADCAST = new Uint8Array(6).fill(0xff);
const SOLICITED_NODE = Uint8Array.of(0x33, 0x33, 0xff, 0, 0, 5);
const IPV4 = 0x0800;
const ARP = 0x0806;
const IPV6 = 0x86dd;

if (skip === false) {
  // Quiet ends: no IPv6 chatter of the kernel's own.
  ip(['link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right']);
  for (const dev of ['left', 'right']) ip(['link', 'set', 'dev', dev, 'addrgenmode', 'none']);
  for (const dev of ['left', 'right']) ip(['link', 'set', 'dev', dev, 'multicast', 'off', 'up']);
}

/** A frame of 60 bytes behind an empty virtio header; byte 59 is its number. */
function frame(destination: Uint8Array, ethertype: number, number: number, icmpv6Type = 0): Uint8Array {
  const bytes = allocate(VNET_HDR_BYTES + 60);
  const ethernet = VNET_HDR_BYTES;
  bytes.set(destination, ethernet);
  bytes.set(OTHER, ethernet + 6);
  new DataView(bytes.buffer).setUint16(ethernet + 12, ethertype);
  bytes[ethernet + 20] = 58; // next header, if it is IPv6
  bytes[ethernet + 54] = icmpv6Type;
  bytes[ethernet + 59] = number;
  return bytes;
}

/** The numbers of all frames that have arrived. veth delivers before the write returns or shortly after. */
function arrived(fd: number, count: number): number[] {
  const poller = new Poller(1);
  poller.add(fd, POLLIN);
  const bytes = allocate(65_600);
  const numbers: number[] = [];
  while (numbers.length < count && poller.wait(5000) === 1) {
    const length = read(fd, bytes, 0, bytes.length);
    if (length === VNET_HDR_BYTES + 60) numbers.push(bytes[length - 1] ?? 0);
  }
  assert.equal(read(fd, bytes, 0, bytes.length), -EAGAIN, 'nothing else arrives');
  return numbers;
}

test('the filter lets in what concerns the service, and nothing else', { skip }, () => {
  const left = openPacketSocket({ interface: 'left', filter: FILTER_NOTHING });
  const right = openPacketSocket({ interface: 'right', filter: filterForService(SERVICE) });
  assert.equal(right.ifindex, interfaceIndex('right'));
  addUnicastAddress(right.fd, right.ifindex, SERVICE);
  addMulticastAddress(right.fd, right.ifindex, SOLICITED_NODE);
  const frames = [
    frame(SERVICE, IPV4, 1),
    frame(OTHER, IPV4, 2),
    frame(BROADCAST, ARP, 3),
    frame(BROADCAST, IPV4, 4),
    frame(SOLICITED_NODE, IPV6, 5, 135),
    frame(SOLICITED_NODE, IPV6, 6, 128),
    frame(SOLICITED_NODE, IPV6, 7, 136),
    frame(OTHER, ARP, 8),
    frame(interfaceMac('right'), IPV4, 9),
    frame(SERVICE, IPV6, 10, 128),
  ];
  for (const bytes of frames) assert.equal(write(left.fd, bytes, 0, bytes.length), bytes.length);
  assert.deepEqual(arrived(right.fd, 6), [1, 3, 5, 7, 8, 10]);

  setFilter(right.fd, FILTER_NOTHING);
  for (const bytes of frames) write(left.fd, bytes, 0, bytes.length);
  setFilter(right.fd, filterForService(OTHER));
  const last = frame(OTHER, IPV4, 11);
  write(left.fd, last, 0, last.length);
  assert.deepEqual(arrived(right.fd, 1), [11]);
  assert.equal(droppedFrames(right.fd), 0);

  dropUnicastAddress(right.fd, right.ifindex, SERVICE);
  dropMulticastAddress(right.fd, right.ifindex, SOLICITED_NODE);
  close(left.fd);
  close(right.fd);
});

test('frames of a VLAN are not taken for untagged ones', { skip }, () => {
  const left = openPacketSocket({ interface: 'left', filter: FILTER_NOTHING });
  const right = openPacketSocket({ interface: 'right', filter: filterForService(SERVICE) });
  const tagged = frame(SERVICE, 0x8100, 1);
  new DataView(tagged.buffer).setUint16(VNET_HDR_BYTES + 14, 10);
  new DataView(tagged.buffer).setUint16(VNET_HDR_BYTES + 16, IPV4);
  write(left.fd, tagged, 0, tagged.length);
  const plain = frame(SERVICE, IPV4, 2);
  write(left.fd, plain, 0, plain.length);
  assert.deepEqual(arrived(right.fd, 1), [2]);
  // VLAN 0 is none: the tag, which the kernel takes off, says only how urgent the frame is.
  const urgent = allocate(VNET_HDR_BYTES + 64);
  urgent.set(frame(SERVICE, 0x8100, 0));
  new DataView(urgent.buffer).setUint16(VNET_HDR_BYTES + 14, 5 << 13);
  new DataView(urgent.buffer).setUint16(VNET_HDR_BYTES + 16, IPV4);
  urgent[VNET_HDR_BYTES + 63] = 3;
  write(left.fd, urgent, 0, urgent.length);
  assert.deepEqual(arrived(right.fd, 1), [3]);
  close(left.fd);
  close(right.fd);
});

test('a socket for capture sees both directions without a virtio header', { skip }, () => {
  const left = openPacketSocket({ interface: 'left', filter: FILTER_NOTHING });
  const capture = openPacketSocket({ interface: 'left', filter: undefined, vnetHeader: false, ignoreOutgoing: false });
  const sent = frame(OTHER, IPV4, 1);
  write(left.fd, sent, 0, sent.length);
  const poller = new Poller(1);
  poller.add(capture.fd, POLLIN);
  assert.equal(poller.wait(5000), 1);
  const bytes = allocate(2048);
  assert.equal(read(capture.fd, bytes, 0, bytes.length), 60);
  assert.deepEqual([...bytes.subarray(0, 6)], [...OTHER]);
  close(left.fd);
  close(capture.fd);
});

test('the carrier follows the other end of the cable', { skip }, async () => {
  const probe = new CarrierProbe('left');
  assert.equal(probe.up(), true);
  ip(['link', 'set', 'dev', 'right', 'down']);
  await until('no carrier', () => !probe.up());
  ip(['link', 'set', 'dev', 'right', 'up']);
  await until('carrier', () => probe.up());
  ip(['link', 'set', 'dev', 'left', 'down']);
  assert.equal(probe.up(), false);
  ip(['link', 'set', 'dev', 'left', 'up']);
  await until('carrier', () => probe.up());
  ip(['link', 'delete', 'dev', 'left']);
  assert.equal(probe.up(), false);
  probe.close();
  assert.equal(probe.up(), false);
});

test('a missing interface is refused with its name', { skip }, () => {
  assert.throws(() => openPacketSocket({ interface: 'absent0', filter: FILTER_NOTHING }), /absent0\): ENODEV/);
});

test('the kernel tells of the carrier as it changes, of this interface only, and when the interface is gone', {
  skip,
}, () => {
  ip(['link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far']);
  ip(['link', 'set', 'dev', 'near', 'up']);
  ip(['link', 'set', 'dev', 'far', 'up']);
  const events = new LinkEvents(interfaceIndex('near'));
  const poller = new Poller(1);
  poller.add(events.fd, POLLIN);
  assert.equal(events.take(), undefined);
  /** The state once it is told; news of other interfaces are not it. */
  const told = (): boolean => {
    for (;;) {
      assert.equal(poller.wait(5000), 1, 'the kernel tells within seconds');
      const up = events.take();
      if (up !== undefined) return up;
    }
  };
  ip(['link', 'add', 'aside', 'type', 'veth', 'peer', 'name', 'beside']);
  ip(['link', 'set', 'dev', 'far', 'down']);
  while (told());
  ip(['link', 'set', 'dev', 'far', 'up']);
  while (!told());
  assert.equal(events.gone, false);
  ip(['link', 'del', 'dev', 'near']);
  while (!events.gone) told();
  assert.equal(events.take(), undefined);
  events.close();
});
