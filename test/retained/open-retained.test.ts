import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { openRetained } from '../../src/retained/open-retained.ts';
import { BLOCK_OVERHEAD, HEAD_BYTES, segmentName } from '../../src/retained/segment-file.ts';
import {
  append,
  EPOCH,
  IDENTITY,
  logDirectory,
  newReader,
  newWriter,
  randomBlocks,
  readLog,
  readOn,
  sameBytes,
} from './log-directory.ts';

const EMPTY = { segments: 0, bytes: 0, fromPosition: 0, toPosition: 0, epoch: 0, cutBytes: 0, problem: '' };

test('where there is no log, and in an empty directory, nothing is kept', (t) => {
  const directory = logDirectory(t);
  deepEqual(openRetained(directory, IDENTITY), EMPTY);
  newWriter(directory).close();
  deepEqual(openRetained(directory, IDENTITY), EMPTY);
});

test('a tail that is torn at any byte is cut off and never read; the log before it is whole', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  const blocks = randomBlocks(50, 30, 20);
  append(writer, ...blocks.slice(0, 1));
  writer.roll();
  append(writer, ...blocks.slice(1, 2));
  const file = path.join(directory, segmentName(50));
  const before = statSync(file).size;
  append(writer, ...blocks.slice(2));
  writer.close();
  const whole = readFileSync(file);
  for (let size = before; size < whole.length; size++) {
    writeFileSync(file, whole.subarray(0, size));
    const { content, frames } = readLog(directory);
    deepEqual([content.toPosition, content.cutBytes, content.problem, content.segments], [80, size - before, '', 2]);
    equal(statSync(file).size, before);
    sameBytes(frames, Buffer.concat(blocks.slice(0, 2)));
  }
});

test('a segment whose head is torn at any byte is taken away', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(50));
  writer.roll();
  append(writer, ...randomBlocks(50));
  writer.close();
  const file = path.join(directory, segmentName(50));
  const whole = readFileSync(file);
  for (let size = 0; size < HEAD_BYTES; size++) {
    writeFileSync(file, whole.subarray(0, size));
    const { content } = readLog(directory);
    deepEqual([content.toPosition, content.cutBytes, content.problem], [50, size, '']);
    deepEqual(readdirSync(directory), [segmentName(0)]);
  }
});

test('a bit that is flipped in any place of the log never comes out of it', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  const blocks = randomBlocks(7, 5, 9);
  append(writer, ...blocks.slice(0, 2));
  writer.roll();
  append(writer, ...blocks.slice(2));
  writer.close();
  const good = Buffer.concat(blocks);
  for (const name of readdirSync(directory)) {
    const file = path.join(directory, name);
    const whole = readFileSync(file);
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const bad = Buffer.from(whole);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(file, bad);
      const reader = newReader(directory);
      const { blocks: direct, last } = readOn(reader, good.length);
      equal(last, -1, `bit ${bit} of ${name}`);
      isBeginning(Buffer.concat(direct.map(({ frames }) => frames)), good);
      reader.close();
      const { content, frames } = readLog(directory);
      equal(content.toPosition, frames.length);
      ok(frames.length < good.length);
      isBeginning(frames, good);
      ok(content.cutBytes > 0 || content.problem !== '', `bit ${bit} of ${name} is told`);
      writeFileSync(file, whole);
    }
  }
  sameBytes(readLog(directory).frames, good);
});

test('a bad block with more behind it is damage: nothing is cut, and nothing from there on is used', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(100, 100, 100));
  writer.close();
  const file = path.join(directory, segmentName(0));
  const bytes = readFileSync(file);
  const at = 64 + 100 + BLOCK_OVERHEAD + 50;
  bytes[at] = (bytes[at] ?? 0) ^ 0x80;
  writeFileSync(file, bytes);
  const content = openRetained(directory, IDENTITY);
  deepEqual([content.toPosition, content.cutBytes, content.segments], [100, 0, 1]);
  match(content.problem, /0000000000000000\.log: the log is damaged at byte 196, position 100/);
  equal(statSync(file).size, bytes.length);
});

test('a segment that is torn although another follows is damage', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(100, 100));
  writer.roll();
  append(writer, ...randomBlocks(100));
  writer.close();
  const file = path.join(directory, segmentName(0));
  const whole = readFileSync(file);
  for (const size of [whole.length - 1, whole.length - BLOCK_OVERHEAD, 250, 100, 64, 63, 0]) {
    writeFileSync(file, whole.subarray(0, size));
    const { content } = readLog(directory);
    ok(content.problem !== '', `${size}`);
    deepEqual([content.cutBytes, content.toPosition], [0, size < 196 ? 0 : size < 328 ? 100 : 200]);
    equal(statSync(file).size, size);
  }
});

test('what follows an end mark is damage', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(10));
  writer.roll();
  append(writer, ...randomBlocks(10));
  writer.close();
  appendFileSync(path.join(directory, segmentName(0)), 'x');
  match(openRetained(directory, IDENTITY).problem, /something follows the end/);
});

test('a log without its first segments begins where the rest does', (t) => {
  const directory = logDirectory(t);
  const writer = newWriter(directory);
  for (let n = 0; n < 3; n++) {
    append(writer, ...randomBlocks(10));
    writer.roll();
  }
  writer.drop(0);
  writer.close();
  const { content } = readLog(directory);
  deepEqual([content.fromPosition, content.toPosition, content.segments, content.epoch], [10, 30, 2, EPOCH]);
});

const STRANGERS = [
  ['key', { ...IDENTITY, key: new Uint8Array(32) }, /another key/],
  ['service', { ...IDENTITY, serviceTag: 1 }, /another service/],
] as const;
for (const [what, identity, reason] of STRANGERS) {
  test(`with another ${what} nothing is used, cut or taken away`, (t) => {
    const directory = logDirectory(t);
    const writer = newWriter(directory);
    append(writer, ...randomBlocks(10));
    writer.close();
    const { problem, ...content } = openRetained(directory, identity);
    deepEqual({ ...content, problem: '' }, EMPTY);
    match(problem, reason);
    equal(readLog(directory).frames.length, 10);
  });
}

test('segments of two logs are not taken for one', (t) => {
  const directory = logDirectory(t);
  const old = newWriter(directory, { epoch: EPOCH - 1 });
  append(old, ...randomBlocks(10));
  old.roll();
  append(old, ...randomBlocks(10));
  old.close();
  const left = readFileSync(path.join(directory, segmentName(10)));
  const writer = newWriter(directory);
  append(writer, ...randomBlocks(10));
  writer.roll();
  append(writer, ...randomBlocks(10));
  writer.close();
  writeFileSync(path.join(directory, segmentName(10)), left);
  const { content } = readLog(directory);
  match(content.problem, /another log/);
  deepEqual([content.toPosition, content.epoch], [10, EPOCH]);
});

test('what cannot be read is told', (t) => {
  const directory = logDirectory(t);
  newWriter(directory).close();
  mkdirSync(path.join(directory, segmentName(0)));
  match(openRetained(directory, IDENTITY).problem, /cannot be read: EISDIR/);
});

function isBeginning(bytes: Uint8Array, of: Uint8Array): void {
  sameBytes(bytes, of.subarray(0, bytes.length));
}
