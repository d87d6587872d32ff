// The one set-up step that every script and the `fttcp` command share: npm packages, then compiled output.
// Quick when nothing is to be done: it compares the lock file and the sources with stamps in ignored folders, and takes
// the lock only when there is work.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const LOCKED_VERSIONS = path.join(ROOT, 'package-lock.json');
const MODULES = path.join(ROOT, 'node_modules');
const INSTALLED = path.join(MODULES, '.fttcp-lock.json');
const DIST = path.join(ROOT, 'dist');
const BUILT = path.join(DIST, '.built');
const LOCK = path.join(ROOT, 'out', '.setup-lock');
const SOURCE_FOLDERS = ['src', 'test', 'examples', 'bench', 'soak', 'campaign', 'fuzz', 'sim'];
const SHIM_SOURCES = path.join(ROOT, 'native', 'north');
const SHIM = path.join(DIST, 'native', 'libfttcp-north.so');
const SHIM_FLAGS = [
  '-std=gnu11',
  '-O2',
  '-g',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
];
const BUILD_INPUTS = [...SOURCE_FOLDERS, 'native', 'tsconfig.json', 'package-lock.json'];

export function setup() {
  if (!mustInstall() && !mustCompile()) return;
  withLock(() => {
    if (mustInstall()) install();
    if (mustCompile()) compile();
  });
}

/** Runs a program with its output on standard error (standard output belongs to the command's own result). */
export function run(program, args, what, options = {}) {
  const result = spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 2, 2], ...options });
  if (result.status === 0) return;
  const how = result.error?.message ?? (result.signal ? `killed by ${result.signal}` : `exit ${result.status}`);
  throw new Error(`${what} failed (${program} ${args.join(' ')}: ${how})`);
}

/** Runs a script's body: a failure is one line and exit code 1. */
export async function script(body) {
  try {
    await body();
  } catch (error) {
    process.stderr.write(`fttcp: ${process.env.FTTCP_DEBUG ? error.stack : error.message}\n`);
    process.exitCode = 1;
  }
}

function mustInstall() {
  // A link leads into another checkout's packages, which an install would change under it: used as they are.
  if (lstatSync(MODULES, { throwIfNoEntry: false })?.isSymbolicLink()) return false;
  return !existsSync(INSTALLED) || readFileSync(INSTALLED, 'utf8') !== readFileSync(LOCKED_VERSIONS, 'utf8');
}

function install() {
  process.stderr.write('fttcp: installing npm packages\n');
  // Not `npm ci`: it insists on lock entries for other platforms' optional packages, which not every registry has.
  // This one takes the locked versions as well, and `--no-save` leaves the lock file alone.
  run('npm', ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error'], 'installing the npm packages');
  copyFileSync(LOCKED_VERSIONS, INSTALLED);
}

function mustCompile() {
  return !existsSync(BUILT) || readFileSync(BUILT, 'utf8') !== fingerprint();
}

function compile() {
  process.stderr.write('fttcp: compiling\n');
  const compiled = fingerprint();
  // An interrupted or failed compilation leaves output that no stamp vouches for.
  rmSync(BUILT, { force: true });
  run(path.join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.json'], 'compiling');
  removeStaleOutput();
  compileShim();
  writeFileSync(BUILT, compiled);
}

/** The north-side wrap. Without a C compiler services at level `recorded` are refused, and all else works. */
function compileShim() {
  rmSync(SHIM, { force: true });
  const compiler = process.env.CC ?? 'cc';
  if (spawnSync(compiler, ['--version'], { stdio: 'ignore' }).error !== undefined) {
    process.stderr.write(
      'fttcp: no C compiler: level `recorded` is not available; install gcc and run `npm run build`\n',
    );
    return;
  }
  mkdirSync(path.dirname(SHIM), { recursive: true });
  const sources = filesUnder(SHIM_SOURCES).filter((file) => file.endsWith('.c'));
  run(compiler, [...SHIM_FLAGS, '-o', SHIM, ...sources, '-ldl', '-pthread'], 'compiling the north-side wrap');
}

/** What the output was made from: names, sizes and times. */
function fingerprint() {
  return BUILD_INPUTS.flatMap((input) => filesUnder(path.join(ROOT, input)))
    .map((file) => [file, statSync(file, { throwIfNoEntry: false })])
    .map(([file, stat]) => `${path.relative(ROOT, file)} ${stat?.size} ${stat?.mtimeMs}\n`)
    .join('');
}

/** Output whose source is gone: nothing may load it by accident. */
function removeStaleOutput() {
  for (const file of SOURCE_FOLDERS.flatMap((folder) => filesUnder(path.join(DIST, folder)))) {
    const source = path.join(ROOT, path.relative(DIST, file).replace(/\.js(\.map)?$/, '.ts'));
    if (!existsSync(source)) rmSync(file, { force: true });
  }
}

/** Every file in a folder, or the file itself, sorted; none if there is nothing. */
export function filesUnder(entry) {
  const stat = statSync(entry, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [entry];
  return readdirSync(entry)
    .sort()
    .flatMap((name) => filesUnder(path.join(entry, name)));
}

/** Two commands started at once in a fresh clone must not install over each other. A killed holder's lock is void. */
function withLock(work) {
  mkdirSync(path.dirname(LOCK), { recursive: true });
  while (!takeLock()) {
    if (!isHeld()) removeVoidLock();
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  try {
    work();
  } finally {
    rmSync(LOCK, { recursive: true, force: true });
  }
}

/** The lock appears with its holder already in it: link(2) is atomic and fails if the name is taken. */
function takeLock() {
  const mine = `${LOCK}.${process.pid}`;
  writeFileSync(mine, `${process.pid} ${startTime(process.pid)}`);
  try {
    linkSync(mine, LOCK);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

function isHeld(lock = LOCK) {
  try {
    const [pid, started] = readFileSync(lock, 'utf8').split(' ');
    return startTime(pid) !== undefined && startTime(pid) === started;
  } catch (error) {
    // Just released; or a folder, as earlier versions made.
    return error.code === 'ENOENT';
  }
}

/** Moved away before it is removed, so that a lock taken since then is noticed and put back. */
function removeVoidLock() {
  const aside = `${LOCK}.void.${process.pid}`;
  try {
    renameSync(LOCK, aside);
    if (isHeld(aside)) linkSync(aside, LOCK);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  rmSync(aside, { recursive: true, force: true });
}

/** When a process started, in ticks since boot: a pid alone may have been given to another one. proc(5), field 22. */
function startTime(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[19];
  } catch {
    return undefined;
  }
}
