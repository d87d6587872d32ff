/**
 * Writes one segment file: its head, then block after block. What the disk does not take is cut off again, so that the file stays
 * whole and the same block can be written later.
 */
import { type KeyObject, randomFillSync } from 'node:crypto';
import { closeSync, fdatasyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import {
  BLOCK_MOST,
  BLOCK_OVERHEAD,
  HEAD_BYTES,
  HEAD_NUMBER,
  SALT_BYTES,
  type SegmentHead,
  sealBlock,
  writeHead,
} from './segment-file.ts';

/** Room for the longest block, sealed. */
export const SEALED_BYTES = BLOCK_OVERHEAD + BLOCK_MOST;

/** A seal has a number of its own in its segment; some are left for an end mark that is sealed again and again. */
const LAST_NUMBER = 0xffff_0000;

export class SegmentWriter {
  readonly start: number;
  readonly #fd: number;
  readonly #key: KeyObject;
  readonly #sync: boolean;
  readonly #sealed: Uint8Array;
  #number = HEAD_NUMBER;
  #bytes = 0;
  /** The file may be longer than `#bytes`. */
  #torn = false;

  private constructor(start: number, fd: number, key: KeyObject, sync: boolean, sealed: Uint8Array) {
    this.start = start;
    this.#fd = fd;
    this.#key = key;
    this.#sync = sync;
    this.#sealed = sealed;
  }

  /**
   * @param sync whether every write is flushed; the name in its directory is not.
   * @param sealed SEALED_BYTES, this writer's until it is closed.
   * @throws what the file system says; then there is no file.
   */
  static create(file: string, head: SegmentHead, serviceKey: Uint8Array, sync: boolean, sealed: Uint8Array) {
    const fd = openSync(file, 'w', 0o600);
    try {
      const key = writeHead(sealed, head, serviceKey, randomFillSync(new Uint8Array(SALT_BYTES)));
      const segment = new SegmentWriter(head.position, fd, key, sync, sealed);
      segment.#write(HEAD_BYTES);
      return segment;
    } catch (error) {
      closeSync(fd);
      rmSync(file, { force: true });
      throw error;
    }
  }

  /** Of the file, up to the end of the last whole block. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Only the end mark has a place left. */
  get isFull(): boolean {
    return this.#number >= LAST_NUMBER;
  }

  /** Appends frames as a block; none at all: the end mark. @throws what the file system says; then the block is not there. */
  append(position: number, frames: Uint8Array): void {
    this.#number++;
    const length = sealBlock(this.#key, this.#number, position, frames, this.#sealed);
    try {
      this.#write(length);
    } catch (error) {
      this.#cutBack();
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(length: number): void {
    if (this.#torn) ftruncateSync(this.#fd, this.#bytes);
    this.#torn = true;
    for (let done = 0; done < length; ) {
      done += writeSync(this.#fd, this.#sealed, done, length - done, this.#bytes + done);
    }
    // Where this fails, the next one may succeed although the kernel has dropped the bytes: so they are written again.
    if (this.#sync) fdatasyncSync(this.#fd);
    this.#torn = false;
    this.#bytes += length;
  }

  /** Where even this fails, the next write begins with it. */
  #cutBack(): void {
    try {
      ftruncateSync(this.#fd, this.#bytes);
      this.#torn = false;
    } catch {}
  }
}
