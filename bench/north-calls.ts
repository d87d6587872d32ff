/** What a call costs a program whose calls are recorded: the same program without the shim and with it, by turns. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, rmSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { northLibrary } from '../src/daemon/north-library.ts';
import { createNorthMemory, NorthMemory } from '../src/daemon/north-memory.ts';
import { FttcpError } from '../src/errors.ts';
import type { MeasureSettings } from '../src/experiments/measured-run.ts';
import { median, medianDifference, medianRatio, type Pair, round } from '../src/experiments/statistics.ts';
import { makeScratchDirectory } from '../src/lab/scratch.ts';
import { FIRST_PROCESS } from '../src/north/layout.ts';
import type { NorthCall } from './results.ts';
import { alternate } from './throughput.ts';

/** Compiled, this file is in dist/bench. */
const SOURCE = path.resolve(import.meta.dirname, '../../bench/programs/north-calls.c');
const COMPILER_FLAGS = ['-std=gnu11', '-O2', '-pthread'];
/** Of the program's standard descriptors the next. */
const MEMORY_FD = 3;
const DRAIN_MS = 1;
const DRAINED_AT_ONCE = 64 << 10;

export async function measureNorthCalls(settings: MeasureSettings): Promise<NorthCall[]> {
  const pairCount = settings.quick ? 3 : 7;
  const batches = settings.quick ? 10 : 40;
  const directory = makeScratchDirectory();
  try {
    const program = path.join(directory, 'north-calls');
    execFileSync(process.env.CC ?? 'cc', [...COMPILER_FLAGS, '-o', program, SOURCE]);
    const command = ['setarch', '-R', program, String(batches), directory];
    const pairs = new Map<string, Pair[]>();
    for (let index = 0; index < pairCount; index++) {
      const { direct, fttcp } = await alternate(index, async (direct) =>
        parseNorthCalls(await (direct ? outputOf(command, settings) : recordedOutputOf(command, settings))),
      );
      for (const [call, directNs] of direct) {
        pairs.set(call, [...(pairs.get(call) ?? []), { direct: directNs, fttcp: fttcp.get(call) ?? Number.NaN }]);
      }
      settings.tell(`north calls ${index + 1}/${pairCount}: added so far ${inWords(pairs)}`);
    }
    return [...pairs].map(([call, some]) => summary(call, some));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Nanoseconds by call. @throws FttcpError `bench-north-calls` */
export function parseNorthCalls(printed: string): Map<string, number> {
  const lines = printed.trimEnd().split('\n');
  const found = lines.map((line) => /^(\S+) (\d+\.\d)$/.exec(line));
  if (found.some((one) => one === null)) {
    throw new FttcpError('bench-north-calls', `the program of calls printed: ${printed.slice(0, 200)}`);
  }
  return new Map(found.map((one) => [one?.[1] ?? '', Number(one?.[2])]));
}

function summary(call: string, pairs: readonly Pair[]): NorthCall {
  return {
    call,
    directNs: round(median(pairs.map(({ direct }) => direct)), 1),
    recordedNs: round(median(pairs.map(({ fttcp }) => fttcp)), 1),
    ratio: round(medianRatio(pairs), 2),
    addedNs: round(medianDifference(pairs), 1),
    pairs: pairs.length,
  };
}

function inWords(pairs: ReadonlyMap<string, readonly Pair[]>): string {
  return [...pairs].map(([call, some]) => `${call} ${medianDifference(some).toFixed(0)} ns`).join(', ');
}

/** Records as a server's first process does, and takes the recording as a daemon does that has nothing else to do. */
async function recordedOutputOf(command: readonly string[], settings: MeasureSettings): Promise<string> {
  const fd = createNorthMemory();
  const memory = new NorthMemory(fd, () => true);
  const timer = setInterval(() => memory.recording.drain(DRAINED_AT_ONCE, () => true), DRAIN_MS);
  try {
    memory.begin('record');
    const shim = [`LD_PRELOAD=${northLibrary()}`, `FTTCP_NORTH=${MEMORY_FD}:${FIRST_PROCESS}:0000000000`];
    return await outputOf(['env', ...shim, ...command], settings, fd);
  } finally {
    clearInterval(timer);
    closeSync(fd);
  }
}

/** @throws FttcpError `bench-north-calls` */
async function outputOf(
  [program = '', ...words]: readonly string[],
  { environment, signal }: MeasureSettings,
  memory?: number,
): Promise<string> {
  const child = spawn(program, words, {
    env: environment,
    signal,
    stdio: ['ignore', 'pipe', 'inherit', ...(memory === undefined ? [] : [memory])],
  });
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [printed, exitCode] = await Promise.all([child.stdout === null ? '' : text(child.stdout), code]);
  if (exitCode === 0) return printed;
  throw new FttcpError('bench-north-calls', `the program of calls ended with ${exitCode}`);
}
