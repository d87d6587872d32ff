import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, EAGAIN, ECONNREFUSED, POLLIN, POLLOUT, Poller, recv, send } from '../../src/linux/io.ts';
import { ip } from '../../src/linux/ip.ts';
import { allocate } from '../../src/linux/memory.ts';
import { listeningPorts } from '../../src/linux/process.ts';
import {
  connectResult,
  localPort,
  recvFrom,
  recvSource,
  sendTo,
  setBufferSizes,
  setNoDelay,
  sockAddr,
  tcpAccept,
  tcpConnect,
  tcpListen,
  udpBind,
} from '../../src/linux/socket.ts';
import { ownNetwork } from './own-network.ts';

const skip = ownNetwork();
if (skip === false) ip(['link', 'set', 'dev', 'lo', 'up']);

function waitFor(fd: number, events: number): void {
  const poller = new Poller(1);
  poller.add(fd, events);
  assert.equal(poller.wait(5000), 1);
}

for (const host of ['127.0.0.1', '::1']) {
  test(`a TCP connection over ${host} carries bytes both ways`, { skip }, () => {
    const listener = tcpListen(host, 0);
    const port = localPort(listener);
    assert.deepEqual(listeningPorts(process.pid), [port]);
    assert.equal(tcpAccept(listener), -EAGAIN);
    const client = tcpConnect(host, port, host);
    waitFor(client, POLLOUT);
    assert.equal(connectResult(client), 0);
    waitFor(listener, POLLIN);
    const server = tcpAccept(listener);
    assert.ok(server >= 0);
    setNoDelay(client);
    setBufferSizes(client, 8 << 20);

    const bytes = allocate(16);
    bytes.set([1, 2, 3]);
    assert.equal(recv(server, bytes, 8, 8, 0), -EAGAIN);
    assert.equal(send(client, bytes, 0, 3, 0), 3);
    waitFor(server, POLLIN);
    assert.equal(recv(server, bytes, 8, 8, 0), 3);
    assert.deepEqual([...bytes.subarray(8, 11)], [1, 2, 3]);
    close(server);
    waitFor(client, POLLIN);
    assert.equal(recv(client, bytes, 0, 8, 0), 0);
    close(client);
    close(listener);
    assert.deepEqual(listeningPorts(process.pid), []);
  });

  test(`a refused connection over ${host} says so`, { skip }, () => {
    const listener = tcpListen(host, 0);
    const port = localPort(listener);
    close(listener);
    const client = tcpConnect(host, port);
    waitFor(client, POLLOUT);
    assert.equal(connectResult(client), -ECONNREFUSED);
    close(client);
  });

  test(`a datagram over ${host} arrives with its source`, { skip }, () => {
    const a = udpBind(host, 0);
    const b = udpBind(host, 0);
    const addressA = sockAddr(host, localPort(a));
    const addressB = sockAddr(host, localPort(b));
    const bytes = allocate(32);
    assert.equal(recvFrom(b, bytes, 0, 32), -EAGAIN);
    bytes.set([7, 8, 9]);
    assert.equal(sendTo(a, addressB, bytes, 0, 3), 3);
    assert.equal(recvFrom(b, bytes, 16, 16), 3);
    assert.deepEqual([...bytes.subarray(16, 19)], [7, 8, 9]);
    assert.ok(recvSource.equals(addressA));
    assert.ok(!recvSource.equals(addressB));
    assert.equal(recvSource.host, host);
    assert.equal(recvSource.port, addressA.port);
    close(a);
    close(b);
  });
}

test('addresses survive the way to the kernel form and back', () => {
  for (const host of ['10.1.2.3', '::', '::1', 'fd00::5', '2001:db8:0:1::', '2001:db8:1:2:3:4:5:6', 'fe80::1:0:0:1']) {
    assert.equal(sockAddr(host, 4711).host, host);
    assert.equal(sockAddr(host, 4711).port, 4711);
  }
  assert.equal(sockAddr('::ffff:1.2.3.4', 1).host, '::ffff:102:304');
  assert.throws(() => sockAddr('localhost', 1), { code: 'address-invalid' });
});

test('an address in use is told with how to find its user', { skip }, () => {
  const listener = tcpListen('127.0.0.1', 0);
  assert.throws(() => tcpListen('127.0.0.1', localPort(listener)), /EADDRINUSE — .*ss -tulnp/);
  assert.throws(() => udpBind('192.0.2.1', 0), /EADDRNOTAVAIL/);
  close(listener);
});
