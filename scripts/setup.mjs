// The one set-up step that every script and the `fttcp` command share: npm packages, then compiled output.
// Quick when nothing is to be done: it compares the lock file and the sources' times with stamps in ignored folders.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const LOCK = path.join(ROOT, 'package-lock.json');
const INSTALLED = path.join(ROOT, 'node_modules', '.fttcp-lock.json');
const BUILT = path.join(ROOT, 'dist', '.built');
const SOURCES = ['src', 'test', 'examples', 'bench', 'tsconfig.json'];

/** Runs a program with its output on standard error (standard output belongs to the command's own result). */
export function run(program, args, what) {
  const result = spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) throw new Error(`${what} failed (${program} ${args.join(' ')}, exit ${result.status})`);
}

function newestChangeMs(entry) {
  const full = path.join(ROOT, entry);
  if (!existsSync(full)) return 0;
  const stat = statSync(full);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(full).map((name) => newestChangeMs(path.join(entry, name))));
}

function installPackages() {
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === readFileSync(LOCK, 'utf8')) return;
  process.stderr.write('fttcp: installing npm packages\n');
  run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], 'installing the npm packages');
  copyFileSync(LOCK, INSTALLED);
}

export function compile() {
  run(path.join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.json'], 'compiling');
}

function compileIfChanged() {
  const newest = Math.max(...SOURCES.map(newestChangeMs));
  if (existsSync(BUILT) && statSync(BUILT).mtimeMs >= newest) return;
  process.stderr.write('fttcp: compiling\n');
  compile();
  writeFileSync(BUILT, '');
  utimesSync(BUILT, newest / 1000 + 0.001, newest / 1000 + 0.001);
}

/** Two commands started at once in a fresh clone must not install over each other. */
function withLock(work) {
  const lock = path.join(ROOT, 'out', '.setup-lock');
  mkdirSync(path.dirname(lock), { recursive: true });
  const deadline = Date.now() + 180_000;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const holderDied = Date.now() - statSync(lock).mtimeMs > 170_000;
      if (holderDied || Date.now() > deadline) rmdirSync(lock);
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
  try {
    work();
  } finally {
    rmdirSync(lock);
  }
}

export function setup() {
  withLock(() => {
    installPackages();
    compileIfChanged();
  });
}
