/**
 * Folds the upper layer of an overlay into the directory that it covered: afterwards that is as the overlay showed it. The layer itself
 * stays as it was, so that a fold that was broken off anywhere is simply done again.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { FttcpError } from '../errors.ts';
import { isOpaque, isWhiteout, removeOverlayXattrs, visibleXattrs } from '../linux/overlay.ts';
import { getXattr, removeXattr, setXattr } from '../linux/xattr.ts';

/** Told after each name: the overlay had deleted it, or had put something there that is no directory. */
export type FoldProgress = (what: 'deleted' | 'written') => void;

/** Paths are bytes: names that a server has chosen need not be UTF-8. */
export function foldUpper(upper: Buffer, directory: Buffer, tell: FoldProgress): void {
  const copies: Buffer[] = [];
  for (const name of readdirSync(upper, { encoding: 'buffer' })) {
    const from = below(upper, name);
    const to = below(directory, name);
    const found = lstatSync(from);
    if (found.isDirectory()) {
      if (isOpaque(from) || !lstatSync(to, { throwIfNoEntry: false })?.isDirectory()) {
        remove(to);
        mkdirSync(to, { mode: 0o700 });
      }
      foldUpper(from, to, tell);
      continue;
    }
    remove(to);
    if (!isWhiteout(found) && !link(from, to)) copies.push(from, to);
    tell(isWhiteout(found) ? 'deleted' : 'written');
  }
  copy(copies);
  // Last, since everything above has set the time.
  copyAttributes(upper, directory);
}

/** Owner, extended attributes (access control lists among them), mode and times of a directory. */
export function copyAttributes(from: Buffer, to: Buffer): void {
  const { uid, gid, mode, atimeMs, mtimeMs } = statSync(from);
  chownSync(to, uid, gid);
  const names = visibleXattrs(from);
  for (const name of visibleXattrs(to)) if (!names.includes(name)) removeXattr(to, name);
  for (const name of names) {
    const value = getXattr(from, name);
    if (value !== undefined && getXattr(to, name)?.equals(value) !== true) setXattr(to, name, value);
  }
  chmodSync(to, mode & 0o7777);
  utimesSync(to, atimeMs / 1000, mtimeMs / 1000);
}

function below(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), name]);
}

function remove(path: Buffer): void {
  rmSync(path, { recursive: true, force: true });
}

/** The same file by one more name: what it is, and all that it has, comes along. @returns false when that cannot be. */
function link(from: Buffer, to: Buffer): boolean {
  try {
    linkSync(from, to);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'EXDEV' || code === 'EMLINK') return false;
    throw error;
  }
  removeOverlayXattrs(to);
  return true;
}

/** From one file system to another. @param pairs from, to, from, to, … */
function copy(pairs: readonly Buffer[]): void {
  if (pairs.length === 0) return;
  const { status, stderr, error } = spawnSync('xargs', ['-0', '-n', '2', 'cp', '-aT', '--'], {
    // As input: words of a command line would have to be UTF-8.
    input: Buffer.concat(pairs.flatMap((path) => [path, Buffer.from('\0')])),
  });
  if (status !== 0) throw new FttcpError('copy-failed', (error?.message ?? stderr.toString()).trim());
  for (const [index, path] of pairs.entries()) if (index % 2 === 1) removeOverlayXattrs(path);
}
