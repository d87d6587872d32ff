/**
 * What a test needs of the machine beyond Node: `test('…', { skip: needs('tun', 'program:nginx') }, …)`. What is missing
 * becomes the reason for which the test is skipped; `npm test` counts them.
 */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { enterUserNamespace } from '../src/lab/user-namespace.ts';
import { hasOtherUsers } from '../src/linux/capabilities.ts';
import { setNormal, setRealtime } from '../src/linux/scheduling.ts';
import { checkTunDevice } from '../src/linux/tun.ts';

/** Where servers are: an ordinary user's own may lack the last ones. */
export const SEARCH_PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

/**
 * `namespaces`: may make them, and interfaces in them. `tun`: these, and the TUN device. `root`: these, as root of the
 * machine, who can become any user. `realtime`: may run before all others. `lib/…`: a file
 * that programs load, below /usr/lib or its folder for this kind of machine.
 */
export type Need = 'namespaces' | 'tun' | 'root' | 'realtime' | `program:${string}` | `lib/${string}`;

/**
 * False, or what is missing. Called before the file's first test is declared: where a user namespace is needed, the file
 * starts anew inside one.
 */
export function needs(...all: readonly Need[]): string | false {
  for (const need of all) {
    try {
      demand(need);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return false;
}

function demand(need: Need): void {
  if (need.startsWith('program:')) {
    demandProgram(need.slice('program:'.length));
    return;
  }
  if (need.startsWith('lib/')) {
    demandLibraryFile(need.slice('lib/'.length));
    return;
  }
  if (need === 'realtime') {
    demandRealtime();
    return;
  }
  enterUserNamespace(process.argv);
  if (need === 'tun') checkTunDevice();
  if (need === 'root' && (process.getuid?.() !== 0 || !hasOtherUsers())) throw new Error('needs root');
}

function demandRealtime(): void {
  const result = setRealtime(1);
  if (!result.ok) throw new Error(result.reason);
  setNormal();
}

function demandProgram(name: string): void {
  const found = SEARCH_PATH.split(':').some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error(`${name} is not installed`);
}

function demandLibraryFile(file: string): void {
  const folders = ['.', ...readdirSync('/usr/lib')];
  if (folders.some((folder) => existsSync(path.join('/usr/lib', folder, file)))) return;
  throw new Error(`${file} is not installed`);
}
