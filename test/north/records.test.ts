/** Records are read as they were written, and nothing else is taken for one. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CALL_FORK, CALL_NAMES, CALL_PAD, RECORD_HEADER, RECORD_MAX } from '../../src/north/layout.ts';
import { RecordView } from '../../src/north/records.ts';
import { word32 } from '../wire/arbitraries.ts';
import { forkBytes, padBytes, recordBytes } from './recordings.ts';

const fields = fc.record({
  call: fc.integer({ min: 1, max: CALL_NAMES.length - 1 }).filter((call) => call !== CALL_FORK),
  process: word32,
  result: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  object: fc.integer(),
  detail: word32,
  ordered: fc.boolean(),
  payload: fc.uint8Array({ maxLength: 300 }),
});

test('a record is read as it was written, wherever it lies', () => {
  fc.assert(
    fc.property(fields, fc.nat(50), (written, before) => {
      const record = recordBytes(written);
      const bytes = new Uint8Array(before + record.length + 9).fill(0xee);
      bytes.set(record, before);
      const view = new RecordView();
      equal(view.set(bytes, before, bytes.length - before), record.length);
      deepEqual([view.call, view.process, view.child], [written.call, written.process, 0]);
      equal(view.order, written.ordered ? written.detail : 0);
    }),
  );
});

test('one that has not arrived whole is waited for, at every length', () => {
  const record = recordBytes({ call: 6, process: 1, payload: new Uint8Array(40) });
  for (let length = 0; length < record.length; length++) equal(new RecordView().set(record, 0, length), 0);
});

test('the rest of a ring may be shorter than a record', () => {
  const view = new RecordView();
  for (const length of [8, 16, RECORD_HEADER, 4096]) {
    equal(view.set(padBytes(length), 0, length), length);
    equal(view.call, CALL_PAD);
  }
});

test('a process that is made has its number, one that could not be made has none', () => {
  const view = new RecordView();
  const made = forkBytes(1, 7, 12);
  view.set(made, 0, made.length);
  deepEqual([view.child, view.order], [7, 12]);
  const failed = forkBytes(1, 7, 12, -11n);
  view.set(failed, 0, failed.length);
  equal(view.child, 0);
  const empty = recordBytes({ call: CALL_FORK, process: 1, result: 5n });
  view.set(empty, 0, empty.length);
  equal(view.child, 0, 'nor has one whose number is missing');
});

test('a length that cannot be is refused', () => {
  const view = new RecordView();
  const bytes = recordBytes({ call: 3, process: 1, payload: new Uint8Array(64) });
  for (const length of [0, 8, 16, RECORD_HEADER - 1, RECORD_HEADER + 1, 30, 65_535]) {
    new DataView(bytes.buffer).setUint16(0, length, true);
    equal(view.set(bytes, 0, bytes.length), -1, `${length}`);
  }
});

test('no bytes make the reader fail, and it sees nothing beyond what is there', () => {
  const view = new RecordView();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const length = view.set(bytes, 0, bytes.length);
      ok(length <= bytes.length && length <= RECORD_MAX);
      if (length > 0) ok(view.call >= 0 && view.process >= 0 && view.order >= 0 && view.child >= 0);
    }),
  );
});
