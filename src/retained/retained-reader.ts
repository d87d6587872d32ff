/**
 * Reads the retained log from its beginning, block by block, over segments and the gaps that dropped ones leave. It may follow a
 * writer: then it is told how far that has come, and looks at nothing beyond.
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { assert } from '../errors.ts';
import { BLOCK_MOST, segmentName, segmentPositions } from './segment-file.ts';
import { type LogIdentity, READ_AHEAD_BYTES, SegmentReader } from './segment-reader.ts';

export interface RetainedReaderOptions extends LogIdentity {
  readonly epoch: number;
}

export class RetainedReader {
  readonly #directory: string;
  readonly #options: RetainedReaderOptions;
  readonly #ahead = new Uint8Array(READ_AHEAD_BYTES);
  #segment: SegmentReader | undefined;
  /** Where the present segment began, or the last one; −1 before the first. */
  #start = -1;
  /** After the last block. */
  #end = 0;
  /** Of the segments before the present one. */
  #bytesBefore = 0;
  #position = 0;
  #jumped = false;
  #problem = '';

  constructor(directory: string, options: RetainedReaderOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** Of the first byte of the block that was returned last. */
  get position(): number {
    return this.#position;
  }

  /** There was something between that block and the one before it (the log's beginning, for the first), and it is not kept. */
  get jumped(): boolean {
    return this.#jumped;
  }

  /** What is wrong with the log, for the operator; '' as long as nothing is. */
  get problem(): string {
    return this.#problem;
  }

  /** Of the files, read so far. */
  get bytesRead(): number {
    return this.#bytesBefore + (this.#segment?.bytesRead ?? 0);
  }

  /** What `bytesRead` will be at the end of what is there now. Asks the file system: for people, not for each block. */
  get bytesTotal(): number {
    const from = this.#segment === undefined ? this.#start + 1 : this.#start;
    return this.#starts()
      .filter((start) => start >= from)
      .reduce((bytes, start) => bytes + this.#bytesOf(start), this.#bytesBefore);
  }

  /**
   * Copies the frames of the next block into `target`.
   * @param target BLOCK_MOST bytes or more.
   * @param upTo a position that a writer has stored: what is before it must be there, and what is not is not touched. Without
   * it the log is read as far as there are whole blocks, which a writer on another thread would make a guess.
   * @returns their length; 0 when there is no block yet; −1, from then on always, when the log is damaged: see `problem`.
   */
  next(target: Uint8Array, upTo: number = Number.POSITIVE_INFINITY): number {
    assert(target.length >= BLOCK_MOST, 'whoever reads the retained log has room for a block');
    if (this.#problem !== '') return -1;
    try {
      for (;;) {
        this.#segment ??= this.#openNext(upTo);
        if (this.#segment === undefined) return this.#problem === '' ? 0 : -1;
        const length = this.#read(this.#segment, target, upTo);
        if (!this.#segment.ended) return length;
        this.#bytesBefore += this.#segment.bytesRead;
        this.close();
      }
    } catch (cause) {
      this.#problem = `${this.#directory} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
      return -1;
    }
  }

  close(): void {
    this.#segment?.close();
    this.#segment = undefined;
  }

  #read(segment: SegmentReader, target: Uint8Array, upTo: number): number {
    const { position } = segment;
    const length = segment.next(target, upTo);
    if (length > 0) {
      this.#jumped = position !== this.#end;
      this.#position = position;
      this.#end = position + length;
    }
    this.#problem = segment.problem;
    return length;
  }

  /** Undefined when no further segment is there yet, or what is there is not this log's: then there is a problem. */
  #openNext(upTo: number): SegmentReader | undefined {
    if (this.#end >= upTo) return undefined;
    const start = this.#starts().find((one) => one > this.#start);
    if (start === undefined || start >= upTo) return undefined;
    const opened = this.#open(start);
    if (opened === undefined) return this.#openNext(upTo);
    if (!opened.ok) {
      if (!opened.torn || upTo !== Number.POSITIVE_INFINITY) this.#problem = opened.reason;
      return undefined;
    }
    const { segment } = opened;
    if (segment.head.epoch !== this.#options.epoch || start < this.#end) {
      this.#problem = `${path.join(this.#directory, segmentName(start))}: it is left from another log`;
      segment.close();
      return undefined;
    }
    this.#start = start;
    return segment;
  }

  /** Undefined when the segment has been dropped meanwhile. */
  #open(start: number): ReturnType<typeof SegmentReader.open> | undefined {
    try {
      return SegmentReader.open(this.#directory, start, this.#options, this.#ahead);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** 0 when it has been dropped meanwhile. */
  #bytesOf(start: number): number {
    return statSync(path.join(this.#directory, segmentName(start)), { throwIfNoEntry: false })?.size ?? 0;
  }

  #starts(): number[] {
    return segmentPositions(readdirSync(this.#directory));
  }
}
