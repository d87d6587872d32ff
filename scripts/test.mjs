// `npm test [-- PATTERN]`: set-up, Debian packages, checks, then the tests: unit tests in parallel, lab tests one file at
// a time, because each wants the machine for itself. PATTERN runs only the files whose path contains it.
// The last line counts what really ran, and before it stand the reasons for which others did not; no tests at all is a failure.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { run as runTests } from 'node:test';
import { spec } from 'node:test/reporters';
import { check } from './check.mjs';
import { ensurePrograms, SERVER_PACKAGES } from './debian-packages.mjs';
import { filesUnder, ROOT, script } from './setup.mjs';

const PACKAGES = { ...SERVER_PACKAGES, curl: 'curl', ps: 'procps', 'redis-cli': 'redis-tools' };
const LAB = path.join('test', 'lab') + path.sep;
const UNIT_TIMEOUT_MS = 120_000;
const LAB_TIMEOUT_MS = 600_000;

await script(async () => {
  const [pattern = '', ...others] = process.argv.slice(2);
  if (others.length > 0) {
    process.stderr.write('fttcp: usage: npm test -- [PATTERN]\n');
    process.exitCode = 2;
    return;
  }
  ensurePrograms(PACKAGES);
  check();
  const files = testFiles(pattern);
  const isLab = (file) => file.startsWith(LAB);
  const unit = await runFiles(
    files.filter((file) => !isLab(file)),
    { concurrency: true, timeout: UNIT_TIMEOUT_MS },
  );
  const lab = await runFiles(files.filter(isLab), { concurrency: 1, timeout: LAB_TIMEOUT_MS });
  conclude(add(unit, lab));
});

/** Sources rather than output are listed: output of a removed test must not run. */
function testFiles(pattern) {
  const files = filesUnder(path.join(ROOT, 'test'))
    .map((file) => path.relative(ROOT, file))
    .filter((file) => file.endsWith('.test.ts') && file.includes(pattern));
  if (files.length === 0)
    throw new Error(pattern === '' ? 'there are no tests' : `no test file has '${pattern}' in its path`);
  return files;
}

function compiled(file) {
  const output = path.join(ROOT, 'dist', file.replace(/\.ts$/, '.js'));
  if (!existsSync(output)) throw new Error(`${file} is not in the compiled output`);
  return output;
}

/** Node's own counts; a file that crashed or had no end is a failed test of its own. */
async function runFiles(files, options) {
  const counts = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  const reasons = [];
  if (files.length === 0) return { counts, reasons };
  const stream = runTests({ files: files.map(compiled), ...options });
  stream.on('test:diagnostic', ({ nesting, message, file }) => {
    const [, name, count] = /^(\w+) (\d+)$/.exec(message) ?? [];
    if (nesting === 0 && file === undefined && name in counts) counts[name] = Number(count);
  });
  stream.on('test:pass', ({ skip, todo }) => {
    const reason = skip ?? todo;
    if (reason !== undefined) reasons.push(reason === true ? 'no reason given' : reason);
  });
  const report = stream.compose(spec);
  for await (const text of report) process.stdout.write(text);
  return { counts, reasons };
}

function add(one, other) {
  const sum = ([name, count]) => [name, count + other.counts[name]];
  return {
    counts: Object.fromEntries(Object.entries(one.counts).map(sum)),
    reasons: [...one.reasons, ...other.reasons],
  };
}

function conclude({ counts, reasons }) {
  const { tests, pass, fail, cancelled, skipped, todo } = counts;
  const failed = fail + cancelled;
  for (const reason of new Set(reasons)) {
    const count = reasons.filter((one) => one === reason).length;
    process.stdout.write(`skipped ${count}: ${reason}\n`);
  }
  const extra = skipped + todo > 0 ? `, ${skipped + todo} skipped` : '';
  process.stdout.write(`${pass} passed, ${failed} failed${extra}\n`);
  if (tests === 0 || pass === 0) throw new Error('no test ran');
  if (failed > 0) process.exitCode = 1;
}
