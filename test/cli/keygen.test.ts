/** `fttcp keygen`: what it writes is what a configuration takes, and nothing of it is lost by mistake. */
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { parseConfig } from '../../src/daemon/config.ts';

/** Compiled, this file is in dist/test/cli. */
const BIN = new URL('../../../bin/fttcp.mjs', import.meta.url).pathname;
const DIRECTORY = mkdtempSync(path.join(tmpdir(), 'fttcp-keygen-'));
const ALL = ['a.crt', 'a.key', 'b.crt', 'b.key', 'ca.crt', 'ca.key', 'shared.key'];

after(() => rmSync(DIRECTORY, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function keygen(...args: string[]): Promise<Ended> {
  const options = { env: { ...process.env, FTTCP_SKIP_SETUP: '1' }, cwd: DIRECTORY };
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, 'keygen', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const OF_FILES = ['--service', 'files', '--replicas', 'a,b'];

function contentOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory)
      .sort()
      .map((name) => [name, readFileSync(path.join(directory, name), 'utf8')]),
  );
}

test('it makes what a configuration takes, for the owner only, and says what goes where', async () => {
  const { code, stdout, stderr } = await keygen(...OF_FILES);
  deepEqual([code, stderr], [0, '']);
  const directory = path.join(DIRECTORY, 'files');
  deepEqual(readdirSync(directory).sort(), ALL);
  equal(statSync(directory).mode & 0o777, 0o700);
  for (const name of ALL) equal(statSync(path.join(directory, name)).mode & 0o777, 0o600, name);
  match(stdout, /to the host of b: b\.crt, b\.key, ca\.crt, shared\.key$/m);
  match(stdout, /to the witness: shared\.key$/m);
  for (const self of ['a', 'b']) {
    const said = stdout.split('\n').filter((line) => line.startsWith('keyFile:') || line.endsWith(`host of ${self}`));
    const yaml = `service: files
address: 10.77.0.100/24
lan: { interface: lan0 }
server: { command: cat }
level: recorded
self: ${self}
replicas:
  - { name: a, link: 10.78.0.11:7400, heartbeat: [10.78.0.11:7401] }
  - { name: b, link: 10.78.0.12:7400, heartbeat: [10.78.0.12:7401] }
witness: none
${said.filter((line) => !line.includes(' to the ')).join('\n')}
`;
    const config = parseConfig(yaml, 'files.yaml');
    equal(config.key.length, 32);
    equal(config.tls?.certificate, path.join(directory, `${self}.crt`));
  }
});

test('it replaces nothing unless it is told to', async () => {
  const out = path.join(DIRECTORY, 'kept');
  equal((await keygen(...OF_FILES, '--out', out)).code, 0);
  const before = contentOf(out);
  const { code, stderr } = await keygen(...OF_FILES, '--out', out);
  equal(code, 1);
  match(stderr, /^fttcp: .*kept has ca\.crt, .* already \(.*--renew; .*--force\)\n$/);
  deepEqual(contentOf(out), before);
  equal((await keygen(...OF_FILES, '--out', out, '--force')).code, 0);
  for (const name of ALL) notEqual(contentOf(out)[name], before[name], name);
});

test('certificates are renewed by the authority that is there; the rest stays', async () => {
  const out = path.join(DIRECTORY, 'renewed');
  equal((await keygen(...OF_FILES, '--out', out, '--days', '10')).code, 0);
  const before = contentOf(out);
  const { code, stdout } = await keygen(...OF_FILES, '--out', out, '--renew', '--json');
  equal(code, 0);
  const made = JSON.parse(stdout);
  deepEqual(made.files, ['a.crt', 'a.key', 'b.crt', 'b.key']);
  deepEqual([made.hosts, made.witness], [{ a: ['a.crt', 'a.key'], b: ['b.crt', 'b.key'] }, []]);
  ok(Date.parse(made.expiresIso) > Date.now() + 3_000 * 24 * 3600 * 1000);
  const now = contentOf(out);
  deepEqual(Object.keys(now), ALL);
  for (const name of ALL) equal(now[name] === before[name], !made.files.includes(name), name);
  const { code: withoutAuthority, stderr } = await keygen(...OF_FILES, '--out', `${out}/none`, '--renew');
  equal(withoutAuthority, 1);
  match(stderr, /^fttcp: --renew needs ca\.crt and ca\.key of the first fttcp keygen in .*none: ENOENT/);
});

const MISUSES: readonly (readonly [string[], RegExp])[] = [
  [[], /^fttcp: required option '--service <name>' not specified/],
  [['--service', 'Files', '--replicas', 'a,b'], /^fttcp: "Files" is no name of a service or replica/],
  [['--service', 'files', '--replicas', 'a, b'], /^fttcp: " b" is no name of a service or replica/],
  [['--service', 'files', '--replicas', 'a,a'], /^fttcp: --replicas a,a names one twice\n$/],
  [
    ['--service', 'files', '--replicas', 'ca,b'],
    /^fttcp: the files of a replica called ca have names that are taken\n$/,
  ],
  [[...OF_FILES, '--days', '0'], /^fttcp: --days is a whole number from 1 to/],
  [[...OF_FILES, '--days', '99999'], /^fttcp: --days is at most 36500\n$/],
];

for (const [args, message] of MISUSES) {
  test(`'${['fttcp keygen', ...args].join(' ')}' is wrong usage: exit code 2`, async () => {
    const { code, stderr } = await keygen(...args);
    equal(code, 2);
    match(stderr, message);
  });
}

test('where nothing can be written it fails with one line', async () => {
  writeFileSync(path.join(DIRECTORY, 'file'), '');
  const { code, stderr } = await keygen(...OF_FILES, '--out', 'file/keys');
  equal(code, 1);
  match(stderr, /^fttcp: cannot write to .*\/file\/keys: ENOTDIR.*\n$/);
});
