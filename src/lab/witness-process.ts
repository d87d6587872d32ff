/**
 * The lab's witness: `fttcp witness` on a host of its own on the LAN. Its views lie on a small file system in memory that belongs to
 * that host, so that it can be filled without harm, and survives the program but not the host.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { FttcpError } from '../errors.ts';
import { childrenOf } from '../linux/process.ts';
import { until } from './clock.ts';
import { type Host, SERVICE_NAME, signal, WITNESS_ADDRESS } from './hosts.ts';
import { fttcpCommand, startWithOutput } from './programs.ts';

const PORT = 7402;
export const WITNESS_ENDPOINT = `${WITNESS_ADDRESS}:${PORT}`;
const STATE_BYTES = 64 * 1024;
const READY_TIMEOUT_MS = 10_000;
/** So long its program has to end after SIGTERM. */
const POLITE_MS = 300;

export class WitnessProcess {
  readonly host: Host;
  readonly #scratch: string;
  readonly #state: string;
  readonly #environment: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;

  constructor(host: Host, scratch: string, key: string, environment: NodeJS.ProcessEnv) {
    this.host = host;
    this.#scratch = scratch;
    this.#state = path.join(scratch, 'witness');
    this.#environment = environment;
    mkdirSync(this.#state);
    const config = {
      listen: WITNESS_ENDPOINT,
      state: this.#state,
      services: [{ service: SERVICE_NAME, key }],
      log: { file: this.#file('log') },
    };
    writeFileSync(this.#file('yaml'), stringify(config, { defaultStringType: 'QUOTE_DOUBLE' }), { mode: 0o600 });
  }

  get files(): string[] {
    return ['log', 'out', 'yaml'].map((kind) => this.#file(kind));
  }

  /** Makes its disk, and starts it. */
  async begin(): Promise<void> {
    await this.#run(`mount -t tmpfs -o size=${STATE_BYTES},mode=700 fttcp-lab '${this.#state}'`);
    this.start();
  }

  start(): void {
    if (this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) return;
    const env = { ...this.#environment, FTTCP_SKIP_SETUP: '1' };
    const command = fttcpCommand('witness', '-c', this.#file('yaml'));
    this.#child = startWithOutput(this.host, command, { env, cwd: this.#scratch }, this.#file('out'));
  }

  /** Ends the program as its operator would, or by force where that is not heard: on a host that is paused. */
  async stop(): Promise<void> {
    const child = this.#child;
    const hasEnded = () => child === undefined || child.exitCode !== null || child.signalCode !== null;
    const programs = childrenOf(child?.pid ?? 0);
    for (const [name, timeoutMs] of [
      ['SIGTERM', POLITE_MS],
      ['SIGKILL', READY_TIMEOUT_MS],
    ] as const) {
      if (hasEnded()) return;
      for (const pid of programs) signal(pid, name);
      if (name === 'SIGKILL') this.host.wakeKeepers();
      await until(hasEnded, { timeoutMs });
    }
  }

  fillDisk(): Promise<void> {
    // `dd` ends with an error when the disk is full: that is what is wanted.
    return this.#run(`dd if=/dev/zero of='${this.#state}/fill' bs=4096 status=none 2>/dev/null; true`);
  }

  emptyDisk(): Promise<void> {
    return this.#run(`rm -f '${this.#state}/fill'`);
  }

  async #run(command: string): Promise<void> {
    const child = this.host.spawn(command, { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr?.on('data', (text) => {
      complaint += text;
    });
    let code: number | null | undefined;
    child.once('close', (status) => {
      code = status;
    });
    await until(() => code !== undefined, { timeoutMs: READY_TIMEOUT_MS });
    if (code !== 0)
      throw new FttcpError('lab-witness', `On the lab's witness, "${command}" failed: ${complaint.trim()}`);
  }

  #file(kind: string): string {
    return path.join(this.#scratch, `witness.${kind}`);
  }
}
