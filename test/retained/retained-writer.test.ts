import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetainedWriter } from '../../src/retained/retained-writer.ts';
import { BLOCK_MOST, BLOCK_OVERHEAD, HEAD_BYTES, segmentName } from '../../src/retained/segment-file.ts';
import { needs } from '../needs.ts';
import {
  append,
  logDirectory,
  newReader,
  newWriter,
  randomBlocks,
  readLog,
  readOn,
  sameBytes,
  UNBOUNDED,
} from './log-directory.ts';
import { SmallDisk } from './small-disk.ts';

const skip = needs('namespaces');

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
}

test('blocks of all sizes come back, over segments, to the byte', (t) => {
  for (const sync of ['none', 'batch'] as const) {
    const directory = logDirectory(t);
    const writer = newWriter(directory, { sync });
    const blocks = randomBlocks(1, 40, BLOCK_MOST, 70_000, 3, BLOCK_MOST, BLOCK_MOST, 12);
    blocks.forEach((block, index) => {
      if (index % 3 === 2) writer.roll();
      append(writer, block);
    });
    equal(writer.bytesOnDisk, sizeOf(directory));
    writer.close();
    const { content, frames } = readLog(directory);
    sameBytes(frames, Buffer.concat(blocks));
    deepEqual(
      { ...content, epoch: UNBOUNDED.epoch },
      {
        ...content,
        segments: 3,
        bytes: sizeOf(directory),
        fromPosition: 0,
        toPosition: writer.position,
        cutBytes: 0,
        problem: '',
      },
    );
  }
});

test('nobody else may read the files, and the frames do not stand in them', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, Buffer.from('a secret that was sent twice'));
  writer.close();
  const file = path.join(directory, segmentName(0));
  equal(statSync(directory).mode & 0o777, 0o700);
  equal(statSync(file).mode & 0o777, 0o600);
  ok(!readFileSync(file).includes('secret'));
});

test('a new log deletes the old one, and no other file', (t) => {
  const directory = logDirectory(t);
  const old = newWriter(directory);
  append(old, ...randomBlocks(10));
  old.roll();
  append(old, ...randomBlocks(10));
  old.close();
  writeFileSync(path.join(directory, 'notes.txt'), '');
  newWriter(directory).close();
  deepEqual(readdirSync(directory), ['notes.txt']);
});

test('what a deletion that stops half way leaves of the old log is its beginning', (t) => {
  const directory = logDirectory(t);
  const old = newWriter(directory);
  for (let n = 0; n < 4; n++) {
    append(old, ...randomBlocks(10));
    old.roll();
  }
  old.close();
  const second = path.join(directory, segmentName(10));
  rmSync(second);
  mkdirSync(second);
  const created = RetainedWriter.create(directory, UNBOUNDED);
  equal(created.ok ? '' : created.problem, 'io-error');
  deepEqual(readdirSync(directory), [segmentName(0), segmentName(10)]);
});

test('only one log is written in a directory', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(10));
  const second = RetainedWriter.create(directory, UNBOUNDED);
  equal(second.ok ? '' : second.problem, 'io-error');
  equal(readLog(directory).content.toPosition, 10);
  writer.close();
  newWriter(directory).close();
});

test('what is no directory is a problem, not an exception', () => {
  const created = RetainedWriter.create('/dev/null', UNBOUNDED);
  equal(created.ok ? '' : created.problem, 'io-error');
});

test('a segment that has nothing is not made, however often one is asked for', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  writer.roll();
  append(writer, ...randomBlocks(5));
  equal(writer.segmentStart, 0);
  writer.roll();
  writer.roll();
  equal(writer.segmentStart, 5);
  deepEqual(readdirSync(directory), [segmentName(0)]);
  append(writer, ...randomBlocks(5));
  deepEqual(readdirSync(directory), [segmentName(0), segmentName(5)]);
  writer.close();
});

test('segments are dropped, the present one too, and the log goes on behind them', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  const blocks = randomBlocks(10, 20, 30);
  for (const block of blocks) {
    append(writer, block);
    writer.roll();
  }
  deepEqual(writer.drop(5), { ok: true }, 'no segment begins there');
  for (const start of [10, 30]) deepEqual(writer.drop(start), { ok: true });
  append(writer, ...randomBlocks(40));
  equal(writer.bytesOnDisk, sizeOf(directory));
  const { blocks: read } = readOn(newReader(directory));
  deepEqual(
    read.map(({ position, jumped }) => [position, jumped]),
    [
      [0, false],
      [60, true],
    ],
  );
  writer.close();
});

test('at the bound nothing more is written, until something is dropped', (t) => {
  const directory = logDirectory(t);
  const mostBytes = 2 * (HEAD_BYTES + 2 * BLOCK_OVERHEAD + 100);
  const writer = newWriter(directory, { mostBytes });
  const blocks = randomBlocks(100, 100, 1);
  append(writer, ...blocks.slice(0, 1));
  writer.roll();
  append(writer, ...blocks.slice(1, 2));
  for (let n = 0; n < 3; n++)
    deepEqual(writer.append(new Uint8Array(1), 0, 1), { ok: false, problem: 'full-by-bound' });
  ok(sizeOf(directory) <= mostBytes);
  equal(writer.position, 200);
  writer.drop(0);
  append(writer, ...blocks.slice(2));
  sameBytes(readLog(directory).frames, Buffer.concat(blocks.slice(1)));
  writer.close();
});

test('a full disk loses nothing: what was appended is there, and the rest is once there is room', {
  skip,
}, async (t) => {
  const disk = await SmallDisk.mount(t, '256k');
  const directory = path.join(disk.root, 'log');
  for (const sync of ['none', 'batch'] as const) {
    const writer = newWriter(directory, { sync });
    const blocks = randomBlocks(...Array.from({ length: 30 }, (_, n) => 997 * (n % 7) + 1));
    const [first = new Uint8Array(1), ...others] = blocks;
    append(writer, first);
    disk.fill();
    for (const [index, block] of others.entries()) {
      if (index % 5 === 4) writer.roll();
      const written = writer.append(block, 0, block.length);
      if (written.ok) continue;
      equal(written.problem, 'no-space');
      const { content, frames } = readLog(directory);
      deepEqual([content.cutBytes, content.problem, content.toPosition], [0, '', writer.position]);
      sameBytes(frames, Buffer.concat(blocks).subarray(0, writer.position));
      disk.makeRoom();
      append(writer, block);
      disk.fill();
    }
    equal(writer.bytesOnDisk, sizeOf(directory));
    sameBytes(readLog(directory).frames, Buffer.concat(blocks));
    writer.close();
    disk.makeRoom();
    rmSync(directory, { recursive: true });
  }
});

test('a disk that is full where a segment begins leaves no half of one', { skip }, async (t) => {
  const disk = await SmallDisk.mount(t, '256k');
  const directory = path.join(disk.root, 'log');
  const writer = newWriter(directory);
  disk.fill();
  const [block = new Uint8Array(1)] = randomBlocks(5000);
  for (let n = 0; n < 2; n++) {
    const written = writer.append(block, 0, block.length);
    equal(written.ok ? '' : written.problem, 'no-space');
    deepEqual([writer.bytesOnDisk, writer.position, readdirSync(directory)], [0, 0, []]);
  }
  disk.makeRoom(4096);
  equal(writer.append(block, 0, block.length).ok, false, 'there is room for the head alone');
  equal(writer.bytesOnDisk, HEAD_BYTES);
  writer.roll();
  disk.makeRoom();
  append(writer, block);
  equal(writer.bytesOnDisk, sizeOf(directory));
  sameBytes(readLog(directory).frames, block);
  writer.close();
});

test('a block whose write has failed is sealed anew, with a nonce that was not used before', { skip }, async (t) => {
  const disk = await SmallDisk.mount(t, '256k');
  const directory = path.join(disk.root, 'log');
  const writer = newWriter(directory);
  const [block = new Uint8Array(1)] = randomBlocks(5000);
  append(writer, block);
  disk.fill();
  equal(writer.append(block, 0, block.length).ok, false);
  disk.makeRoom();
  append(writer, block, block);
  writer.close();
  const file = readFileSync(path.join(directory, segmentName(0)));
  const numbers = [0, 1, 2].map((n) => file.readUInt32BE(HEAD_BYTES + n * (block.length + BLOCK_OVERHEAD) + 4));
  deepEqual(numbers, [1, 3, 4]);
});

test('whatever is appended, rolled over and dropped, what is left is read at its position', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), n: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ kind: fc.constant('roll' as const), n: fc.constant(0) }),
    fc.record({ kind: fc.constant('drop' as const), n: fc.nat({ max: 20 }) }),
  );
  const directory = logDirectory(t);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const writer = newWriter(directory);
      let model: { segment: number; position: number; frames: Uint8Array }[] = [];
      for (const { kind, n } of steps) {
        if (kind === 'append') {
          const [frames = new Uint8Array(1)] = randomBlocks(n);
          const { position } = writer;
          append(writer, frames);
          model.push({ segment: writer.segmentStart, position, frames });
        } else if (kind === 'roll') {
          writer.roll();
        } else {
          const segment = model[n % Math.max(1, model.length)]?.segment ?? 0;
          deepEqual(writer.drop(segment), { ok: true });
          model = model.filter((block) => block.segment !== segment);
        }
      }
      equal(writer.bytesOnDisk, sizeOf(directory));
      writer.close();
      const reader = newReader(directory);
      const { blocks, last } = readOn(reader);
      equal(last, 0, reader.problem);
      deepEqual(
        blocks.map(({ position, frames }) => [position, Buffer.from(frames)]),
        model.map(({ position, frames }) => [position, frames]),
      );
      const { content } = readLog(directory);
      deepEqual([content.problem, content.cutBytes], ['', 0]);
      reader.close();
    }),
    { numRuns: 40 },
  );
});
