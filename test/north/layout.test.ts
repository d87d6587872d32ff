/** The shim and the daemon have the same layout: what the C compiler makes of native/north/layout.h is what src/north/layout.ts says. */
import { deepEqual, equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import * as layout from '../../src/north/layout.ts';
import { needs } from '../needs.ts';

const skip = needs('program:cc');
/** Compiled, this file is in dist/test/north. */
const HEADER = path.resolve(import.meta.dirname, '../../../native/north/layout.h');

/** Each constant and what it is in C. */
const IN_C: Readonly<Record<string, string>> = {
  NORTH_MAGIC: 'NORTH_MAGIC',
  NORTH_VERSION: 'NORTH_VERSION',
  HEADER_MAGIC: 'offsetof(struct north_header, magic)',
  HEADER_VERSION: 'offsetof(struct north_header, version)',
  HEADER_MODE: 'offsetof(struct north_header, mode)',
  HEADER_NEXT_PROCESS: 'offsetof(struct north_header, next_process)',
  HEADER_ORDER: 'offsetof(struct north_header, order)',
  HEADER_ORDER_DONE: 'offsetof(struct north_header, order_done)',
  HEADER_ORDER_WAITS: 'offsetof(struct north_header, order_waits)',
  HEADER_ORDER_LAST: 'offsetof(struct north_header, order_last)',
  HEADER_DIVERGENCES: 'offsetof(struct north_header, divergences)',
  HEADER_UNPROTECTED: 'offsetof(struct north_header, unprotected)',
  HEADER_DIVERGENCE: 'offsetof(struct north_header, first_divergence)',
  HEADER_UNPROTECTED_NAME: 'offsetof(struct north_header, first_unprotected)',
  HEADER_UNPROTECTED_NAME_BYTES: 'sizeof ((struct north_header *)0)->first_unprotected',
  HEADER_RECORDING: 'offsetof(struct north_header, recording)',
  DIVERGENCE_PROCESS: 'offsetof(struct north_divergence, process)',
  DIVERGENCE_THREAD: 'offsetof(struct north_divergence, thread)',
  DIVERGENCE_EXPECTED: 'offsetof(struct north_divergence, expected)',
  DIVERGENCE_MADE: 'offsetof(struct north_divergence, made)',
  DIVERGENCE_EXPECTED_OBJECT: 'offsetof(struct north_divergence, expected_object)',
  DIVERGENCE_MADE_OBJECT: 'offsetof(struct north_divergence, made_object)',
  DIVERGENCE_EXPECTED_RESULT: 'offsetof(struct north_divergence, expected_result)',
  DIVERGENCE_TEXT: 'offsetof(struct north_divergence, text)',
  DIVERGENCE_TEXT_BYTES: 'sizeof ((struct north_divergence *)0)->text',
  DIVERGENCE_PEER_LENGTH: 'offsetof(struct north_divergence, peer_length)',
  DIVERGENCE_PEER: 'offsetof(struct north_divergence, peer)',
  ENDS_HEAD: 'offsetof(struct north_ends, head)',
  ENDS_READER_WAITS: 'offsetof(struct north_ends, reader_waits)',
  ENDS_TAIL: 'offsetof(struct north_ends, tail)',
  ENDS_WRITER_WAITS: 'offsetof(struct north_ends, writer_waits)',
  SLOTS_OFFSET: 'NORTH_SLOTS_OFFSET',
  SLOTS: 'NORTH_SLOTS',
  SLOT_PROCESS: 'offsetof(struct north_slot, process)',
  SLOT_PID: 'offsetof(struct north_slot, pid)',
  SLOT_ENDS: 'offsetof(struct north_slot, ends)',
  SLOT_BYTES: 'sizeof(struct north_slot)',
  RECORDING_OFFSET: 'NORTH_RECORDING_OFFSET',
  RECORDING_BYTES: 'NORTH_RECORDING_BYTES',
  REPLAY_OFFSET: 'NORTH_REPLAY_OFFSET',
  REPLAY_BYTES: 'NORTH_REPLAY_BYTES',
  MEMORY_BYTES: 'NORTH_REPLAY_OFFSET + (uint64_t)NORTH_SLOTS * NORTH_REPLAY_BYTES',
  RECORD_LENGTH: 'offsetof(struct north_record, length)',
  RECORD_CALL: 'offsetof(struct north_record, call)',
  RECORD_PROCESS: 'offsetof(struct north_record, process)',
  RECORD_RESULT: 'offsetof(struct north_record, result)',
  RECORD_OBJECT: 'offsetof(struct north_record, object)',
  RECORD_DETAIL: 'offsetof(struct north_record, detail)',
  RECORD_HEADER: 'sizeof(struct north_record)',
  RECORD_MAX: 'NORTH_RECORD_MAX',
  ORDERED: 'NORTH_ORDERED',
  CALL_PAD: 'NORTH_PAD',
  CALL_WRITE: 'NORTH_WRITE',
  CALL_FORK: 'NORTH_FORK',
  CALL_END: 'NORTH_END',
};
const MODES = { UNDECIDED: 'NORTH_UNDECIDED', RECORD: 'NORTH_RECORD', REPLAY: 'NORTH_REPLAY' };

const folder = mkdtempSync(path.join(os.tmpdir(), 'north-layout-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** @returns what the expressions are. */
function evaluated(expressions: readonly string[]): readonly number[] {
  const source = path.join(folder, 'layout.c');
  const prints = expressions.map((expression) => `  printf("%llu\\n", (unsigned long long)(${expression}));`);
  const includes = ['#include <stddef.h>', '#include <stdio.h>', `#include "${HEADER}"`];
  writeFileSync(source, [...includes, 'int main(void) {', ...prints, '  return 0;', '}', ''].join('\n'));
  const program = path.join(folder, 'layout');
  execFileSync(process.env.CC ?? 'cc', ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-o', program, source]);
  return execFileSync(program, { encoding: 'utf8' }).trim().split('\n').map(Number);
}

test('every constant is what the shim was compiled with', { skip }, () => {
  const numbers = Object.entries(layout).filter(
    ([name, value]) => typeof value === 'number' && name !== 'FIRST_PROCESS',
  );
  deepEqual(numbers.map(([name]) => name).sort(), Object.keys(IN_C).sort(), 'none is left out');
  const values = evaluated(numbers.map(([name]) => IN_C[name] ?? ''));
  deepEqual(Object.fromEntries(numbers), Object.fromEntries(numbers.map(([name], i) => [name, values[i]])));
});

test('the modes are the same', { skip }, () => {
  deepEqual(Object.keys(layout.MODE), Object.keys(MODES));
  deepEqual(Object.values(layout.MODE), evaluated(Object.values(MODES)));
});

test('each number of a call has the name that it has in the shim', { skip }, () => {
  const inShim = [...readFileSync(HEADER, 'utf8').matchAll(/^ {2}NORTH_(\w+) = (\d+),/gm)];
  const names = inShim.map(([, name]) => (name ?? '').toLowerCase().replaceAll('_', '-'));
  deepEqual(names, layout.CALL_NAMES);
  deepEqual(
    inShim.map(([, , number]) => Number(number)),
    names.map((_, number) => number),
  );
  equal(evaluated(['NORTH_CALLS'])[0], layout.CALL_NAMES.length);
});

test('the rings and what is shared about them do not overlap', () => {
  const afterHeader = layout.HEADER_RECORDING + layout.SLOT_BYTES - layout.SLOT_ENDS;
  equal(afterHeader <= layout.SLOTS_OFFSET, true);
  equal(layout.SLOTS_OFFSET + layout.SLOTS * layout.SLOT_BYTES <= layout.RECORDING_OFFSET, true);
  equal(layout.RECORD_MAX < layout.RECORDING_BYTES && layout.RECORD_MAX % 8 === 0, true);
});
