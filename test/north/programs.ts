/**
 * The programs of `programs/`, each with one idea: compiled, and where to cut a recording of theirs as if the primary had died there.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { CALL_PAD, CALL_WRITE, RECORD_OBJECT } from '../../src/north/layout.ts';
import { RecordView } from '../../src/north/records.ts';

/** Compiled, this file is in dist/test/north. */
const SOURCES = path.resolve(import.meta.dirname, '../../../test/north/programs');
const FLAGS = ['-std=gnu11', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-pthread'];
const STANDARD_OUTPUT = 1;

const folder = mkdtempSync(path.join(os.tmpdir(), 'north-programs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** @returns its command line */
export function program(name: string): readonly string[] {
  const source = path.join(SOURCES, name);
  if (name.endsWith('.py')) return ['/usr/bin/python3', '-S', '-E', '-B', source];
  const file = path.join(folder, path.basename(name, '.c'));
  execFileSync(process.env.CC ?? 'cc', [...FLAGS, '-o', file, source]);
  return [file];
}

/** Ends of records, from the program's first line on: what an interpreter does before that is always the same. */
export function placesToCut(recording: Uint8Array): readonly number[] {
  const places: number[] = [];
  const record = new RecordView();
  for (let offset = 0; offset < recording.length; offset += record.length) {
    if (record.set(recording, offset, recording.length - offset) <= 0) throw new Error('the recording is not whole');
    const isLine =
      record.call === CALL_WRITE &&
      new DataView(recording.buffer, recording.byteOffset + offset).getInt32(RECORD_OBJECT, true) === STANDARD_OUTPUT;
    if (record.call !== CALL_PAD && (places.length > 0 || isLine)) places.push(offset + record.length);
  }
  return places;
}

/** `count` of them, the first and the last included. */
export function spread(places: readonly number[], count: number): readonly number[] {
  if (places.length <= count) return places;
  return Array.from({ length: count }, (_, i) => places[Math.round((i * (places.length - 1)) / (count - 1))] ?? 0);
}

/** Lines without what may be another value after a cut, in any order: threads and processes are free to take turns. */
export function linesOf(output: string): readonly string[] {
  return output
    .split('\n')
    .map((line) => line.replace(/ = .*/, ' ='))
    .sort();
}
