// An overlay on a directory in a mount namespace of its own, for as long as a shell works on the directory.
import { deepEqual, equal } from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { coverScript, type Overlay } from '../../src/daemon/enclosure-init.ts';
import { copyAttributes } from '../../src/daemon/fold-upper.ts';

/** Every name with all that a program sees of it, and what is in files. */
const TREE = `export LC_ALL=C
{ find . -printf '%P %y %m %U:%G %Ts %l\\n'; find . -type f -printf '%P %s\\n' -exec sha256sum {} +; } | sort`;

/** What `ls` would say of a directory, and of what is below. */
export function treeOf(directory: string): string[] {
  return lines(execFileSync('sh', ['-c', TREE], { cwd: directory, encoding: 'latin1' }));
}

/** A layer as `InitialState` makes it. */
export function makeLayer(directory: string, layer: string): Overlay {
  mkdirSync(path.join(layer, 'upper'), { recursive: true });
  mkdirSync(path.join(layer, 'work'));
  symlinkSync(directory, path.join(layer, 'lower'));
  copyAttributes(Buffer.from(directory), Buffer.from(path.join(layer, 'upper')));
  return { directory, layer };
}

/** Runs the commands in the covered directory. @returns what it looked like in the end, from inside. */
export function workCovered(overlay: Overlay, commands: string): string[] {
  const before = treeOf(overlay.directory);
  const script = `say() { echo "$*" >&2; }
${coverScript([overlay])}
cd '${overlay.directory}' && { ${commands}
} >&2 && { ${TREE}; }`;
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-ec', script], { encoding: 'latin1' });
  equal(status, 0, stderr);
  equal(stderr, '');
  deepEqual(treeOf(overlay.directory), before, 'the directory itself is as it was');
  return lines(stdout);
}

function lines(text: string): string[] {
  return text.trimEnd().split('\n');
}
