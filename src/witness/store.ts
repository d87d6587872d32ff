/**
 * The views on disk, one small JSON file for each service. A view counts as stored, and only then as the view, when the disk has
 * it: written to a file of its own, flushed, put in the old one's place by a rename, and the directory flushed.
 *
 * Where this fails at the last steps, the disk may have the new view although the old one is still told. That is as if the change
 * were still on its way: nobody was told that it was made, nobody may rely on that it never will be, and the next change that is
 * stored replaces either. A start takes what the disk has, and flushes that before it is told to anybody.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { FttcpError } from '../errors.ts';
import { lockFile } from '../linux/file-lock.ts';
import type { View, WitnessProblem } from '../replica/view.ts';
import { BACKUPS_MAX } from '../replica/witness-protocol.ts';

const u32 = z.int().min(0).max(0xffffffff);
const MEMBER = z.strictObject({ index: z.int().min(0).max(255), life: u32 });
const STORED = z.strictObject({
  service: z.string(),
  view: z.strictObject({
    epoch: u32.min(1),
    primary: MEMBER,
    backups: z.array(MEMBER).max(BACKUPS_MAX),
  }),
  checksum: z.string(),
});

export type StoreProblem = Exclude<WitnessProblem, ''>;

export type Stored =
  | { readonly ok: true }
  | { readonly ok: false; readonly problem: StoreProblem; readonly cause: unknown };

export class ViewStore {
  readonly #directory: string;
  readonly #directoryFd: number;
  readonly #views = new Map<string, View>();

  /** @throws FttcpError `state-missing`, `state-in-use`, `state-unreadable` */
  constructor(directory: string, services: readonly string[]) {
    this.#directory = directory;
    this.#directoryFd = openDirectory(directory);
    try {
      if (!lockFile(this.#directoryFd)) {
        throw new FttcpError(
          'state-in-use',
          `another witness works in ${directory}: give each one a directory of its own`,
        );
      }
      for (const service of services) {
        const view = this.#read(service);
        if (view !== undefined) this.#views.set(service, view);
      }
      flush(directory, this.#directoryFd);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  view(service: string): View | undefined {
    return this.#views.get(service);
  }

  /** Returns when the disk has the view; when it has not, the old one stands. */
  put(service: string, view: View): Stored {
    const file = this.#file(service);
    const temporary = `${file}.new`;
    try {
      const fd = openSync(temporary, 'w', 0o600);
      try {
        writeFileSync(fd, serialise(service, view));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, file);
      fsyncSync(this.#directoryFd);
    } catch (cause) {
      return { ok: false, problem: problemOf(cause), cause };
    }
    this.#views.set(service, view);
    return { ok: true };
  }

  /** Gives the lock back. */
  close(): void {
    closeSync(this.#directoryFd);
  }

  #file(service: string): string {
    return path.join(this.#directory, `${service}.json`);
  }

  /** The view of a service; undefined when it never had one. */
  #read(service: string): View | undefined {
    const file = this.#file(service);
    let text: string;
    try {
      const fd = openSync(file, 'r');
      try {
        text = readFileSync(fd, 'utf8');
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return undefined;
      throw unreadable(file, service, cause instanceof Error ? cause.message : String(cause), cause);
    }
    return parse(file, service, text);
  }
}

function openDirectory(directory: string): number {
  try {
    return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (cause) {
    // Not made here: where a disk is not mounted, an empty directory would be taken for a witness that knows no view yet.
    throw new FttcpError(
      'state-missing',
      `cannot open the state directory ${directory} (${codeOf(cause)}): mount its disk, or for a new witness make it with: install -d -m 700 ${directory}`,
      { cause },
    );
  }
}

function flush(directory: string, fd: number): void {
  try {
    fsyncSync(fd);
  } catch (cause) {
    const reason = `its disk does not flush (${codeOf(cause)}): mend it, or move the directory to another one`;
    throw new FttcpError('state-unreadable', `cannot rely on the state directory ${directory}: ${reason}`, { cause });
  }
}

function serialise(service: string, view: View): string {
  return `${JSON.stringify({ service, view, checksum: checksum(service, view) }, undefined, 2)}\n`;
}

function parse(file: string, service: string, text: string): View {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw unreadable(file, service, 'it is no JSON', cause);
  }
  const result = STORED.safeParse(content);
  if (!result.success) throw unreadable(file, service, 'something is missing in it or added', result.error);
  const stored = result.data;
  if (stored.service !== service) throw unreadable(file, service, `it is the view of ${stored.service}`);
  if (stored.checksum !== checksum(service, stored.view)) throw unreadable(file, service, 'its checksum is wrong');
  return stored.view;
}

function checksum(service: string, { epoch, primary, backups }: View): string {
  const members = [primary, ...backups].map(({ index, life }) => [index, life]);
  return createHash('sha256')
    .update(JSON.stringify([service, epoch, members]))
    .digest('hex');
}

/** Never taken for "no view yet": two hosts could then speak for one service. */
function unreadable(file: string, service: string, reason: string, cause?: unknown): FttcpError {
  return new FttcpError(
    'state-unreadable',
    `cannot rely on ${file}: ${reason}. Stop every replica of ${service}, then remove this file and start the witness and the replicas again`,
    { cause },
  );
}

function problemOf(error: unknown): StoreProblem {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'disk-full';
    case 'EROFS':
      return 'read-only';
    default:
      return 'cannot-store';
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
