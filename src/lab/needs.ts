/**
 * What a run needs of the machine beyond Node, where the machine may lack it: whoever runs several things leaves out what cannot be run here, and
 * says why.
 */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { hasOtherUsers } from '../linux/capabilities.ts';
import { setNormal, setRealtime } from '../linux/scheduling.ts';
import { checkTunDevice } from '../linux/tun.ts';
import { enterUserNamespace } from './user-namespace.ts';

/**
 * `namespaces`: may make them, and interfaces in them. `tun`: these, and the TUN device. `root`: these, as root of the
 * machine, who can become any user. `realtime`: may run before all others. `lib/…`: a file
 * that programs load, below /usr/lib or its folder for this kind of machine.
 */
export type Need = 'namespaces' | 'tun' | 'root' | 'realtime' | `program:${string}` | `lib/${string}`;

/** Of the process that asks. */
export interface Asker {
  /** By which it is started anew, where a user namespace is needed. */
  readonly commandLine: readonly string[];
  readonly searchPath: string;
}

/** Debian's folders for daemons are not in everybody's PATH. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** A PATH on which every server is found. @param searchPath the caller's */
export function serverPath(searchPath: string): string {
  return [searchPath, ...MORE_FOLDERS].join(':');
}

/**
 * False, or what is missing. Where a user namespace is needed, the process starts anew inside one: so this comes before all else.
 */
export function missing(needs: readonly Need[], asker: Asker): string | false {
  for (const need of needs) {
    try {
      demand(need, asker);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return false;
}

function demand(need: Need, { commandLine, searchPath }: Asker): void {
  if (need.startsWith('program:')) {
    demandProgram(need.slice('program:'.length), searchPath);
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
  enterUserNamespace(commandLine);
  if (need === 'tun') checkTunDevice();
  if (need === 'root' && (process.getuid?.() !== 0 || !hasOtherUsers())) throw new Error('needs root');
}

function demandRealtime(): void {
  const result = setRealtime(1);
  if (!result.ok) throw new Error(result.reason);
  setNormal();
}

function demandProgram(name: string, searchPath: string): void {
  if (!isProgram(name, searchPath)) throw new Error(`${name} is not installed`);
}

export function isProgram(name: string, searchPath: string): boolean {
  return searchPath.split(':').some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function demandLibraryFile(file: string): void {
  const folders = ['.', ...readdirSync('/usr/lib')];
  if (folders.some((folder) => existsSync(path.join('/usr/lib', folder, file)))) return;
  throw new Error(`${file} is not installed`);
}
