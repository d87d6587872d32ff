import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { drainEventFd, openEventFd } from '../../src/linux/eventfd.ts';
import { close } from '../../src/linux/io.ts';
import { threadsNamed } from '../../src/linux/thread-name.ts';
import {
  RETAINED_THREAD,
  RetainedLog,
  type RetainedWorkerData,
  retainedMemory,
  startRetainedWorker,
} from '../../src/retained/retained-log.ts';
import { BLOCK_MOST, segmentName } from '../../src/retained/segment-file.ts';
import { until } from '../linux/own-network.ts';
import { needs } from '../needs.ts';
import { EPOCH, logDirectory, newReader, readLog, readOn, sameBytes, UNBOUNDED } from './log-directory.ts';
import { SmallDisk } from './small-disk.ts';

const skip = needs('namespaces');
const CLOSE_MS = 20_000;
const RING_BYTES = 2 << 20;

interface Running {
  readonly log: RetainedLog;
  readonly worker: Worker;
  readonly wakeFd: number;
}

/** With a log that has begun. Ends with the test: no thread is left. */
function start(t: TestContext, directory: string, options: Partial<RetainedWorkerData> = {}): Running {
  const memory = retainedMemory(RING_BYTES);
  const wakeFd = openEventFd();
  const { key, serviceTag, mostBytes, sync } = UNBOUNDED;
  const worker = startRetainedWorker({ memory, directory, wakeFd, key, serviceTag, mostBytes, sync, ...options });
  const log = new RetainedLog(memory);
  log.reset(EPOCH);
  const exited = once(worker, 'exit');
  t.after(async () => {
    log.close(0);
    await exited;
    await until('the end of the thread', () => threadsNamed(process.pid, RETAINED_THREAD).length === 0);
    close(wakeFd);
  });
  return { log, worker, wakeFd };
}

/** Waits for room. */
async function append(log: RetainedLog, bytes: Uint8Array): Promise<void> {
  await until('room', () => log.append(bytes, 0, bytes.length));
}

for (const sync of ['none', 'batch'] as const) {
  test(`64 MB go through the thread to the byte, over segments, sync: ${sync}`, async (t) => {
    const directory = logDirectory(t);
    const { log, wakeFd } = start(t, directory, { sync });
    const source = randomBytes(1 << 20);
    const sent = createHash('sha256');
    let segments = 1;
    for (let n = 0; log.held < 64e6; n++) {
      const from = (n * 7919) % 100_000;
      const frames = source.subarray(from, from + 1 + ((n * 104_729) % 500_000));
      await append(log, frames);
      sent.update(frames);
      if (log.held - log.segmentStart > 10e6) {
        log.roll();
        segments++;
      }
    }
    ok(log.close(CLOSE_MS));
    equal(drainEventFd(wakeFd), sync === 'batch', 'the data loop is woken where it waits for the disk');
    equal(log.stored, log.held);
    const { content, frames } = readLog(directory);
    deepEqual(
      [content.toPosition, content.segments, content.bytes, content.problem, content.cutBytes],
      [log.held, segments, log.bytesOnDisk, '', 0],
    );
    equal(createHash('sha256').update(frames).digest('hex'), sent.digest('hex'));
  });
}

test('a reader follows the thread up to what is stored', async (t) => {
  const directory = logDirectory(t);
  const { log } = start(t, directory);
  const sent: Uint8Array[] = [];
  const got: Uint8Array[] = [];
  await until('the directory', () => existsSync(directory));
  const reader = newReader(directory);
  for (let n = 0; n < 2000; n++) {
    const length = 1 + ((n * 7919) % 20_000);
    const frames = randomBytes(length);
    sent.push(frames);
    await append(log, frames);
    if (n % 100 === 0) log.roll();
    const { blocks, last } = readOn(reader, log.stored);
    equal(last, 0, reader.problem);
    got.push(...blocks.map(({ frames }) => frames));
  }
  await until('stored', () => log.stored === log.held);
  got.push(...readOn(reader, log.stored).blocks.map(({ frames }) => frames));
  sameBytes(Buffer.concat(got), Buffer.concat(sent));
  reader.close();
});

test('at the bound the ring fills up and says so; a segment that is dropped makes room', async (t) => {
  const directory = logDirectory(t);
  const { log } = start(t, directory, { mostBytes: 1e6 });
  const frames = randomBytes(100_000);
  for (let n = 0; n < 5; n++) await append(log, frames);
  log.roll();
  await until('back-pressure', () => !log.append(frames, 0, frames.length));
  await until('the problem', () => log.problem === 'full-by-bound');
  ok(log.bytesOnDisk <= 1e6);
  ok(log.bytesOnDisk > 0);
  ok(log.stored < log.held);
  ok(log.drop(0));
  await until('stored', () => log.stored > 900_000);
  const { stored } = log;
  const second = newReader(directory);
  const { blocks } = readOn(second, stored);
  deepEqual([blocks[0]?.position, blocks[0]?.jumped], [500_000, true]);
  second.close();
});

test('a log that is unbound goes on beyond its bound, and one that is begun anew has it again', async (t) => {
  const directory = logDirectory(t);
  const { log } = start(t, directory, { mostBytes: 1e6 });
  const frames = randomBytes(100_000);
  while (log.append(frames, 0, frames.length));
  await until('the problem', () => log.problem === 'full-by-bound');
  log.unbind();
  await until('everything is stored', () => log.stored === log.held);
  equal(log.problem, 'none');
  ok(log.bytesOnDisk > 1e6);
  log.reset(3);
  while (log.append(frames, 0, frames.length));
  await until('the problem', () => log.problem === 'full-by-bound');
});

test('a log that is begun anew leaves a full one behind, and what waits for it', async (t) => {
  const directory = logDirectory(t);
  const { log } = start(t, directory, { mostBytes: 700_000 });
  for (const length of [100_000, 1]) while (log.append(new Uint8Array(length), 0, length));
  await until('the problem', () => log.problem === 'full-by-bound');
  while (log.append(new Uint8Array(1), 0, 1));
  log.roll();
  log.reset(EPOCH + 1);
  deepEqual([log.held, log.stored, log.segmentStart], [0, 0, 0]);
  const frames = randomBytes(1000);
  await append(log, frames);
  await until('stored', () => log.stored === 1000);
  equal(log.problem, 'none');
  ok(log.close(CLOSE_MS));
  const { content } = readLog(directory);
  deepEqual([content.epoch, content.toPosition, content.problem], [EPOCH + 1, 1000, '']);
});

test('a segment may be dropped before it is on the disk, but not one of an earlier log', async (t) => {
  const directory = logDirectory(t);
  const { log } = start(t, directory);
  const frames = randomBytes(100_000);
  await append(log, frames);
  log.roll();
  ok(log.drop(0));
  log.reset(EPOCH);
  for (let n = 0; n < 2; n++) {
    for (let i = 0; i < 3; i++) await append(log, frames);
    log.roll();
  }
  await append(log, frames);
  ok(log.drop(300_000));
  ok(log.close(CLOSE_MS));
  deepEqual(readdirSync(directory), [segmentName(0), segmentName(600_000)]);
});

test('a full disk is told, holds the data loop up, and loses nothing', { skip }, async (t) => {
  const disk = await SmallDisk.mount(t, '2m');
  const directory = path.join(disk.root, 'log');
  const { log, wakeFd } = start(t, directory);
  const sent: Uint8Array[] = [];
  const appendMore = () => {
    const frames = randomBytes(7000);
    const taken = log.append(frames, 0, frames.length);
    if (taken) sent.push(frames);
    return taken;
  };
  appendMore();
  await until('stored', () => log.stored === log.held);
  disk.fill();
  drainEventFd(wakeFd);
  while (log.held < 200_000) appendMore();
  await until('the problem', () => log.problem === 'no-space');
  ok(drainEventFd(wakeFd), 'the data loop is woken');
  ok(log.stored < log.held);
  disk.makeRoom();
  await until('stored', () => log.stored === log.held);
  equal(log.problem, 'none');
  ok(log.close(CLOSE_MS));
  sameBytes(readLog(directory).frames, Buffer.concat(sent));
});

test('a directory that cannot be made is a problem until it can', async (t) => {
  const directory = logDirectory(t);
  writeFileSync(directory, '');
  const { log } = start(t, directory);
  const frames = randomBytes(10);
  await append(log, frames);
  await until('the problem', () => log.problem === 'io-error');
  equal(log.stored, 0);
  rmSync(directory);
  await until('stored', () => log.stored === 10);
  equal(log.problem, 'none');
});

test('close waits for no disk longer than it is told to', async (t) => {
  const { log } = start(t, logDirectory(t), { mostBytes: 1 });
  await append(log, randomBytes(10));
  ok(!log.close(50));
  equal(log.stored, 0);
});

test('a log that is closed at once, with nothing or all in the ring, is whole', async (t) => {
  for (const length of [0, 100_000]) {
    const directory = logDirectory(t);
    const { log } = start(t, directory);
    const frames = randomBytes(length);
    for (let n = 0; n < length; n += 10_000) ok(log.append(frames, n, 10_000));
    ok(log.close(CLOSE_MS));
    sameBytes(readLog(directory).frames, frames);
  }
});

test('what a block cannot hold, and what no log has begun for, is refused', (t) => {
  const { log } = start(t, logDirectory(t));
  throws(() => log.append(new Uint8Array(BLOCK_MOST + 1), 0, BLOCK_MOST + 1), /a block/);
  throws(() => log.drop(0), /present segment/);
  throws(() => new RetainedLog(retainedMemory(RING_BYTES)).append(new Uint8Array(1), 0, 1), /begun/);
});
