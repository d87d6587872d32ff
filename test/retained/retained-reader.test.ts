import { deepEqual, equal, match, notEqual } from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { RetainedReader } from '../../src/retained/retained-reader.ts';
import { BLOCK_OVERHEAD, HEAD_BYTES, segmentName } from '../../src/retained/segment-file.ts';
import {
  append,
  EPOCH,
  IDENTITY,
  logDirectory,
  newReader,
  newWriter,
  randomBlocks,
  readOn,
  sameBytes,
} from './log-directory.ts';

test('a reader follows a writer from before the first block on, over segments', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  const reader = newReader(directory);
  deepEqual(readOn(reader), { blocks: [], last: 0 });
  const read: Uint8Array[] = [];
  const blocks = randomBlocks(...Array.from({ length: 60 }, (_, n) => 1 + n * 37));
  blocks.forEach((block, index) => {
    if (index % 7 === 6) writer.roll();
    append(writer, block);
    if (index % 3 === 0)
      read.push(...readOn(reader, index % 2 === 0 ? writer.position : undefined).blocks.map((b) => b.frames));
  });
  read.push(...readOn(reader).blocks.map(({ frames }) => frames));
  sameBytes(Buffer.concat(read), Buffer.concat(blocks));
  equal(reader.bytesRead, reader.bytesTotal);
  reader.close();
  writer.close();
});

test('a reader stops at the position that it is told, in the middle of a segment and at its end', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(10, 10));
  writer.roll();
  append(writer, ...randomBlocks(10));
  const reader = newReader(directory);
  const positions = (upTo: number) => readOn(reader, upTo).blocks.map(({ position }) => position);
  deepEqual(positions(0), []);
  deepEqual(positions(10), [0]);
  deepEqual(positions(20), [10]);
  deepEqual(positions(20), []);
  deepEqual(positions(30), [20]);
  reader.close();
  writer.close();
});

test('what a failed write leaves for a moment beyond that position is not kept in mind', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(100));
  const file = path.join(directory, segmentName(0));
  appendFileSync(file, new Uint8Array(500).fill(1));
  const reader = newReader(directory);
  equal(readOn(reader, 100).blocks.length, 1);
  truncateSync(file, writer.bytesOnDisk);
  const blocks = randomBlocks(200);
  append(writer, ...blocks);
  sameBytes(Buffer.concat(readOn(reader, 300).blocks.map(({ frames }) => frames)), Buffer.concat(blocks));
  reader.close();
  writer.close();
});

test('it tells how much there is to read and how much it has read, dropped segments too', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  for (let n = 0; n < 3; n++) {
    append(writer, ...randomBlocks(1000));
    writer.roll();
  }
  const reader = newReader(directory);
  const whole = HEAD_BYTES + 1000 + BLOCK_OVERHEAD;
  deepEqual([reader.bytesRead, reader.bytesTotal], [0, 3 * whole + 2 * BLOCK_OVERHEAD]);
  readOn(reader, 1000);
  deepEqual([reader.bytesRead, reader.bytesTotal], [whole, 3 * whole + 2 * BLOCK_OVERHEAD]);
  writer.drop(1000);
  const { blocks } = readOn(reader);
  deepEqual(
    blocks.map(({ position, jumped }) => [position, jumped]),
    [[2000, true]],
  );
  deepEqual([reader.bytesRead, reader.bytesTotal], [2 * whole + BLOCK_OVERHEAD, 2 * whole + BLOCK_OVERHEAD]);
  reader.close();
  writer.close();
});

test('a dropped segment that is being read is read to its end', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  const blocks = randomBlocks(1000, 1000, 1000);
  const reader = newReader(directory);
  append(writer, ...blocks.slice(0, 2));
  writer.roll();
  append(writer, ...blocks.slice(2));
  const first = readOn(reader, 1000).blocks;
  writer.drop(0);
  const frames = [...first, ...readOn(reader).blocks].map((block) => block.frames);
  sameBytes(Buffer.concat(frames), Buffer.concat(blocks));
  reader.close();
  writer.close();
});

const DAMAGES: readonly (readonly [string, (file: string) => void, RegExp])[] = [
  ['is cut', (file) => truncateSync(file, 150), /ends too early at byte 64/],
  ['has lost its end', (file) => truncateSync(file, 196), /ends too early at byte 196/],
  ['has lost its head', (file) => truncateSync(file, 63), /its head is cut short/],
  ['has a changed byte', (file) => change(file, 100), /is damaged at byte 64, position 0/],
  [
    'has another name',
    (file) => writeFileSync(file, readFileSync(file.replace('00.log', '64.log'))),
    /another segment/,
  ],
];
for (const [what, damage, reason] of DAMAGES) {
  test(`a segment that ${what} is told, and nothing behind it is read`, (t) => {
    const directory = logDirectory(t);
    const writer = newWriter(directory);
    append(writer, ...randomBlocks(100));
    writer.roll();
    append(writer, ...randomBlocks(100));
    writer.close();
    damage(path.join(directory, segmentName(0)));
    const reader = newReader(directory);
    const { blocks, last } = readOn(reader, 200);
    equal(last, -1);
    equal(blocks.length, what === 'has lost its end' ? 1 : 0);
    match(reader.problem, reason);
    equal(readOn(reader).last, -1, 'for ever');
    reader.close();
  });
}

test('a segment of another epoch, and one of which the log has a part already, are not read', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(5));
  const other = new RetainedReader(directory, { ...IDENTITY, epoch: EPOCH + 1 });
  equal(readOn(other).last, -1);
  match(other.problem, /another log/);
  writer.roll();
  append(writer, ...randomBlocks(5));
  writer.close();
  const kept = readFileSync(path.join(directory, segmentName(5)));
  const longer = newWriter(directory);
  append(longer, ...randomBlocks(6));
  longer.roll();
  append(longer, ...randomBlocks(6));
  longer.close();
  rmSync(path.join(directory, segmentName(6)));
  writeFileSync(path.join(directory, segmentName(5)), kept);
  const reader = newReader(directory);
  deepEqual([readOn(reader).last, reader.problem !== ''], [-1, true]);
  match(reader.problem, /another log/);
});

test('a directory that is gone is a problem, not an exception', (t) => {
  const reader = newReader(logDirectory(t));
  equal(readOn(reader).last, -1);
  notEqual(reader.problem, '');
});

function change(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
