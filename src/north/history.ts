/** All that the server has learnt since its start, by itself or in a replay, while a backup may still join. */
import { assert } from '../errors.ts';
import type { LogWriter } from '../log/log-writer.ts';

export class History {
  readonly #bytesMax: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isOver = false;
  #isOverrun = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Why it cannot be told any more; '' if it can. */
  get incomplete(): string {
    if (this.#isOver) return 'what the server has learnt is not kept once it has had connections';
    return this.#isOverrun ? 'the recording of the server since its start is longer than limits.logBytes allows' : '';
  }

  add(bytes: Uint8Array, offset: number, length: number): void {
    if (this.incomplete !== '') return;
    this.#isOverrun = this.#bytes + length > this.#bytesMax;
    this.#bytes += length;
    if (this.#isOverrun) this.#pieces = [];
    else this.#pieces.push(bytes.slice(offset, offset + length));
  }

  /** Takes so many bytes from its end. */
  cut(bytes: number): void {
    this.#bytes -= bytes;
    for (let left = bytes; left > 0; ) {
      const last = this.#pieces.pop();
      if (last === undefined) return;
      if (last.length > left) this.#pieces.push(last.subarray(0, last.length - left));
      left -= last.length;
    }
  }

  /** A server that has had connections takes no joiner. */
  end(): void {
    this.#isOver = true;
    this.#pieces = [];
  }

  appendTo(log: LogWriter): void {
    for (const piece of this.#pieces) {
      assert(log.hasRoom(piece.length), 'the bound of what is recorded before there is a backup is less than the log');
      log.north(piece, 0, piece.length);
    }
  }
}
