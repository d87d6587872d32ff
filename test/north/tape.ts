/**
 * A program under the shim without a service around it: recorded, and replayed from the recording. For tests of the shim.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import path from 'node:path';
import { createNorthMemory, NorthMemory } from '../../src/daemon/north-memory.ts';
import { Distributor } from '../../src/north/distributor.ts';
import type { NorthDivergence } from '../../src/north/divergence.ts';

export const SHIM = path.resolve(import.meta.dirname, '../../native/libfttcp-north.so');
/** So that processes and ports are the same each time. The program is not the first process, which takes no signals. */
const NAMESPACES = ['--pid', '--fork', '--kill-child', '--mount-proc', '--net', '--', 'sh', '-c'];
const IN_THEM = ['ip link set lo up; "$@"; exit $?', 'sh'];
/** A primary that has run for longer than its backup, if the kernel can say so. time_namespaces(7) */
const EARLIER_BOOT = existsSync('/proc/self/ns/time')
  ? ['--time', '--monotonic', '100000', '--boottime', '200000']
  : [];
const PUMP_MS = 2;
const WAITING_BYTES_MAX = 256 << 20;

export interface Played {
  readonly output: string;
  readonly code: number | null;
  readonly recording: Buffer;
  readonly divergence: NorthDivergence | undefined;
}

export interface TapeOptions {
  readonly input?: string;
  /** Replay: what there is of it; the process goes live at its end. */
  readonly recording?: Uint8Array;
  readonly timeoutMs?: number;
  /** The program lies somewhere else in memory each time. */
  readonly randomAddresses?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a command line until it ends. */
export async function play(command: readonly string[], options: TapeOptions = {}): Promise<Played> {
  const fd = createNorthMemory();
  const memory = new NorthMemory(fd, () => true);
  const distributor = new Distributor(memory, WAITING_BYTES_MAX);
  const own = [`LD_PRELOAD=${SHIM}`, 'FTTCP_NORTH=3:1:0000000000'];
  const boot = options.recording === undefined ? EARLIER_BOOT : [];
  const place = options.randomAddresses ? [] : ['setarch', '-R'];
  const child = spawn('unshare', [...boot, ...NAMESPACES, ...IN_THEM, ...place, 'env', ...own, ...command], {
    stdio: ['pipe', 'pipe', 'inherit', fd],
    env: { ...process.env, ...options.environment },
  });
  child.stdin?.end(options.input ?? '');
  const said: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => said.push(chunk));
  const { recording } = options;
  if (recording !== undefined) {
    const refusal = distributor.take(recording, 0, recording.length);
    if (refusal !== '') throw new Error(refusal);
    distributor.end();
  }
  memory.begin(recording === undefined ? 'record' : 'replay');
  const recorded: Buffer[] = [];
  const pump = () => {
    distributor.give();
    memory.recording.drain(64 << 10, (bytes, offset, length) => {
      recorded.push(Buffer.from(bytes.subarray(offset, offset + length)));
      return true;
    });
    if (memory.divergences > 0) child.kill('SIGKILL');
  };
  const timer = setInterval(pump, PUMP_MS);
  const deadline = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 20_000);
  const code = await new Promise<number | null>((resolve) => child.once('close', (status) => resolve(status)));
  clearTimeout(deadline);
  clearInterval(timer);
  pump();
  closeSync(fd);
  const divergence = memory.divergences > 0 ? memory.firstDivergence : undefined;
  return { output: Buffer.concat(said).toString('latin1'), code, recording: Buffer.concat(recorded), divergence };
}
