import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { drainEventFd, openEventFd, signalEventFd } from '../../src/linux/eventfd.ts';
import {
  close,
  EAGAIN,
  EBADF,
  ioCounts,
  POLLHUP,
  POLLIN,
  POLLOUT,
  Poller,
  read,
  write,
  writeTwo,
} from '../../src/linux/io.ts';
import { addressOf, allocate } from '../../src/linux/memory.ts';
import { openPipe } from '../../src/linux/pipe.ts';

test('allocated memory is zeroed and keeps its address', () => {
  const bytes = allocate(100);
  assert.deepEqual([...bytes], new Array(100).fill(0));
  const address = addressOf(bytes);
  assert.ok(Number.isSafeInteger(address) && address > 0);
  assert.equal(addressOf(bytes), address);
  assert.equal(addressOf(bytes.subarray(8)), address + 8);
});

test('shared memory has one address in every view', () => {
  const shared = new SharedArrayBuffer(64);
  assert.equal(addressOf(new Uint8Array(shared, 16)), addressOf(new Uint8Array(shared)) + 16);
});

test('reads and writes return byte counts, or -errno without throwing', () => {
  const { readFd, writeFd } = openPipe();
  const out = allocate(8);
  out.set([1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(write(writeFd, out, 2, 3), 3);
  const into = allocate(8);
  assert.equal(read(readFd, into, 1, 7), 3);
  assert.deepEqual([...into], [0, 3, 4, 5, 0, 0, 0, 0]);
  assert.equal(close(writeFd), 0);
  assert.equal(read(readFd, into, 0, 8), 0);
  assert.equal(close(readFd), 0);
  assert.equal(read(1_000_000, into, 0, 8), -EBADF);
  assert.equal(close(1_000_000), -EBADF);
});

test('calls are counted whatever comes of them, bytes where they were moved', () => {
  const { readFd, writeFd } = openPipe();
  const before = ioCounts();
  const bytes = allocate(8);
  write(writeFd, bytes, 0, 5);
  writeTwo(writeFd, bytes, 0, 1, bytes, 1, 1);
  read(readFd, bytes, 0, 8);
  read(1_000_000, bytes, 0, 8);
  new Poller(1).wait(0);
  const after = ioCounts();
  const difference = Object.entries(after).map(([name, value]) => [name, value - before[name as keyof typeof before]]);
  assert.deepEqual(Object.fromEntries(difference), {
    readCalls: 2,
    readBytes: 7,
    writeCalls: 2,
    writeBytes: 7,
    recvCalls: 0,
    recvBytes: 0,
    sendCalls: 0,
    sendBytes: 0,
    pollCalls: 1,
  });
  close(readFd);
  close(writeFd);
});

test('a write of two pieces arrives as one run of bytes', () => {
  const { readFd, writeFd } = openPipe();
  const a = allocate(4);
  a.set([1, 2, 3, 4]);
  const b = allocate(4);
  b.set([5, 6, 7, 8]);
  assert.equal(writeTwo(writeFd, a, 1, 2, b, 2, 2), 4);
  const into = allocate(16);
  assert.equal(read(readFd, into, 0, 16), 4);
  assert.deepEqual([...into.subarray(0, 4)], [2, 3, 7, 8]);
  close(readFd);
  close(writeFd);
});

test('a buffer is never overrun', () => {
  assert.throws(() => read(0, allocate(8), 4, 5), /broken invariant/);
  assert.throws(() => write(1, allocate(8), -1, 5), /broken invariant/);
});

test('an event descriptor counts many signals as one wake-up', () => {
  const fd = openEventFd();
  assert.equal(drainEventFd(fd), false);
  signalEventFd(fd);
  signalEventFd(fd);
  assert.equal(drainEventFd(fd), true);
  assert.equal(drainEventFd(fd), false);
  assert.equal(read(fd, allocate(8), 0, 8), -EAGAIN);
  close(fd);
});

test('a poller reports what is ready, and only where it was asked', () => {
  const fd = openEventFd();
  const pipe = openPipe();
  const poller = new Poller(2);
  const event = poller.add(fd, POLLIN);
  const reader = poller.add(pipe.readFd, POLLIN);
  assert.equal(poller.wait(0), 0);
  assert.equal(poller.ready(event), 0);

  signalEventFd(fd);
  assert.equal(poller.wait(-1), 1);
  assert.equal(poller.ready(event), POLLIN);
  assert.equal(poller.ready(reader), 0);

  poller.setEvents(event, POLLIN | POLLOUT);
  assert.equal(poller.wait(1000), 1);
  assert.equal(poller.ready(event), POLLIN | POLLOUT);

  poller.setFd(event, -1);
  assert.equal(poller.wait(0.2), 0);
  close(pipe.writeFd);
  assert.equal(poller.wait(1000), 1);
  assert.equal(poller.ready(reader), POLLHUP);
  assert.throws(() => poller.add(fd, POLLIN), /broken invariant/);
  close(fd);
  close(pipe.readFd);
});

test('a poller waits fractions of a millisecond and whole seconds', () => {
  const poller = new Poller(1);
  const start = performance.now();
  for (let i = 0; i < 10; i++) poller.wait(0.3);
  const waited = performance.now() - start;
  assert.ok(waited >= 3, `${waited} ms`);
  const before = performance.now();
  poller.wait(1001.5);
  assert.ok(performance.now() - before >= 1001);
});

test('a worker thread is woken from its wait by an event descriptor', async () => {
  const wake = openEventFd();
  const answer = openEventFd();
  const io = new URL('../../src/linux/io.js', import.meta.url).href;
  const eventfd = new URL('../../src/linux/eventfd.js', import.meta.url).href;
  const code = `
    Promise.all([import('${io}'), import('${eventfd}')]).then(([io, eventfd]) => {
      const poller = new io.Poller(1);
      poller.add(${wake}, io.POLLIN);
      if (poller.wait(5000) === 1 && eventfd.drainEventFd(${wake})) eventfd.signalEventFd(${answer});
    });`;
  const worker = new Worker(code, { eval: true });
  signalEventFd(wake);
  await new Promise((resolve) => worker.once('exit', resolve));
  assert.equal(drainEventFd(answer), true);
  close(wake);
  close(answer);
});
