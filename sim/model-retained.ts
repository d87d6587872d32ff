/** The retained log of a cold host: what a turn appends is on its disk by the next one. */
import { ok } from 'node:assert/strict';
import type { Retained, RetainedReading } from '../src/replica/retained.ts';

export class ModelRetained implements Retained {
  readonly batchBytes = 4_000;
  isLeft = false;
  isDurable = false;
  problem = '';
  /** So many batches are read at most: for tests, which may make it more later. */
  readMost = Number.POSITIVE_INFINITY;
  #batches: Uint8Array[] = [];
  #held = 0;
  /** So many batches are on the disk. */
  #stored = 0;

  get held(): number {
    return this.#held;
  }

  get safe(): number {
    return this.#held;
  }

  get hasRoom(): boolean {
    return this.problem === '';
  }

  /** The disk keeps up. */
  turn(): void {
    this.#stored = this.#batches.length;
  }

  /** What a host that has lost its power finds on its disk. */
  outlived(isDurable: boolean): this {
    this.isLeft = true;
    this.isDurable = isDurable;
    return this;
  }

  begin(): void {
    this.isLeft = false;
    this.#batches = [];
    this.#held = this.#stored = 0;
  }

  unbind(): void {}

  append(bytes: Uint8Array, offset: number, length: number): void {
    ok(length > 0);
    this.#batches.push(bytes.slice(offset, offset + length));
    this.#held += length;
  }

  openReader(): RetainedReading {
    let read = 0;
    let end = 0;
    return {
      problem: '',
      get end() {
        return end;
      },
      next: () => {
        const batch = read < Math.min(this.#stored, this.readMost) ? this.#batches[read++] : undefined;
        end += batch?.length ?? 0;
        return batch ?? new Uint8Array(0);
      },
    };
  }
}
