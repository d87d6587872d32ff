/** The client program: started in the client's host as the caller would start it, its output's end kept. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { until, wallMs } from './clock.ts';
import { type Host, signal } from './hosts.ts';
import type { ClientResult } from './result.ts';

const KEPT_BYTES = 64 * 1024;
/** What a shell says of a command that ran out of time, as timeout(1) does. */
const TIMED_OUT = 124;
const CUE_POLL_MS = 2;

export interface ClientOptions {
  /** The service's. */
  address: string;
  port: number;
  /** The caller's. */
  environment: NodeJS.ProcessEnv;
  timeoutMs: number;
  /** A path, of a file that is not there yet. */
  cueFile: string;
  /** Gets standard output as it comes. */
  onOutput?: ((bytes: Buffer) => void) | undefined;
}

export class Client {
  readonly startMs: number;
  /** Never rejects. */
  readonly finished: Promise<ClientResult>;
  readonly #host: Host;
  readonly #cueFile: string;
  #timedOut = false;
  #ended = false;

  constructor(host: Host, command: string, options: ClientOptions) {
    const { address, port, environment, timeoutMs, cueFile, onOutput } = options;
    this.#host = host;
    this.#cueFile = cueFile;
    writeFileSync(cueFile, '');
    const env = { ...environment, FTTCP_ADDRESS: address, FTTCP_PORT: String(port), FTTCP_CUE: cueFile };
    const stdout = new Tail();
    const stderr = new Tail();
    this.startMs = wallMs();
    const child = host.spawn(command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout?.on('data', (bytes: Buffer) => {
      stdout.add(bytes);
      onOutput?.(bytes);
    });
    child.stderr?.on('data', (bytes: Buffer) => stderr.add(bytes));
    const timer = setTimeout(() => this.#giveUp(), timeoutMs);
    this.finished = this.#end(child).then((durationMs) => {
      clearTimeout(timer);
      this.#ended = true;
      const exitCode = this.#timedOut ? TIMED_OUT : exitCodeOf(child);
      return { exitCode, stdout: stdout.text, stderr: stderr.text, durationMs };
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** @returns when its `count`-th line was in the cue file, as wall time; undefined if it ended without */
  async cued(count: number): Promise<number | undefined> {
    const has = () => readFileSync(this.#cueFile, 'latin1').split('\n').length > count;
    await until(() => has() || this.#ended, { timeoutMs: Number.POSITIVE_INFINITY, everyMs: CUE_POLL_MS });
    return has() ? wallMs() : undefined;
  }

  /** Until the command's exit; output still in the pipes is read, but a left-over background process is not waited for. */
  #end(child: ChildProcess): Promise<number> {
    return new Promise((resolve) => {
      let durationMs = 0;
      child.once('error', () => resolve(wallMs() - this.startMs));
      child.once('exit', () => {
        durationMs = Math.round((wallMs() - this.startMs) * 1000) / 1000;
        setTimeout(() => resolve(durationMs), 500).unref();
      });
      child.once('close', () => resolve(durationMs));
    });
  }

  #giveUp(): void {
    this.#timedOut = true;
    for (const { pid } of this.#host.processes()) if (pid !== this.#host.init) signal(pid, 'SIGKILL');
    this.#host.wakeKeepers();
  }
}

function exitCodeOf(child: ChildProcess): number {
  if (child.exitCode !== null) return child.exitCode;
  return 128 + (child.signalCode === null ? 0 : constants.signals[child.signalCode]);
}

/** The last bytes of a stream. */
class Tail {
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  add(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    for (let first = this.#pieces[0]; first && this.#bytes - first.length >= KEPT_BYTES; first = this.#pieces[0]) {
      this.#pieces.shift();
      this.#bytes -= first.length;
    }
  }

  get text(): string {
    return Buffer.concat(this.#pieces).subarray(-KEPT_BYTES).toString('utf8');
  }
}
