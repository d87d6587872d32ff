// Records of choices, and which of them wait for another one.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { KIND, nameAt, Outstanding, RECORD_MOST, recordAt } from '../../src/north/choices.ts';
import { record } from '../daemon/choices-example.ts';

test('a record is known by its head, when it is there whole', () => {
  const bytes = Buffer.concat([Buffer.from('before'), record(KIND.CHOSEN, 'name', 'value')]);
  const length = bytes.length - 6;
  equal(recordAt(bytes, 6, length), length);
  equal(recordAt(bytes, 6, length + 10), length);
  equal(nameAt(bytes, 6), 'name');
  for (let available = 0; available < length; available++) equal(recordAt(bytes, 6, available), 0);
});

test('what cannot be a record is found at its head', () => {
  const broken: readonly ((bytes: Buffer) => void)[] = [
    (bytes) => bytes.writeUInt32LE(11),
    (bytes) => bytes.writeUInt32LE(RECORD_MOST + 1),
    (bytes) => bytes.writeUInt8(0, 4),
    (bytes) => bytes.writeUInt8(4, 4),
    (bytes) => bytes.writeUInt8(0, 5),
  ];
  for (const breakIt of broken) {
    const bytes = record(KIND.CHOSEN, 'name', 'value');
    breakIt(bytes);
    equal(recordAt(bytes, 0, bytes.length), -1);
  }
});

test('the first question by a name and the first value by it belong together, whichever comes first', () => {
  const outstanding = new Outstanding();
  outstanding.given('a', 100, 10);
  outstanding.given('b', 110, 20);
  outstanding.given('a', 130, 30);
  equal(outstanding.bytes, 60);
  outstanding.asked('a', 160);
  equal(outstanding.bytes, 50);
  outstanding.asked('c', 170);
  outstanding.asked('b', 180);
  outstanding.asked('a', 190);
  deepEqual([outstanding.bytes, outstanding.isEmpty], [0, false], 'one question is left');
  outstanding.given('c', 200, 10);
  deepEqual([outstanding.bytes, outstanding.isEmpty], [0, true]);
});

test('values of long ago are forgotten, and questions when no more values will come', () => {
  const outstanding = new Outstanding();
  outstanding.given('a', 100, 10);
  outstanding.given('a', 110, 10);
  outstanding.forget(110);
  equal(outstanding.bytes, 10);
  outstanding.asked('b', 120);
  outstanding.end();
  outstanding.asked('b', 130);
  outstanding.asked('a', 140);
  deepEqual([outstanding.bytes, outstanding.isEmpty], [0, true]);
});
