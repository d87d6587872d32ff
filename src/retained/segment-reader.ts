/** Reads one segment file from its head to its end mark, or as far as it is written: one block at a time, with read-ahead. */
import type { KeyObject } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import {
  BLOCK_MOST,
  blockLength,
  HEAD_BYTES,
  openBlock,
  readHead,
  type SegmentHead,
  segmentName,
} from './segment-file.ts';

export interface LogIdentity {
  readonly key: Uint8Array;
  readonly serviceTag: number;
}

export type SegmentOpened =
  | { readonly ok: true; readonly segment: SegmentReader }
  /** `torn`: there is less than a head, as after a write that was cut short. */
  | { readonly ok: false; readonly torn: boolean; readonly reason: string };

/** Some blocks at a time; what does not fit whole at the end is read again with the next ones. */
export const READ_AHEAD_BYTES = 4 * BLOCK_MOST;

export class SegmentReader {
  readonly head: SegmentHead;
  readonly #file: string;
  readonly #fd: number;
  readonly #key: KeyObject;
  /** The file's bytes from `#aheadFrom` on. */
  readonly #ahead: Uint8Array;
  #aheadFrom = 0;
  #aheadBytes = 0;
  /** Blocks from this position on may have been read ahead before they were written. */
  #aheadUpTo = 0;
  #offset = HEAD_BYTES;
  #position: number;
  #ended = false;
  #problem = '';

  private constructor(file: string, fd: number, head: SegmentHead, key: KeyObject, ahead: Uint8Array) {
    this.#file = file;
    this.#fd = fd;
    this.#key = key;
    this.#ahead = ahead;
    this.head = head;
    this.#position = head.position;
  }

  /**
   * Opens the segment that begins at `start`.
   * @param ahead READ_AHEAD_BYTES, this reader's until it is closed.
   * @throws what the file system says, for example ENOENT of a segment that has just been dropped.
   */
  static open(directory: string, start: number, identity: LogIdentity, ahead: Uint8Array): SegmentOpened {
    const file = path.join(directory, segmentName(start));
    const refused = (reason: string, torn = false) => ({ ok: false, torn, reason: `${file}: ${reason}` }) as const;
    const fd = openSync(file, 'r');
    let segment: SegmentReader | undefined;
    try {
      if (readSync(fd, ahead, 0, HEAD_BYTES, 0) < HEAD_BYTES) return refused('its head is cut short', true);
      const read = readHead(ahead, identity.key, identity.serviceTag);
      if (!read.ok) return refused(read.reason);
      if (read.head.position !== start) return refused('its name is that of another segment');
      segment = new SegmentReader(file, fd, read.head, read.key, ahead);
      return { ok: true, segment };
    } finally {
      if (segment === undefined) closeSync(fd);
    }
  }

  /** Of the next block. */
  get position(): number {
    return this.#position;
  }

  /** Of the file, read so far. */
  get bytesRead(): number {
    return this.#offset;
  }

  /** The end mark has been read. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What is wrong with the file; '' as long as nothing is. */
  get problem(): string {
    return this.#problem;
  }

  /**
   * Copies the frames of the next block into `target`.
   * @param upTo everything before this position is on the disk, and nothing else is looked at; Infinity: as far as there is.
   * @returns their length; 0 when there is no whole block, or at the end; −1 when the file is damaged.
   */
  next(target: Uint8Array, upTo: number): number {
    if (this.#problem !== '') return -1;
    if (this.#ended || this.#position >= upTo) return 0;
    const length = this.#wholeBlock(upTo);
    if (length === 0) return upTo === Number.POSITIVE_INFINITY ? 0 : this.#fail('ends too early');
    const at = this.#offset - this.#aheadFrom;
    const frames =
      length < 0 ? -1 : openBlock(this.#key, this.#position, this.#ahead.subarray(at, at + length), target);
    if (frames < 0) return this.#fail('is damaged');
    this.#offset += length;
    this.#position += frames;
    this.#ended = frames === 0;
    return frames;
  }

  /** Bytes behind the last whole block if a single write that was cut short explains them, otherwise −1. */
  tornBytes(): number {
    const bytes = fstatSync(this.#fd).size - this.#offset;
    const length = this.#ended ? -1 : blockLength(this.#ahead, this.#offset - this.#aheadFrom, this.#available);
    return bytes === 0 || length === 0 || length === bytes ? bytes : -1;
  }

  close(): void {
    closeSync(this.#fd);
  }

  get #available(): number {
    return this.#aheadFrom + this.#aheadBytes - this.#offset;
  }

  /** The next block's length, as `blockLength` has it, after reading ahead where that is needed. */
  #wholeBlock(upTo: number): number {
    if (this.#position < this.#aheadUpTo) {
      const length = blockLength(this.#ahead, this.#offset - this.#aheadFrom, this.#available);
      if (length !== 0) return length;
    }
    this.#aheadBytes = readSync(this.#fd, this.#ahead, 0, this.#ahead.length, this.#offset);
    this.#aheadFrom = this.#offset;
    this.#aheadUpTo = upTo;
    return blockLength(this.#ahead, 0, this.#aheadBytes);
  }

  #fail(what: string): number {
    this.#problem = `${this.#file}: the log ${what} at byte ${this.#offset}, position ${this.#position}`;
    return -1;
  }
}
