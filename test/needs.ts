/**
 * What a test needs of the machine beyond Node: `test('…', { skip: needs('tun', 'program:nginx') }, …)`. What is missing
 * becomes the reason for which the test is skipped; `npm test` counts them.
 */
import { missing, type Need, serverPath } from '../src/lab/needs.ts';

/** Where servers are: an ordinary user's own may lack the last ones. */
export const SEARCH_PATH = serverPath(process.env.PATH ?? '');

/**
 * False, or what is missing. Called before the file's first test is declared: where a user namespace is needed, the file
 * starts anew inside one.
 */
export function needs(...all: readonly Need[]): string | false {
  return missing(all, { commandLine: process.argv, searchPath: SEARCH_PATH });
}
