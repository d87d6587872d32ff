/** Follows the structured log of one host's daemon: one JSON object a line, see daemon/logger.ts. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { monotonicMs } from '../linux/clock.ts';
import { wallMs } from './clock.ts';
import type { DaemonEvent } from './result.ts';

const READ_BYTES = 256 * 1024;
/** Later than any clock that counts from boot. */
const SURELY_WALL_CLOCK_MS = 1e12;

export class DaemonLog {
  readonly #host: string;
  readonly #file: string;
  readonly #buffer = Buffer.alloc(READ_BYTES);
  #offset = 0;
  #partial = '';

  constructor(host: string, file: string) {
    this.#host = host;
    this.#file = file;
  }

  /** The events of the lines that have been added since the last call. */
  poll(): DaemonEvent[] {
    const lines = (this.#partial + this.#readNew()).split('\n');
    this.#partial = lines.pop() ?? '';
    return lines.flatMap((line) => this.#parse(line));
  }

  #readNew(): string {
    let fd: number;
    try {
      fd = openSync(this.#file, 'r');
    } catch {
      return ''; // not there yet
    }
    try {
      let text = '';
      while (this.#offset < fstatSync(fd).size) {
        const length = readSync(fd, this.#buffer, 0, READ_BYTES, this.#offset);
        if (length <= 0) break;
        this.#offset += length;
        text += this.#buffer.toString('utf8', 0, length);
      }
      return text;
    } finally {
      closeSync(fd);
    }
  }

  #parse(line: string): DaemonEvent[] {
    let facts: Record<string, unknown>;
    try {
      facts = JSON.parse(line);
    } catch {
      return [];
    }
    const { event, epoch, reason, divergences, atMs, time, bytes, connections, afterMs } = facts;
    if (typeof event !== 'string') return [];
    // `atMs`, where given, is when it happened; `time` is when the line was written.
    let at = typeof atMs === 'number' ? atMs : Number(time);
    if (at < SURELY_WALL_CLOCK_MS) at += wallMs() - monotonicMs();
    const said = { host: this.#host, atMs: at, event, epoch: typeof epoch === 'number' ? epoch : 0 };
    return [
      {
        ...said,
        ...(event === 'replayed'
          ? { replayed: { bytes: Number(bytes), connections: Number(connections), afterMs: Number(afterMs) } }
          : {}),
        ...(typeof reason === 'string' ? { reason } : {}),
        ...(typeof divergences === 'number' ? { divergences } : {}),
      },
    ];
  }
}
