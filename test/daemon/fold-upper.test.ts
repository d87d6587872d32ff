import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Overlay } from '../../src/daemon/enclosure-init.ts';
import { type FoldProgress, foldUpper } from '../../src/daemon/fold-upper.ts';
import { hasOtherUsers } from '../../src/linux/capabilities.ts';
import { visibleXattrs } from '../../src/linux/overlay.ts';
import { getXattr, listXattrs, setXattr } from '../../src/linux/xattr.ts';
import { needs } from '../needs.ts';
import { makeLayer, treeOf, workCovered } from './private-overlay.ts';

const skip = needs('namespaces');
const SHARED_MEMORY = '/dev/shm';

/** Names as people give them, and one that is no UTF-8. */
const BEFORE = `
mkdir -p plain/deep/deeper replaced 'with space, comma: and \\ backslash' emptied gone/below was-directory
for name in changed gone.txt renamed plain/one plain/deep/two plain/deep/deeper/three replaced/old emptied/old gone/below/old
do echo "$name at first" >"$name"; done
echo x >"$(printf 'caf\\351')"; echo x >"$(printf 'the\\351')"
echo x >was-file; echo x >was-directory/x; ln -s changed link; ln -s changed link-to-change
chmod 640 changed; touch -d 2001-01-01 plain/one plain/deep replaced .`;

const CHANGES: Readonly<Record<string, string>> = {
  'nothing is changed': ':',
  'files are changed, made and deleted': `
    echo more >>changed; echo new >made; rm gone.txt; echo deep >plain/deep/deeper/made; rm plain/deep/two`,
  'files are deleted and made anew': 'rm changed; echo anew >changed; rm plain/one; ln -s ../changed plain/one',
  'directories are made, with something in them': `
    mkdir -p new/in/new; echo x >new/in/new/x; mkdir -m 700 empty; touch -d 2002-02-02 new/in`,
  'directories are deleted': 'rm -r gone plain/deep',
  'a directory is deleted and made anew': `
    rm -r replaced; mkdir replaced; echo new >replaced/new; rm -r plain; mkdir -p plain/deep; echo x >plain/deep/x`,
  'a directory is emptied and filled': 'rm emptied/old; echo new >emptied/new',
  'files are renamed': "mv renamed plain/deep/renamed; mv changed 'with space, comma: and \\ backslash/changed'",
  'directories are renamed': 'mv plain moved; mkdir fresh; echo x >fresh/x; mv fresh fresher',
  'a file becomes a directory and a directory a file': `
    rm was-file; mkdir was-file; echo x >was-file/x; rm -r was-directory; echo file >was-directory`,
  'links are changed': 'rm link; ln -s elsewhere link; ln -sf made link-to-change; ln -s nowhere plain/dangling',
  'two names of one file': 'echo x >first; ln first second; ln changed changed-too',
  'modes and times are changed': `
    chmod 4755 changed; chmod 1777 plain; chmod 700 .; touch -d 2003-03-03 gone.txt plain/deep .`,
  'pipes are made': `
    mkfifo -m 600 pipe plain/pipe; rm link; mkfifo link`,
  'names that are no UTF-8': `
    rm "$(printf 'caf\\351')"; echo y >>"$(printf 'the\\351')"; mkdir "$(printf 'd\\351')"; echo z >"$(printf 'd\\351/z')"`,
  ...(hasOtherUsers() ? { 'owners are changed': 'chown 1234:4321 changed plain; chown -h 1234 link; chown 77 .' } : {}),
};

interface Scene {
  readonly overlay: Overlay;
  /** What the overlay showed in the end. */
  readonly merged: readonly string[];
}

function scene(t: TestContext, changes: string, layers = tmpdir()): Scene {
  const folder = mkdtempSync(path.join(tmpdir(), 'fttcp-fold-'));
  const place = mkdtempSync(path.join(layers, 'fttcp-layer-'));
  t.after(() => {
    for (const one of [folder, place]) rmSync(one, { recursive: true });
  });
  execFileSync('sh', ['-ec', BEFORE], { cwd: folder });
  const overlay = makeLayer(folder, path.join(place, 'a layer, with: all \\ of it'));
  return { overlay, merged: workCovered(overlay, changes) };
}

function fold({ directory, layer }: Overlay, tell: FoldProgress = () => {}): void {
  foldUpper(Buffer.from(path.join(layer, 'upper')), Buffer.from(directory), tell);
}

for (const [title, changes] of Object.entries(CHANGES)) {
  test(`a fold leaves what the overlay showed when ${title}`, { skip }, (t) => {
    const { overlay, merged } = scene(t, changes);
    fold(overlay);
    deepEqual(treeOf(overlay.directory), merged);
    fold(overlay);
    deepEqual(treeOf(overlay.directory), merged, 'and does so again');
  });
}

const EVERYTHING = [
  'files are changed, made and deleted',
  'directories are made, with something in them',
  'a directory is deleted and made anew',
  'a file becomes a directory and a directory a file',
  'links are changed',
  'modes and times are changed',
]
  .map((title) => CHANGES[title])
  .join('\n');

test('a fold that was broken off anywhere and is done again comes to the same', { skip }, (t) => {
  let steps = 0;
  const whole = scene(t, EVERYTHING);
  fold(whole.overlay, () => steps++);
  for (let last = 1; last <= steps; last++) {
    const { overlay, merged } = scene(t, EVERYTHING);
    for (const after of [last, 1 + (last % steps)]) {
      let count = 0;
      throws(() => fold(overlay, () => stopAt(++count, after)), /power off/);
    }
    fold(overlay);
    deepEqual(treeOf(overlay.directory), merged, `broken off at ${last} of ${steps}`);
  }
});

function stopAt(count: number, last: number): void {
  if (count === last) throw new Error('power off');
}

test('a layer of another file system is copied', { skip: skip || otherFileSystem() }, (t) => {
  const { overlay, merged } = scene(t, `${EVERYTHING}\nmkfifo plain/pipe; echo x >"$(printf 'n\\351')"`, SHARED_MEMORY);
  fold(overlay);
  deepEqual(treeOf(overlay.directory), merged);
  fold(overlay);
  deepEqual(treeOf(overlay.directory), merged);
});

function otherFileSystem(): string | false {
  const other = statSync(SHARED_MEMORY, { throwIfNoEntry: false });
  return other !== undefined && other.dev !== statSync(tmpdir()).dev ? false : 'there is one file system only';
}

test('what was deleted and what was written is counted', { skip }, (t) => {
  const counts = { written: 0, deleted: 0 };
  fold(
    scene(t, 'rm changed gone.txt; rm -r plain; echo x >made; echo x >>renamed; mkdir d; ln -s x d/l').overlay,
    (what) => {
      counts[what]++;
    },
  );
  equal(JSON.stringify(counts), JSON.stringify({ written: 3, deleted: 3 }));
});

test('attributes of directories come along, those of the kernel do not', { skip }, (t) => {
  const { overlay } = scene(t, 'touch plain/made; rm -r replaced; mkdir replaced; echo x >>changed');
  const [upper, plain] = [`${overlay.layer}/upper/plain`, `${overlay.directory}/plain`].map((name) =>
    Buffer.from(name),
  );
  ok(upper !== undefined && plain !== undefined);
  setXattr(plain, 'user.old', Buffer.from('x'));
  setXattr(upper, 'user.new', Buffer.from('y'));
  fold(overlay);
  deepEqual(visibleXattrs(plain), visibleXattrs(upper));
  equal(getXattr(plain, 'user.new')?.toString(), 'y');
  for (const name of ['', '/plain', '/replaced', '/changed']) {
    const folded = Buffer.from(overlay.directory + name);
    deepEqual(listXattrs(folded), visibleXattrs(folded), name);
  }
});
