/**
 * The rules of CONTRIBUTING.md that a machine can keep: which way imports run, what the pure rooms may use, who reads the
 * command line. It reads the sources as text; comments and strings are taken out first where they could mislead.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

/** Compiled, this file is in dist/test. */
const SRC = new URL('../../src', import.meta.url).pathname;

const PURE = ['wire', 'log', 'south', 'north', 'replica', 'detector'];

const BELOW_DAEMON = ['wire', 'log', 'south', 'north', 'detector', 'replica', 'linux', 'retained'];

/** What each room may import besides itself and src/errors.ts. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  log: ['wire'],
  south: ['wire', 'log'],
  north: ['wire', 'log'],
  detector: ['wire', 'log'],
  replica: ['wire', 'log', 'south', 'north', 'detector'],
  linux: ['wire'],
  retained: ['wire', 'log', 'linux'],
  daemon: BELOW_DAEMON,
  witness: ['wire', 'replica', 'linux', 'retained', 'daemon'],
  lab: [...BELOW_DAEMON, 'daemon', 'witness'],
  experiments: [...BELOW_DAEMON, 'daemon', 'witness', 'lab'],
  cli: [...BELOW_DAEMON, 'daemon', 'witness', 'lab', 'experiments'],
};

const IMPURE: readonly (readonly [string, RegExp])[] = [
  ['a module of Node', /\bfrom\s*'node:|\bimport\s*\(?\s*'node:/],
  ['Date', /\bDate\b/],
  ['a timer', /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/],
  ['Math.random', /\bMath\.random\b/],
  ['performance', /\bperformance\b/],
  ['crypto', /\bcrypto\b/],
  ['console', /\bconsole\b/],
  ['process', /\bprocess\./],
  ['async', /\basync\b(?!\s*[:,)])/],
  ['await', /\bawait\b/],
  ['Promise', /\bPromise\b/],
  ['Buffer', /\bBuffer\b/],
];

interface Source {
  /** Below src/, `wire/seq.ts`. */
  readonly file: string;
  /** Its folder below src/, or '' for src/errors.ts. */
  readonly room: string;
  readonly text: string;
  /** Files below src/, with their extension, and names of packages. */
  readonly imports: readonly string[];
}

const SOURCES: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()
  .map(readSource);

function readSource(file: string): Source {
  const text = withoutComments(readFileSync(path.join(SRC, file), 'utf8'));
  const named = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target = '']) => target);
  const imports = named.map((target) => (target.startsWith('.') ? path.join(path.dirname(file), target) : target));
  return { file, room: file.includes('/') ? (file.split('/')[0] ?? '') : '', text, imports };
}

/** Comments become nothing; strings and templates stay as they are. */
function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) => (found.startsWith('/') ? ' ' : found));
}

/** Module names stay readable for the rule on modules; any other text may say what it likes. */
function withoutTexts(text: string): string {
  return text.replace(/'(?!node:)(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''").replace(/`[^`$]*`/g, '``');
}

/** Each place where `pattern` is found in `text`, as `file: what`. */
function offences(sources: readonly Source[], what: string, pattern: RegExp): string[] {
  return sources.filter(({ text }) => pattern.test(withoutTexts(text))).map(({ file }) => `${file}: ${what}`);
}

test('every room of src is known to these rules', () => {
  ok(SOURCES.length > 0);
  const unknown = SOURCES.filter(({ file, room }) => file !== 'errors.ts' && !(room in MAY_IMPORT));
  deepEqual(
    unknown.map(({ file }) => file),
    [],
  );
});

test('imports run one way', () => {
  const wrong = SOURCES.flatMap(({ file, room, imports }) => {
    const allowed = [room, ...(MAY_IMPORT[room] ?? [])];
    return imports
      .filter((target) => target.endsWith('.ts') && target !== 'errors.ts')
      .filter((target) => !allowed.includes(target.split('/')[0] ?? ''))
      .map((target) => `${file} imports ${target}`);
  });
  deepEqual(wrong, []);
});

test('no import leads in a circle', () => {
  const importsOf = new Map(SOURCES.map(({ file, imports }) => [file, imports]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, trail: readonly string[]) => {
    if (trail.includes(file)) circles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
    if (done.has(file) || trail.includes(file)) return;
    for (const target of importsOf.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const { file } of SOURCES) visit(file, []);
  deepEqual(circles, []);
});

test('every import of a file names one that exists', () => {
  const files = new Set(SOURCES.map(({ file }) => file));
  const missing = SOURCES.flatMap(({ file, imports }) =>
    imports.filter((target) => target.endsWith('.ts') && !files.has(target)).map((target) => `${file}: ${target}`),
  );
  deepEqual(missing, []);
});

test('the pure rooms take time, packets and randomness as arguments', () => {
  const pure = SOURCES.filter(({ room }) => PURE.includes(room));
  deepEqual(
    IMPURE.flatMap(([what, pattern]) => offences(pure, what, pattern)),
    [],
  );
  const packages = pure.flatMap(({ file, imports }) =>
    imports.filter((target) => !target.endsWith('.ts')).map((target) => `${file} imports ${target}`),
  );
  deepEqual(packages, []);
});

test('only src/linux speaks to the FFI', () => {
  const users = SOURCES.filter(({ imports }) => imports.includes('koffi')).map(({ file }) => file);
  deepEqual(
    users.filter((file) => !file.startsWith('linux/')),
    [],
  );
});

/** Started on the lab's hosts by a command line of their own. */
const PROGRAMS = 'experiments/programs/';

test('only the command line, and programs for hosts of the lab, read arguments and the environment', () => {
  const others = SOURCES.filter(({ file, room }) => room !== 'cli' && !file.startsWith(PROGRAMS));
  deepEqual(offences(others, 'process.argv or process.env', /\bprocess\s*\.\s*(?:argv|env)\b/), []);
});

test('the rules see what they forbid, and not what comments and texts say', () => {
  const found = (text: string) =>
    IMPURE.filter(([, pattern]) => pattern.test(withoutTexts(withoutComments(text)))).map(([what]) => what);
  deepEqual(found("import { a } from 'node:fs';"), ['a module of Node']);
  deepEqual(found('const a = Date.now(); setTimeout(a, 1);'), ['Date', 'a timer']);
  deepEqual(found('async function a() { await b; }'), ['async', 'await']);
  deepEqual(found('const at = Buffer.from(Math.random());'), ['Math.random', 'Buffer']);
  deepEqual(found("// console.log, Date\n/* await */ const a = 'Date'; // it's async"), []);
});
