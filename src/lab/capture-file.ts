/** A capture file, written in large pieces. What is in it: pcapng.ts. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { packetBytes, sectionHeader, writePacket } from './pcapng.ts';

const BUFFER_BYTES = 256 * 1024;

export class CaptureFile {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #length = 0;

  constructor(file: string) {
    this.#fd = openSync(file, 'w');
    this.write(sectionHeader());
  }

  /** A block that is no packet. */
  write(block: Uint8Array): void {
    this.#makeRoom(block.length);
    this.#buffer.set(block, this.#length);
    this.#length += block.length;
  }

  /** See `writePacket`. */
  packet(
    interfaceIndex: number,
    seconds: number,
    nanoseconds: number,
    frame: Uint8Array,
    capturedLength: number,
    originalLength: number,
  ): void {
    this.#makeRoom(packetBytes(capturedLength));
    this.#length = writePacket(
      this.#buffer,
      this.#view,
      this.#length,
      interfaceIndex,
      seconds,
      nanoseconds,
      frame,
      capturedLength,
      originalLength,
    );
  }

  close(): void {
    this.#flush();
    closeSync(this.#fd);
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes > BUFFER_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#length > 0) writeSync(this.#fd, this.#buffer, 0, this.#length);
    this.#length = 0;
  }
}
