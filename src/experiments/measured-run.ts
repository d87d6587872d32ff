/**
 * What every measurement asks of the lab: every TCP under the same congestion control, progress told, and no measurement of a service
 * that is not protected any more, because on a busy machine its hosts parted without a fault.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { shellQuote } from '../daemon/enclosure-init.ts';
import { FttcpError } from '../errors.ts';
import type { LabResult } from '../lab/result.ts';
import { type LabOptions, runLab } from '../lab/run.ts';
import { useCongestion } from './congestion.ts';

export interface MeasureSettings {
  readonly quick: boolean;
  readonly congestion: string;
  /** `auto` or a time. */
  readonly detectTimeout: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** A line of progress for people. */
  readonly tell: (line: string) => void;
}

export type MeasuredRun = Pick<LabOptions, 'server' | 'client' | 'port'> & Partial<LabOptions>;

export interface MeasuredRunResult {
  readonly lab: LabResult;
  /** How often it was repeated because the hosts had parted before any fault. */
  readonly falsePromotions: number;
}

const ATTEMPTS = 5;
const PARTED: ReadonlySet<string> = new Set(['promoted', 'solo', 'removed']);
/** Of the compiled output, in which this file is too. */
const DIST = fileURLToPath(new URL('../..', import.meta.url));

/** @throws FttcpError `lab-unstable` when the hosts part again and again; what `runLab` throws */
export async function runMeasured(run: MeasuredRun, settings: MeasureSettings): Promise<MeasuredRunResult> {
  for (let falsePromotions = 0; falsePromotions < ATTEMPTS; falsePromotions++) {
    const { lab, parted } = await runOnce(run, settings);
    if (!parted) return { lab, falsePromotions };
    settings.tell('the hosts parted before any fault: repeated');
  }
  throw new FttcpError(
    'lab-unstable',
    `The hosts parted without a fault ${ATTEMPTS} times in a row: the machine is too busy for this detection timeout; ` +
      'leave it to the measurements alone, or give them --detect-timeout 50ms.',
  );
}

async function runOnce(run: MeasuredRun, settings: MeasureSettings): Promise<{ lab: LabResult; parted: boolean }> {
  const { congestion, detectTimeout, environment, signal } = settings;
  let parted = false;
  let measuring = true;
  const lab = await runLab({
    detectTimeout,
    environment,
    signal,
    ...run,
    server: `${useCongestion(congestion)} && ${run.server}`,
    client: `${useCongestion(congestion)} && ${run.client}`,
    observe: (event) => {
      run.observe?.(event);
      if (event.kind !== 'daemon' || event.afterMs !== undefined || !measuring) return;
      parted ||= PARTED.has(event.event);
    },
    examine: async (when, ...rest) => {
      // Whoever looks on afterwards may end daemons, which makes the others part.
      measuring = when === 'before';
      if (!parted) await run.examine?.(when, ...rest);
    },
  });
  return { lab, parted };
}

/** A program of this project, for a lab's shell. */
export function nodeCommand(file: string, ...words: readonly (string | number)[]): string {
  return `exec ${[process.execPath, path.join(DIST, file), ...words].map((word) => shellQuote(String(word))).join(' ')}`;
}

/** The client that measures must have succeeded. @throws FttcpError `lab-client` with what it said */
export function outputOf({ client }: LabResult, what: string): string {
  if (client.exitCode === 0) return client.stdout;
  const said = `${client.stderr}${client.stdout}`.trim().slice(-500);
  throw new FttcpError('lab-client', `${what}: the client exited ${client.exitCode}${said === '' ? '' : `: ${said}`}`);
}
