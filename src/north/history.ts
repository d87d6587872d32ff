/** All that was recorded since the server's start, while a backup may still join. */
import { assert } from '../errors.ts';
import type { LogWriter } from '../log/log-writer.ts';

export class History {
  readonly #bytesMax: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isOver = false;
  overrun = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#isOver || this.overrun) return;
    this.overrun = this.#bytes + length > this.#bytesMax;
    this.#bytes += length;
    if (this.overrun) this.#pieces = [];
    else this.#pieces.push(bytes.slice(offset, offset + length));
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
