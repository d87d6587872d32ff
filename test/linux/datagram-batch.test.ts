import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { DatagramBatch } from '../../src/linux/datagram-batch.ts';
import { close, EAGAIN, EBADF } from '../../src/linux/io.ts';
import { allocate } from '../../src/linux/memory.ts';
import { localPort, sendTo, sockAddr, udpBind } from '../../src/linux/socket.ts';

test('datagrams are taken many at a time, in order, cut to what there is room for', () => {
  const receiver = udpBind('127.0.0.1', 0);
  const sender = udpBind('127.0.0.1', 0);
  const to = sockAddr('127.0.0.1', localPort(receiver));
  const batch = new DatagramBatch(4, 5);
  equal(batch.receive(receiver), -EAGAIN);

  const bytes = allocate(8);
  for (let length = 1; length <= 6; length++) {
    bytes.fill(length);
    equal(sendTo(sender, to, bytes, 0, length), length);
  }
  const taken = () =>
    Array.from({ length: batch.receive(receiver) }, (_, i) => [...batch.datagram(i).subarray(0, batch.length(i))]);
  deepEqual(taken(), [[1], [2, 2], [3, 3, 3], [4, 4, 4, 4]]);
  deepEqual(taken(), [
    [5, 5, 5, 5, 5],
    [6, 6, 6, 6, 6],
  ]);
  equal(batch.receive(receiver), -EAGAIN);
  close(receiver);
  close(sender);
  equal(batch.receive(receiver), -EBADF);
});
