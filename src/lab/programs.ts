/** How the lab starts programs on its hosts: with their output in a file, and `fttcp` itself as this checkout has it. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { shellQuote } from '../daemon/enclosure-init.ts';
import type { Host } from './hosts.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A shell command that becomes `fttcp` with these words. Its set-up step has been done by whoever started the lab. */
export function fttcpCommand(...words: string[]): string {
  return `exec ${[process.execPath, path.join(ROOT, 'bin', 'fttcp.mjs'), ...words].map(shellQuote).join(' ')}`;
}

export function startWithOutput(
  host: Host,
  command: string,
  where: { env: NodeJS.ProcessEnv; cwd: string },
  output: string,
): ChildProcess {
  const fd = openSync(output, 'a');
  try {
    return host.spawn(command, { ...where, stdio: ['ignore', fd, fd] });
  } finally {
    closeSync(fd);
  }
}
