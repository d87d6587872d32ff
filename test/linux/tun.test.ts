import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { close, EAGAIN, EIO, POLLIN, Poller, read, write } from '../../src/linux/io.ts';
import { ip } from '../../src/linux/ip.ts';
import { allocate } from '../../src/linux/memory.ts';
import { recvFrom, recvSource, sendTo, sockAddr, udpBind } from '../../src/linux/socket.ts';
import { openTun, VNET_HDR_BYTES } from '../../src/linux/tun.ts';
import { ownNetwork } from './own-network.ts';

const skip = ownNetwork('tun');
const NEEDS_CHECKSUM = 1;
const PROTOCOL_UDP = 17;

/** The next packet of one protocol; the kernel may have things of its own to say. */
function readPacket(fd: number, bytes: Uint8Array, protocol: number): number {
  const poller = new Poller(1);
  poller.add(fd, POLLIN);
  for (;;) {
    assert.equal(poller.wait(5000), 1, 'no packet came');
    const length = read(fd, bytes, 0, bytes.length);
    assert.ok(length > 0);
    if (bytes[VNET_HDR_BYTES + 9] === protocol) return length;
  }
}

test('the kernel chooses a name, and a name in use is refused', { skip }, () => {
  const a = openTun();
  const b = openTun({ offloads: false });
  assert.match(a.name, /^fttcp\d+$/);
  assert.notEqual(a.name, b.name);
  assert.throws(() => openTun({ name: a.name }), /EBUSY — an interface of this name is in use/);
  close(a.fd);
  close(b.fd);
});

test('a device vanishes with its descriptor', { skip }, () => {
  const tun = openTun({ name: 'gone0' });
  assert.match(ip(['link', 'show', 'dev', 'gone0']), /gone0/);
  close(tun.fd);
  assert.throws(() => ip(['link', 'show', 'dev', 'gone0']), { code: 'ip-failed' });
});

test('a datagram leaves with a virtio header and a partial checksum, and the answer comes back', { skip }, () => {
  const tun = openTun({ name: 'tun0' });
  const bytes = allocate(65_600);
  bytes[VNET_HDR_BYTES] = 0x45;
  assert.equal(write(tun.fd, bytes, 0, 40), -EIO, 'the device is down');
  ip(['address', 'add', '10.1.0.1/24', 'dev', 'tun0']);
  ip(['link', 'set', 'dev', 'tun0', 'up']);
  const socket = udpBind('10.1.0.1', 5000);
  const payload = allocate(4);
  payload.set([0xca, 0xfe, 0xba, 0xbe]);
  assert.equal(sendTo(socket, sockAddr('10.1.0.2', 6000), payload, 0, 4), 4);

  const length = readPacket(tun.fd, bytes, PROTOCOL_UDP);
  assert.equal(length, VNET_HDR_BYTES + 20 + 8 + 4);
  const view = new DataView(bytes.buffer);
  assert.equal(bytes[0], NEEDS_CHECKSUM);
  assert.equal(view.getUint16(6, true), 20, 'csum_start is the UDP header');
  assert.equal(view.getUint16(8, true), 6, 'csum_offset is the checksum field');
  const udp = VNET_HDR_BYTES + 20;
  assert.equal(view.getUint16(udp), 5000);
  assert.equal(view.getUint16(udp + 2), 6000);

  // Back with addresses and ports exchanged: neither the header's checksum nor the pseudo-header's sum changes by that.
  const ipv4 = VNET_HDR_BYTES;
  bytes.set([10, 1, 0, 2, 10, 1, 0, 1], ipv4 + 12);
  view.setUint16(udp, 6000);
  view.setUint16(udp + 2, 5000);
  assert.equal(write(tun.fd, bytes, 0, length), length);
  const received = allocate(16);
  assert.equal(recvFrom(socket, received, 0, 16), 4);
  assert.deepEqual([...received.subarray(0, 4)], [0xca, 0xfe, 0xba, 0xbe]);
  assert.equal(recvSource.host, '10.1.0.2');
  close(socket);
  close(tun.fd);
});

test('a descriptor keeps working after its device has moved to another namespace', { skip }, async () => {
  const tun = openTun({ name: 'tun1' });
  const inside = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; read end'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => inside.stdout.once('data', resolve));
  const pid = inside.pid ?? 0;
  ip(['link', 'set', 'dev', 'tun1', 'netns', String(pid)]);
  ip(['address', 'add', '10.2.0.1/24', 'dev', 'tun1'], { pid });
  ip(['link', 'set', 'dev', 'tun1', 'up'], { pid });

  // An echo request from 10.2.0.2; the kernel inside answers.
  const request = allocate(VNET_HDR_BYTES + 28);
  request.set(
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 2, 0, 2, 10, 2, 0, 1, 8, 0, 0, 0, 0, 1, 0, 1],
    VNET_HDR_BYTES,
  );
  setChecksum(request, VNET_HDR_BYTES, 20, 10);
  setChecksum(request, VNET_HDR_BYTES + 20, 8, 2);
  assert.equal(write(tun.fd, request, 0, request.length), request.length);
  const reply = allocate(2048);
  readPacket(tun.fd, reply, 1);
  assert.equal(reply[VNET_HDR_BYTES + 20], 0, 'echo reply');
  assert.equal(read(tun.fd, reply, 0, reply.length), -EAGAIN);

  inside.stdin.end();
  await new Promise((resolve) => inside.once('exit', resolve));
  close(tun.fd);
});

/** RFC 1071. */
function setChecksum(bytes: Uint8Array, offset: number, length: number, field: number): void {
  const view = new DataView(bytes.buffer, offset);
  view.setUint16(field, 0);
  let sum = 0;
  for (let at = 0; at < length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(field, ~sum & 0xffff);
}
