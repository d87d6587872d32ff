/** Servers as `examples/` has them. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverPath } from '../lab/needs.ts';

/** Compiled, this file is in dist/src/experiments. */
export const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));

/** Runs a script that makes what a server starts from. @param environment the caller's */
export function prepareExample(script: string, words: readonly string[], environment: NodeJS.ProcessEnv): void {
  execFileSync(path.join(EXAMPLES, script), words, {
    env: { ...environment, PATH: serverPath(environment.PATH ?? '') },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
