/** A file of choices without a service: what the daemon's end of it says and does, for tests. */
import { readSync } from 'node:fs';
import { ChoicesFile, createChoicesFile } from '../../src/daemon/choices-file.ts';
import { close } from '../../src/linux/io.ts';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import { CHOICE_DATA, ENTRY } from '../../src/log/entry.ts';
import { FrameView } from '../../src/log/frame.ts';
import { LogWriter } from '../../src/log/log-writer.ts';
import { HEAD_BYTES, KIND, nameAt, RECORD_KIND, RECORD_MOST, recordAt } from '../../src/north/choices.ts';

const RECORD_NAME = 8;

/** A record as hooks write it. */
export function record(kind: number, name: string, value: Uint8Array | string): Buffer {
  const parts = [Buffer.from([0, 0, 0, 0, kind, name.length, 1, 0]), Buffer.from(name), Buffer.from(value)];
  const bytes = Buffer.concat(parts);
  bytes.writeUInt32LE(bytes.length);
  return bytes;
}

export class ChoicesExample {
  readonly fd = createChoicesFile();
  readonly log: LogWriter;
  readonly file: ChoicesFile;
  readonly #frame = new FrameView();

  constructor(logBytes = 1 << 20) {
    this.log = new LogWriter(new ByteQueue(new Uint8Array(logBytes)));
    this.file = new ChoicesFile(this.fd, this.log);
  }

  /** What the log holds, and does not hold any more: `kind name=value`. */
  logged(): string[] {
    const { queue } = this.log;
    const said: string[] = [];
    while (queue.used > 0) {
      const length = this.#frame.set(queue.bytes, queue.readOffset, queue.readable);
      said.push(this.#entry());
      queue.consume(length);
    }
    return said;
  }

  /** What the log holds goes to a backup's file. */
  relayTo({ file }: ChoicesExample): void {
    const { queue } = this.log;
    while (queue.used > 0) {
      const length = this.#frame.set(queue.bytes, queue.readOffset, queue.readable);
      const refusal = file.take(queue.bytes, queue.readOffset + CHOICE_DATA, length - CHOICE_DATA);
      if (refusal !== '') throw new Error(refusal);
      queue.consume(length);
    }
  }

  /** How often a process has asked. */
  get questions(): number {
    const bytes = new Uint8Array(RECORD_MOST);
    let count = 0;
    for (let at = HEAD_BYTES, length = -1; length !== 0; at += length) {
      const available = readSync(this.fd, bytes, 0, bytes.length, at);
      length = recordAt(bytes, 0, available);
      if (length > 0 && bytes[RECORD_KIND] === KIND.ASKS) count++;
    }
    return count;
  }

  close(): void {
    close(this.fd);
  }

  #entry(): string {
    const { bytes, offset, length, type } = this.#frame;
    if (type !== ENTRY.CHOICE) return `type ${type}`;
    const at = offset + CHOICE_DATA;
    const name = nameAt(bytes, at);
    const value = Buffer.from(bytes.subarray(at + RECORD_NAME + name.length, offset + length)).toString();
    return `${bytes[at + RECORD_KIND]} ${name}=${value}`;
  }
}
