import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { InitialState } from '../../src/daemon/initial-state.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { needs } from '../needs.ts';
import { treeOf, workCovered } from './private-overlay.ts';

const skip = needs('namespaces');

class Host {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'fttcp-state-'));
  readonly directories = ['files', 'with space, comma: and \\'].map((name) => path.join(this.folder, name));
  readonly place = path.join(this.folder, 'retained, for: now', 'state');
  readonly told: Record<string, unknown>[] = [];

  constructor(t: TestContext) {
    t.after(() => rmSync(this.folder, { recursive: true }));
    for (const directory of this.directories) {
      mkdirSync(directory);
      writeFileSync(path.join(directory, 'kept'), 'at first');
      writeFileSync(path.join(directory, 'gone'), 'at first');
    }
  }

  /** A daemon that starts. */
  start(directories: readonly string[] = this.directories): InitialState {
    const destination = { write: (line: string) => void this.told.push(JSON.parse(line)) };
    return new InitialState(directories, this.place, createLogger({ base: {}, level: 'info', destination }));
  }

  trees(): string[][] {
    return this.directories.map(treeOf);
  }

  /** What a server does in a replay, at whatever time. @returns what it sees in the end */
  replay(state: InitialState): string[][] {
    const work = 'rm gone; echo more >>kept; mkdir -p a/b; echo new >a/b/c; touch -d @1000000000 kept a/b/c a/b a .';
    return state.prepare().map((overlay) => workCovered(overlay, work));
  }

  get events(): unknown[] {
    return this.told.map(({ event }) => event);
  }
}

/** The mark comes when it is safe to be there. */
async function marked({ place }: Host): Promise<void> {
  while (!existsSync(path.join(place, 'recovered'))) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('a host that never replayed anything has nothing to do', { skip }, async (t) => {
  const host = new Host(t);
  const state = host.start();
  state.check();
  await state.settle();
  state.keep();
  await state.settle();
  deepEqual(host.told, []);
  ok(!existsSync(host.place));
});

test('a replay that was over is folded at the end', { skip }, async (t) => {
  const host = new Host(t);
  const state = host.start();
  const seen = host.replay(state);
  state.keep();
  await state.settle();
  deepEqual(host.trees(), seen);
  deepEqual(readdirSync(host.place), []);
  deepEqual(
    host.told.map(({ event, directory, written, deleted }) => ({ event, directory, written, deleted })),
    host.directories.map((directory) => ({ event: 'state-folded', directory, written: 2, deleted: 1 })),
  );
});

test('a replay that was over is folded at the next start, whatever the configuration says then', {
  skip,
}, async (t) => {
  const host = new Host(t);
  const state = host.start();
  const seen = host.replay(state);
  state.keep();
  await marked(host);
  await host.start([]).settle();
  deepEqual(host.trees(), seen);
  deepEqual(host.events, ['state-folded', 'state-folded']);
});

test('a replay that was broken off has never been, and can be repeated', { skip }, async (t) => {
  const host = new Host(t);
  const before = host.trees();
  const seen = host.replay(host.start());
  const next = host.start();
  await next.settle();
  deepEqual(host.trees(), before);
  deepEqual(host.events, ['state-discarded', 'state-discarded']);
  deepEqual(host.replay(next), seen);
});

test('layers that were still being made are deleted', { skip }, async (t) => {
  const host = new Host(t);
  mkdirSync(path.join(host.place, 'replay', '0', 'upper'), { recursive: true });
  await host.start().settle();
  deepEqual(readdirSync(host.place), []);
  deepEqual(host.events, []);
});

test('layers that were still being deleted are not folded again', { skip }, async (t) => {
  const host = new Host(t);
  const state = host.start();
  host.replay(state);
  state.keep();
  await marked(host);
  renameSync(path.join(host.place, 'recovered'), path.join(host.place, 'ended'));
  const before = host.trees();
  await host.start().settle();
  deepEqual(host.trees(), before);
  deepEqual(host.events, []);
  deepEqual(readdirSync(host.place), []);
});

test('a fold that cannot be is told, and goes on when it can', { skip }, async (t) => {
  const host = new Host(t);
  const state = host.start();
  const seen = host.replay(state);
  state.keep();
  await marked(host);
  const [first = ''] = host.directories;
  renameSync(first, `${first}-away`);
  await rejects(host.start().settle(), { code: 'state-not-folded' });
  renameSync(`${first}-away`, first);
  await host.start().settle();
  deepEqual(host.trees(), seen);
});

test('a directory that is missing is told before it is needed', (t) => {
  const host = new Host(t);
  const missing = path.join(host.folder, 'missing');
  throws(() => host.start([missing]).check(), { code: 'state-missing' });
  throws(() => host.start([path.join(host.directories[0] ?? '', 'kept')]).check(), { code: 'state-missing' });
});

test('where no layer can be made the server works on the directories', (t) => {
  const host = new Host(t);
  writeFileSync(path.join(host.folder, 'retained, for: now'), 'no directory');
  const state = host.start();
  deepEqual(state.prepare(), []);
  deepEqual(host.events, ['enclosure-warning', 'enclosure-warning']);
  equal(host.told[0]?.warning?.toString().startsWith(host.directories[0] ?? ''), true);
});

test('a directory that was not covered is not folded', { skip }, async (t) => {
  const host = new Host(t);
  const state = host.start();
  const [first, second] = state.prepare();
  ok(first !== undefined && second !== undefined);
  state.giveUp(first);
  execFileSync('sh', ['-c', 'echo directly >>kept'], { cwd: first.directory });
  workCovered(second, 'rm kept');
  state.keep();
  const before = treeOf(first.directory);
  await state.settle();
  deepEqual(treeOf(first.directory), before);
  ok(!existsSync(path.join(second.directory, 'kept')));
  deepEqual(host.events, ['state-folded']);
});

test('a mark that could not be made is made at the end', { skip }, async (t) => {
  const host = new Host(t);
  const state = host.start();
  const seen = host.replay(state);
  mkdirSync(path.join(host.place, 'recovered', 'in the way'), { recursive: true });
  state.keep();
  while (!host.events.includes('state-not-kept')) await new Promise((resolve) => setTimeout(resolve, 5));
  rmSync(path.join(host.place, 'recovered'), { recursive: true });
  await state.settle();
  deepEqual(host.trees(), seen);
});
