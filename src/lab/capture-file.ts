/** A capture file, written in large pieces. What is in it: pcapng.ts. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { sectionHeader } from './pcapng.ts';

const BUFFER_BYTES = 256 * 1024;

export class CaptureFile {
  readonly #fd: number;
  readonly #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(file: string) {
    this.#fd = openSync(file, 'w');
    this.write(sectionHeader());
  }

  write(block: Uint8Array): void {
    this.#pending.push(block);
    this.#pendingBytes += block.length;
    if (this.#pendingBytes >= BUFFER_BYTES) this.flush();
  }

  flush(): void {
    if (this.#pendingBytes > 0) writeSync(this.#fd, Buffer.concat(this.#pending));
    this.#pending.length = 0;
    this.#pendingBytes = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }
}
