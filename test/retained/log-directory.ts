/** Retained logs for tests: directories of their own, and all that can be read of them. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { openRetained, type RetainedContent } from '../../src/retained/open-retained.ts';
import { RetainedReader } from '../../src/retained/retained-reader.ts';
import { RetainedWriter, type RetainedWriterOptions } from '../../src/retained/retained-writer.ts';
import { BLOCK_MOST } from '../../src/retained/segment-file.ts';

export const IDENTITY = { key: new Uint8Array(32).fill(5), serviceTag: 0xfedcba98 };
export const EPOCH = 0x1_0000_0003;
export const UNBOUNDED: RetainedWriterOptions = {
  ...IDENTITY,
  epoch: EPOCH,
  mostBytes: Number.POSITIVE_INFINITY,
  sync: 'none',
};

export interface Block {
  readonly position: number;
  readonly jumped: boolean;
  readonly frames: Uint8Array;
}

/** A directory that does not exist yet, inside one that the test leaves nothing of. */
export function logDirectory(t: TestContext): string {
  const outer = mkdtempSync(path.join(tmpdir(), 'fttcp-retained-'));
  t.after(() => rmSync(outer, { recursive: true }));
  return path.join(outer, 'log');
}

export function newWriter(directory: string, options: Partial<RetainedWriterOptions> = {}): RetainedWriter {
  const created = RetainedWriter.create(directory, { ...UNBOUNDED, ...options });
  ok(created.ok, String(!created.ok && created.cause));
  return created.writer;
}

export function append(writer: RetainedWriter, ...blocks: readonly Uint8Array[]): void {
  for (const block of blocks) deepEqual(writer.append(block, 0, block.length), { ok: true });
}

export function newReader(directory: string, epoch = EPOCH): RetainedReader {
  return new RetainedReader(directory, { ...IDENTITY, epoch });
}

/** The blocks that come from now on, up to the first answer that is none; and that. */
export function readOn(reader: RetainedReader, upTo?: number): { blocks: Block[]; last: number } {
  const target = new Uint8Array(BLOCK_MOST);
  const blocks: Block[] = [];
  for (;;) {
    const length = reader.next(target, upTo);
    if (length <= 0) return { blocks, last: length };
    blocks.push({ position: reader.position, jumped: reader.jumped, frames: target.slice(0, length) });
  }
}

/** Verifies the log and reads what may be used. */
export function readLog(directory: string): { content: RetainedContent; frames: Uint8Array } {
  const content = openRetained(directory, IDENTITY);
  const reader = newReader(directory, content.epoch);
  const { blocks, last } = readOn(reader, content.toPosition);
  equal(last, 0, reader.problem);
  reader.close();
  return { content, frames: Buffer.concat(blocks.map(({ frames }) => frames)) };
}

/** Byte by byte, without a report of thousands of lines. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array): void {
  ok(Buffer.compare(actual, expected) === 0, `${actual.length} bytes are not the ${expected.length} expected`);
}

export function randomBlocks(...lengths: readonly number[]): Uint8Array[] {
  return lengths.map((length) => randomBytes(length));
}
