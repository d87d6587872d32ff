/**
 * The initial state of a server: directories that must stay as they are for as long as they may be needed once more, by a replay that is
 * repeated or a server that begins anew before anybody has connected. Each is covered by an overlay, inside the enclosure alone, whose
 * upper layer takes the changes. docs/adr/0023 says why. In `<retained.directory>/state`:
 *
 *     replay/0/{lower,upper,work}     not counted yet, or broken off: to be deleted
 *     recovered/0/…                   the upper layers are the service's newest state, to be folded into the directories
 *     ended/0/…                       that is done: to be deleted
 *
 * One name gives way to the next by a single rename, for all directories at once. `lower` is a link to the directory: it tells what is to be
 * folded where, whatever the configuration says by then, and spares mount options every character that would have to be escaped.
 */
import { execFile } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { FttcpError } from '../errors.ts';
import { type Overlay, uncoveredWarning } from './enclosure-init.ts';
import { copyAttributes, type FoldProgress, foldUpper } from './fold-upper.ts';
import type { Logger } from './logger.ts';

export class InitialState {
  readonly #directories: readonly string[];
  readonly #place: string;
  readonly #log: Logger;
  readonly #replay: string;
  readonly #recovered: string;
  readonly #ended: string;
  /** Those whose changes do not count yet. */
  #overlays: readonly Overlay[] = [];
  /** The changes count, whether or not that is marked yet. */
  #counts = false;
  #marking: Promise<void> | undefined;

  /** @param place where the layers are kept, a directory of this alone. */
  constructor(directories: readonly string[], place: string, log: Logger) {
    this.#directories = directories;
    this.#place = place;
    this.#log = log;
    this.#replay = path.join(place, 'replay');
    this.#recovered = path.join(place, 'recovered');
    this.#ended = path.join(place, 'ended');
  }

  /** @throws FttcpError `state-missing`: better now than at a takeover. */
  check(): void {
    for (const directory of this.#directories) {
      if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) continue;
      throw new FttcpError(
        'state-missing',
        `state: ${directory} is no directory: create it, as it is on the other host`,
      );
    }
  }

  /** Fresh layers for a server that is to start. A disk that has no room for them must not keep the service from going on. */
  prepare(): readonly Overlay[] {
    try {
      this.#overlays = this.#directories.map((directory, index) =>
        makeLayer(directory, path.join(this.#replay, String(index))),
      );
    } catch (error) {
      for (const directory of this.#directories) {
        this.#log.warn('enclosure-warning', { warning: uncoveredWarning(directory), error });
      }
    }
    return this.#overlays;
  }

  /** The kernel refused this one: the server works on the directory itself. */
  giveUp(overlay: Overlay): void {
    this.#overlays = this.#overlays.filter((it) => it !== overlay);
    rmSync(overlay.layer, { recursive: true });
  }

  /**
   * The server's changes count from now on. What was written until then is on the disk before that can be read there.
   * @returns whether it is: then a log that led to it is not needed any more.
   */
  async keep(): Promise<boolean> {
    if (this.#overlays.length === 0) return true;
    this.#overlays = [];
    this.#counts = true;
    let isKept = true;
    this.#marking = this.#mark().catch((error: unknown) => {
      isKept = false;
      this.#log.warn('state-not-kept', { error });
    });
    await this.#marking;
    return isKept;
  }

  /**
   * Nothing of the service runs: directories and layers come to an end of which the next start need not know.
   * @returns whether changes of an earlier life that count have come to the directories by that: a log that led to them must not be replayed once more
   * @throws FttcpError `state-not-folded`; it can be called again when that is mended
   */
  async settle(): Promise<boolean> {
    let isFolded = false;
    try {
      await this.#marking;
      if (this.#counts && existsSync(this.#replay)) await this.#mark();
      this.#counts = false;
      this.#removeEnded();
      if (existsSync(this.#recovered)) {
        for (const layer of layersIn(this.#recovered)) await this.#fold(layer);
        this.#end(this.#recovered);
        isFolded = true;
      }
      if (existsSync(this.#replay)) {
        for (const { directory } of layersIn(this.#replay)) this.#log.info('state-discarded', { directory });
        this.#end(this.#replay);
      }
      return isFolded;
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      const advice = 'mend that and start fttcp once more, which goes on with it';
      throw new FttcpError('state-not-folded', `what the server has changed cannot be kept: ${said}; ${advice}`, {
        cause,
      });
    }
  }

  async #mark(): Promise<void> {
    await flushFileSystem(this.#replay);
    this.#rename(this.#replay, this.#recovered);
  }

  async #fold({ directory, layer }: Overlay): Promise<void> {
    const counts = { written: 0, deleted: 0 };
    const count: FoldProgress = (what) => {
      counts[what]++;
    };
    foldUpper(Buffer.from(path.join(layer, 'upper')), Buffer.from(directory), count);
    await flushFileSystem(directory);
    this.#log.info('state-folded', { directory, ...counts });
  }

  #end(layers: string): void {
    this.#rename(layers, this.#ended);
    this.#removeEnded();
  }

  #removeEnded(): void {
    rmSync(this.#ended, { recursive: true, force: true });
  }

  #rename(from: string, to: string): void {
    renameSync(from, to);
    const fd = openSync(this.#place, 'r');
    fsyncSync(fd);
    closeSync(fd);
  }
}

function makeLayer(directory: string, layer: string): Overlay {
  const lower = realpathSync(directory);
  const upper = path.join(layer, 'upper');
  mkdirSync(upper, { recursive: true, mode: 0o700 });
  mkdirSync(path.join(layer, 'work'));
  // What the overlay shows of the directory itself is what its upper layer has.
  copyAttributes(Buffer.from(lower), Buffer.from(upper));
  symlinkSync(lower, path.join(layer, 'lower'));
  return { directory: lower, layer };
}

/** Complete ones: a crash may have come while they were made. */
function layersIn(place: string): Overlay[] {
  return readdirSync(place)
    .map((name) => path.join(place, name))
    .filter((layer) => readdirSync(layer).includes('lower'))
    .map((layer) => ({ directory: readlinkSync(path.join(layer, 'lower')), layer }));
}

/** By a process: this thread has other things to do than to wait for a disk. */
async function flushFileSystem(file: string): Promise<void> {
  await promisify(execFile)('sync', ['-f', file]);
}
