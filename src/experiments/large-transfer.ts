/**
 * One large transfer between a client and a server that everybody has. What differs from service to service is a file of its own each,
 * and transfer-services.ts has all of them.
 */
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FttcpError } from '../errors.ts';
import { makeScratchDirectory } from '../lab/scratch.ts';
import { type CpuSeconds, runCounted } from './counted-run.ts';
import { type MeasuredRun, type MeasureSettings, outputOf } from './measured-run.ts';
import { SYSTEM_LAB, type System } from './systems.ts';

export const DIRECTIONS = ['up', 'down'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export interface LargeTransfer {
  readonly system: System;
  readonly rate: string;
  readonly direction: Direction;
  readonly bytes: number;
}

export interface TransferService {
  /** As people call it. */
  readonly name: string;
  readonly protocol: string;
  /** Server and client, in a few words. */
  readonly parties: string;
  /** Of a sentence that begins with `They go`. */
  readonly way: string;
  /** As `Experiment.programs`. */
  readonly programs: Readonly<Record<string, string>>;
  /** Of the machine: root of a user namespace cannot run it. */
  readonly needsRoot?: boolean;
  run(transfer: LargeTransfer, files: TransferFiles, settings: MeasureSettings): MeasuredRun;
  /** Of the transfer, by the client's own clock. @param printed by the client; @returns NaN if it does not say */
  secondsOf(printed: string, bytes: number): number;
}

export interface TransferFiles {
  /** Of this transfer alone; to be made. */
  readonly directory: string;
  /** What the client sends. */
  readonly source: string;
}

export interface TransferSample {
  /** Of payload, by the time that the client itself tells. */
  readonly mbps: number;
  readonly cpuS: CpuSeconds;
}

export async function transferLarge(
  service: TransferService,
  transfer: LargeTransfer,
  settings: MeasureSettings,
): Promise<TransferSample> {
  const { system, rate, direction, bytes } = transfer;
  const scratch = makeScratchDirectory();
  try {
    const [source, directory] = [path.join(scratch, 'source'), path.join(scratch, 'service')];
    writeFileSync(source, '');
    truncateSync(source, bytes);
    const run = service.run(transfer, { directory, source }, settings);
    const { lab, cpuS } = await runCounted({ ...SYSTEM_LAB[system], rate, ...run }, settings);
    const what = `${service.name} ${system} ${rate} ${direction}`;
    const printed = outputOf(lab, what);
    const seconds = service.secondsOf(printed, bytes);
    if (!(seconds > 0)) throw new FttcpError('lab-client', `${what}: the client printed: ${printed.slice(-500)}`);
    return { mbps: (bytes * 8) / seconds / 1e6, cpuS };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Shell command of a server: a folder of its working directory becomes one in memory, with a file `given` of so many bytes. A disk under both
 * hosts would be measured instead; and servers tell how old a file is.
 */
export function filesInMemory(bytes: number, folder = 'files'): string {
  const given = `${folder}/given`;
  return `mkdir -p ${folder} && mount -t tmpfs files ${folder} && truncate -s ${bytes} ${given} && touch -d @0 ${given}`;
}
