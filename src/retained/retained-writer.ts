/**
 * Writes the retained log: appends blocks to the present segment, begins new segments, deletes old ones. What the disk does not
 * take is said and not thrown, and leaves the file as it was: the same append may succeed once there is room again.
 *
 * Segments are made by the first append into them, and a segment gets its end mark just before the next one is made, so that rolling
 * over needs nothing of the disk and cannot fail by itself.
 */
import { closeSync, constants, fsyncSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { assert, FttcpError } from '../errors.ts';
import { lockFile } from '../linux/file-lock.ts';
import { BLOCK_MOST, BLOCK_OVERHEAD, HEAD_BYTES, segmentName, segmentPositions } from './segment-file.ts';
import { SEALED_BYTES, SegmentWriter } from './segment-writer.ts';

/** `full-by-bound`: as much is kept as the configuration allows. The others are the disk's. */
export type WriteProblem = 'full-by-bound' | 'no-space' | 'io-error';

export interface NotWritten {
  readonly ok: false;
  readonly problem: WriteProblem;
  readonly cause?: unknown;
}
export type Written = { readonly ok: true } | NotWritten;
export type Created = { readonly ok: true; readonly writer: RetainedWriter } | NotWritten;

export interface RetainedWriterOptions {
  readonly key: Uint8Array;
  readonly serviceTag: number;
  readonly epoch: number;
  /** The files together are never larger, before `unbind`. */
  readonly mostBytes: number;
  /** `batch`: an append returns when the disk has it. `none`: when the kernel has it. */
  readonly sync: 'none' | 'batch';
}

const WRITTEN: Written = { ok: true };
const NOTHING = new Uint8Array(0);

export class RetainedWriter {
  readonly #directory: string;
  readonly #directoryFd: number;
  readonly #options: RetainedWriterOptions;
  readonly #sealed = new Uint8Array(SEALED_BYTES);
  /** Bytes of the earlier segments by their first positions. */
  readonly #earlier = new Map<number, number>();
  #mostBytes: number;
  #earlierBytes = 0;
  #segment: SegmentWriter | undefined;
  /** The present segment is to take no more. */
  #rolled = false;
  #position = 0;

  private constructor(directory: string, directoryFd: number, options: RetainedWriterOptions) {
    this.#directory = directory;
    this.#directoryFd = directoryFd;
    this.#options = options;
    this.#mostBytes = options.mostBytes;
  }

  /** A new log: makes the directory if it is missing, and deletes the segments of the old one. */
  static create(directory: string, options: RetainedWriterOptions): Created {
    let fd = -1;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
      if (!lockFile(fd)) {
        throw new FttcpError('log-in-use', `somebody else keeps a log in ${directory}: give each service its own`);
      }
      // From the end on: what a crash leaves of the old log is its beginning, never a log that begins in the middle.
      for (const start of segmentPositions(readdirSync(directory)).reverse()) {
        rmSync(path.join(directory, segmentName(start)));
      }
      fsyncSync(fd);
    } catch (cause) {
      if (fd >= 0) closeSync(fd);
      return notWritten(cause);
    }
    return { ok: true, writer: new RetainedWriter(directory, fd, options) };
  }

  /** After the last byte that was appended. */
  get position(): number {
    return this.#position;
  }

  /** Where the present segment began, or will begin with the next append. */
  get segmentStart(): number {
    return this.#segment === undefined || this.#rolled ? this.#position : this.#segment.start;
  }

  get bytesOnDisk(): number {
    return this.#earlierBytes + (this.#segment?.bytes ?? 0);
  }

  /** The disk is the only bound from now on. */
  unbind(): void {
    this.#mostBytes = Number.POSITIVE_INFINITY;
  }

  /** Writes whole frames, BLOCK_MOST bytes at most, as one block. */
  append(bytes: Uint8Array, offset: number, length: number): Written {
    assert(length > 0 && length <= BLOCK_MOST, 'a block of the retained log has its size');
    if (this.bytesOnDisk + HEAD_BYTES + 2 * BLOCK_OVERHEAD + length > this.#mostBytes) {
      return { ok: false, problem: 'full-by-bound' };
    }
    try {
      if (this.#rolled || this.#segment?.isFull) this.#end();
      this.#segment ??= this.#begin();
      this.#segment.append(this.#position, bytes.subarray(offset, offset + length));
    } catch (cause) {
      return notWritten(cause);
    }
    this.#position += length;
    return WRITTEN;
  }

  /** The next append begins a new segment. */
  roll(): void {
    if (this.segmentStart !== this.#position) this.#rolled = true;
  }

  /** Deletes the segment that begins at this position; nothing happens when none does. */
  drop(start: number): Written {
    const isPresent = this.#segment?.start === start;
    if (!isPresent && !this.#earlier.has(start)) return WRITTEN;
    try {
      rmSync(this.#file(start), { force: true });
      if (isPresent) this.#leave();
      this.#earlierBytes -= this.#earlier.get(start) ?? 0;
      this.#earlier.delete(start);
      this.#flushNames();
    } catch (cause) {
      return notWritten(cause);
    }
    return WRITTEN;
  }

  /** Leaves the files as they are. */
  close(): void {
    this.#leave();
    closeSync(this.#directoryFd);
  }

  #begin(): SegmentWriter {
    const { serviceTag, epoch, key, sync } = this.#options;
    const head = { serviceTag, epoch, position: this.#position };
    const segment = SegmentWriter.create(this.#file(this.#position), head, key, sync === 'batch', this.#sealed);
    try {
      this.#flushNames();
    } catch (error) {
      segment.close();
      throw error;
    }
    return segment;
  }

  #end(): void {
    this.#segment?.append(this.#position, NOTHING);
    this.#leave();
  }

  #leave(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    segment.close();
    this.#earlier.set(segment.start, segment.bytes);
    this.#earlierBytes += segment.bytes;
    this.#segment = undefined;
    this.#rolled = false;
  }

  #flushNames(): void {
    if (this.#options.sync === 'batch') fsyncSync(this.#directoryFd);
  }

  #file(start: number): string {
    return path.join(this.#directory, segmentName(start));
  }
}

function notWritten(cause: unknown): NotWritten {
  const code = cause instanceof Error && 'code' in cause ? cause.code : '';
  return { ok: false, problem: code === 'ENOSPC' || code === 'EDQUOT' ? 'no-space' : 'io-error', cause };
}
