import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { RESULTS } from './samples.ts';

const MAIN = new URL('../../bench/main.js', import.meta.url).href;

function bench(...args: string[]) {
  const code = `import('${MAIN}').then(({ main }) => main(['node', 'bench', ...process.argv.slice(1)]))`;
  return spawnSync(process.execPath, ['-e', code, '--', ...args], { encoding: 'utf8' });
}

test('wrong usage is exit code 2 and a line that says what is right', () => {
  const wrong: [string[], RegExp][] = [
    [['speed'], /'speed' is not measured: name throughput, latency, failover, nudge, north$/m],
    [['latency', '--write'], /--write and --from are about all/],
    [['--congestion', 'no/such'], /no\/such is not allowed/],
    [['--detect-timeout', 'soon'], /"soon" is not understood/],
    [['--from', '/nowhere'], /--from \/nowhere/],
    [['--fast'], /unknown option '--fast'/],
  ];
  for (const [args, pattern] of wrong) {
    const { status, stderr, stdout } = bench(...args);
    equal(status, 2, `${args}: ${stderr}`);
    match(stderr, pattern);
    equal(stdout, '');
  }
});

test('an earlier run is shown again, and lost connections fail it', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-test-'));
  try {
    const file = path.join(directory, 'results.json');
    writeFileSync(file, JSON.stringify(RESULTS));
    const json = bench('--from', file, '--json');
    equal(json.status, 0, json.stderr);
    deepEqual(JSON.parse(json.stdout), RESULTS);
    match(bench('--from', file).stdout, /^Throughput\n/m);

    const { failover } = RESULTS;
    writeFileSync(file, JSON.stringify({ ...RESULTS, failover: { ...failover, up: { ...failover.up, failed: 1 } } }));
    const lost = bench('--from', file, '--json');
    equal(lost.status, 1);
    match(lost.stderr, /connections were lost/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
