/** What was written down of experiments: read again, and made a page. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FttcpError } from '../errors.ts';
import type { ExperimentName, PaperResults } from './experiments.ts';
import { type PageResults, paperFiles, paperPage } from './page.ts';

/** Those of `names` of which there is a file. @throws FttcpError `usage` */
export function readResults(directory: string, names: readonly ExperimentName[]): Partial<PaperResults> {
  const found = names.flatMap((name) => {
    const result = readResult(path.join(directory, `${name}.json`));
    return result === undefined ? [] : [[name, result] as const];
  });
  if (found.length === 0)
    throw new FttcpError('usage', `--from ${directory}: there is no ${names.join('.json, no ')}.json`);
  return Object.fromEntries(found);
}

function readResult(file: string): object | undefined {
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new FttcpError('usage', `--from: ${file}: ${(cause as Error).message}`, { cause });
  }
  if (typeof found === 'object' && found !== null && 'machine' in found && 'run' in found) return found;
  throw new FttcpError('usage', `--from: ${file}: no result of fttcp experiment`);
}

/** JSON and pictures, to where a page looks for them. @throws FttcpError `usage` */
export function copyResults(from: string, directory: string, results: PageResults): void {
  if (path.resolve(from) === path.resolve(directory)) return;
  mkdirSync(directory, { recursive: true });
  for (const file of paperFiles(results)) {
    try {
      copyFileSync(path.join(from, file), path.join(directory, file));
    } catch (cause) {
      throw new FttcpError('usage', `--from ${from}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** Beside the folder, by its name. @returns the file */
export function writePage(directory: string, results: PageResults): string {
  const file = `${directory}.md`;
  writeFileSync(file, paperPage(results));
  return file;
}
