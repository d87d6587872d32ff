/** The retained log as the state machine of a cold host needs it: in the ring of its thread, in segments on the disk. */
import { ENTRY, LINK_FRAME } from '../log/entry.ts';
import { FrameView } from '../log/frame.ts';
import type { Retained, RetainedReading } from '../replica/retained.ts';
import { LiveSegments } from '../retained/live-segments.ts';
import type { RetainedProblem } from '../retained/retained-board.ts';
import { RetainedLog, type RetainedMemory } from '../retained/retained-log.ts';
import { RetainedReader } from '../retained/retained-reader.ts';
import { BLOCK_MOST } from '../retained/segment-file.ts';
import type { LogIdentity } from '../retained/segment-reader.ts';

const PROBLEMS: Readonly<Record<RetainedProblem, (directory: string) => string>> = {
  none: () => '',
  'full-by-bound': () => 'the retained log is as long as retained.bytes allows',
  'no-space': (directory) => `no space is left for the retained log in ${directory}`,
  'io-error': (directory) => `the retained log cannot be written to ${directory}`,
};

export interface ColdLogOptions extends LogIdentity {
  readonly memory: RetainedMemory;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly sync: 'none' | 'batch';
  /** Entries of connections that are over are needed. */
  readonly replayClosed: boolean;
  /** A log that is on the disk already, and is to be replayed. */
  readonly left: { readonly epoch: number; readonly toPosition: number } | undefined;
}

export class ColdLog implements Retained {
  readonly batchBytes = BLOCK_MOST;
  readonly #options: ColdLogOptions;
  readonly #log: RetainedLog;
  readonly #live = new LiveSegments();
  readonly #frame = new FrameView();
  #left: ColdLogOptions['left'];
  #epoch: number;
  /** Segments that are to be deleted, when there is room for the order. */
  #unneeded: number[] = [];

  constructor(options: ColdLogOptions) {
    this.#options = options;
    this.#log = new RetainedLog(options.memory);
    this.#left = options.left;
    this.#epoch = options.left?.epoch ?? 0;
  }

  get isLeft(): boolean {
    return this.#left !== undefined;
  }

  get isDurable(): boolean {
    return this.#options.sync === 'batch';
  }

  get held(): number {
    return this.#left?.toPosition ?? this.#log.held;
  }

  get safe(): number {
    return this.isDurable ? this.#log.stored : this.#log.held;
  }

  get hasRoom(): boolean {
    return this.#log.hasRoom;
  }

  get bytesOnDisk(): number {
    return this.#log.bytesOnDisk;
  }

  get problem(): string {
    return PROBLEMS[this.#log.problem](this.#options.directory);
  }

  begin(epoch: number): void {
    this.#left = undefined;
    this.#epoch = epoch;
    this.#log.reset(epoch);
    this.#unneeded = [];
    this.#live.clear();
    this.#live.begin(0);
  }

  unbind(): void {
    this.#log.unbind();
  }

  append(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#log.held - this.#log.segmentStart >= this.#options.segmentBytes) {
      this.#log.roll();
      this.#live.begin(this.#log.held);
    }
    this.#log.append(bytes, offset, length);
    if (!this.#options.replayClosed) this.#trim(bytes, offset, length);
  }

  /** Nobody needs what the log holds: its files are deleted. */
  end(): void {
    this.begin(this.#epoch);
  }

  openReader(): RetainedReading {
    const { directory } = this.#options;
    const reader = new RetainedReader(directory, { ...this.#options, epoch: this.#epoch });
    const target = new Uint8Array(BLOCK_MOST);
    const log = this.#log;
    const left = this.#left;
    let end = 0;
    return {
      get problem() {
        return reader.problem;
      },
      get end() {
        return end;
      },
      next() {
        const length = Math.max(0, reader.next(target, left?.toPosition ?? log.stored));
        if (length > 0) end = reader.position + length;
        return target.subarray(0, length);
      },
    };
  }

  close(timeoutMs: number): void {
    this.#log.close(timeoutMs);
  }

  /** Notes whose entries these are, and has segments deleted that only had those of connections that are over. */
  #trim(bytes: Uint8Array, offset: number, length: number): void {
    const frame = this.#frame;
    for (let at = 0; at < length; at += frame.length) {
      frame.set(bytes, offset + at, length - at);
      if (frame.type >= LINK_FRAME.CHALLENGE || frame.type === ENTRY.NOOP) continue;
      if (frame.type === ENTRY.CLOSED) this.#unneeded.push(...this.#live.over(frame.connection));
      else this.#live.has(frame.connection);
    }
    while (this.#unneeded.length > 0 && this.#log.drop(this.#unneeded[0] ?? 0)) this.#unneeded.shift();
  }
}
