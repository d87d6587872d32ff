/** A run of which nothing is kept if it went as it must, and otherwise a folder with all that tells why not. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FttcpError } from '../errors.ts';
import type { LabResult } from './result.ts';
import { type LabOptions, runLab } from './run.ts';

export interface JudgedRun {
  /** Sentences; none: it went as it must. */
  readonly problems: readonly string[];
  /** Absent where the lab failed. */
  readonly result?: LabResult;
}

/**
 * @param folder for captures, logs, the result, and an account of what happened
 * @param headline begins the account
 * @param judge finds the problems
 * @throws FttcpError by which every run would fail, and `interrupted`
 */
export async function judgedRun(
  options: Omit<LabOptions, 'pcap' | 'progress'>,
  folder: string,
  headline: string,
  judge: (result: LabResult) => string[],
): Promise<JudgedRun> {
  // Of an earlier run of the same name.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const said: string[] = [];
  let run: JudgedRun;
  try {
    const result = await runLab({ ...options, pcap: folder, progress: (line) => said.push(line) });
    run = { result, problems: judge(result) };
  } catch (error) {
    if (isInterruption(error)) rmSync(folder, { recursive: true, force: true });
    if (isInterruption(error) || isMistake(error)) throw error;
    run = { problems: [`the lab failed: ${error instanceof Error ? error.message : error}`] };
  }
  if (run.problems.length === 0) rmSync(folder, { recursive: true, force: true });
  else leaveEvidence(folder, [headline, '', ...run.problems, '', ...said, ''], run.result);
  return run;
}

/** Captures and logs are in the folder already. */
function leaveEvidence(folder: string, account: readonly string[], result: LabResult | undefined): void {
  writeFileSync(path.join(folder, 'account.txt'), account.join('\n'));
  if (result !== undefined) writeFileSync(path.join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
}

export function isInterruption(error: unknown): boolean {
  return error instanceof FttcpError && error.code === 'interrupted';
}

function isMistake(error: unknown): boolean {
  return error instanceof FttcpError && ['usage', 'lab-hosts'].includes(error.code);
}
