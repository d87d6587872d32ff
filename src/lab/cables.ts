/**
 * Commands to the interfaces of one host. `ip` runs as one long-lived batch, so that a cable is cut a few hundred
 * microseconds after it was asked for and not after a process has started; its answers come in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { FttcpError } from '../errors.ts';

/** A fault is to happen when it is due, also where the programs under test take every processor. */
export function raisePriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Not allowed: faults may be some milliseconds late.
  }
}

/** An ordinary user's PATH may lack the folders of these. */
const tool = (command: string): string[] => ['sh', '-c', `PATH=$PATH:/usr/sbin:/sbin; exec ${command}`];

export class Cables {
  readonly #host: string;
  readonly #init: number;
  #batch: ChildProcess | undefined;
  #closed = false;
  #complaints = '';
  #output = '';
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(host: string, init: number) {
    this.#host = host;
    this.#init = init;
  }

  /** Runs `ip` commands in order. @throws FttcpError `lab-cable` with what `ip` said */
  ip(...commands: string[]): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const batch = this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      // `link show` answers on standard output, at once, and so tells that all before it has been done.
      batch.stdin?.write(`${commands.join('\n')}\nlink show dev lo\n`);
    });
  }

  /** Runs `tc` commands in order. @throws FttcpError `lab-cable` with what `tc` said */
  tc(...commands: string[]): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const child = spawn('nsenter', [...this.#inside, ...tool('tc -batch -')], {
        stdio: ['pipe', 'ignore', 'pipe'],
        detached: true,
      });
      let complaints = '';
      child.stderr.on('data', (text) => {
        complaints += text;
      });
      child.once('error', reject);
      child.once('close', (code) => (code === 0 || this.#closed ? resolve() : reject(this.#refused('tc', complaints))));
      child.stdin.on('error', () => {});
      child.stdin.end(`${commands.join('\n')}\n`);
    });
  }

  close(): void {
    this.#closed = true;
    this.#batch?.stdin?.end();
    for (const one of this.#waiting.splice(0)) one.resolve();
  }

  get #inside(): string[] {
    return ['-t', String(this.#init), '-n', '--'];
  }

  #start(): ChildProcess {
    if (this.#batch) return this.#batch;
    const command = ['--pdeathsig', 'KILL', '--', 'nsenter', ...this.#inside, ...tool('ip -force -batch -')];
    const batch = spawn('setpriv', command, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#batch = batch;
    if (batch.pid !== undefined) raisePriority(batch.pid);
    batch.stderr.on('data', (text) => {
      this.#complaints += text;
    });
    batch.stdout.on('data', (text) => this.#answered(String(text)));
    batch.stdin.on('error', () => {});
    batch.once('error', (error) => this.#fail(error));
    batch.once('close', () => this.#fail(this.#refused('ip', this.#complaints || 'it ended')));
    return batch;
  }

  #answered(text: string): void {
    this.#output += text;
    for (;;) {
      const end = this.#output.search(/link\/loopback .*\n/);
      if (end < 0) return;
      this.#output = this.#output.slice(this.#output.indexOf('\n', end) + 1);
      // Complaints were written before this answer, but come by another pipe: look once more before judging.
      const one = this.#waiting.shift();
      setImmediate(() => {
        const complaints = this.#complaints;
        this.#complaints = '';
        if (complaints === '' || this.#closed) one?.resolve();
        else one?.reject(this.#refused('ip', complaints));
      });
    }
  }

  #fail(error: Error): void {
    for (const one of this.#waiting.splice(0)) {
      if (this.#closed) one.resolve();
      else one.reject(error);
    }
  }

  #refused(program: string, complaints: string): FttcpError {
    return new FttcpError('lab-cable', `In the lab's host ${this.#host}, ${program} failed: ${complaints.trim()}`);
  }
}
