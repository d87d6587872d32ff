import { deepEqual, equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ControlServer } from '../../src/daemon/control.ts';
import { STATUS } from '../daemon/status-example.ts';

/** Compiled, this file is in dist/test/cli. */
const ROOT = new URL('../../../', import.meta.url);
const BIN = new URL('bin/fttcp.mjs', ROOT).pathname;
const EXAMPLE = new URL('examples/service.yaml', ROOT).pathname;
const DIRECTORY = mkdtempSync(path.join(tmpdir(), 'fttcp-cli-'));

after(() => rmSync(DIRECTORY, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function fttcp(...args: string[]): Promise<Ended> {
  const env = { ...process.env, FTTCP_SKIP_SETUP: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('--version says the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));
  deepEqual(await fttcp('--version'), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('--help lists the commands and succeeds', async () => {
  const { code, stdout } = await fttcp('--help');
  equal(code, 0);
  for (const command of ['up', 'witness', 'status', 'check-config', 'keygen', 'lab', 'demo', 'experiment'])
    match(stdout, new RegExp(`^  ${command} `, 'm'));
});

const MISUSES: readonly (readonly [string[], RegExp])[] = [
  [[], /Usage: fttcp/],
  [['stauts'], /^fttcp: unknown command 'stauts'\n\(Did you mean status\?\)/],
  [['up'], /^fttcp: required option '-c, --config <file>' not specified/],
  [['witness'], /^fttcp: required option '-c, --config <file>' not specified/],
  [['witness', '-c', EXAMPLE], /this is the configuration of a service, for: fttcp up -c .*service\.yaml\n$/],
  [['status', '--jsn'], /^fttcp: unknown option '--jsn'/],
  [['status', '-c', 'x', '--control', 'y'], /^fttcp: say --config or --control, not both\n$/],
  [['demo', '--sise', '1MB'], /^fttcp: unknown option '--sise'/],
  [['experiment'], /^fttcp: missing required argument 'name'/],
  [['experiment', 'figure7'], /^fttcp: there is no experiment 'figure7'; there are figure4, .*scalability.*: all\n$/],
  [['experiment', 'gap', '--write', '--out', 'x'], /^fttcp: say --write or --out, not both\n$/],
  [['experiment', 'gap', '--from', 'x', '--quick'], /^fttcp: --from measures nothing: .*\n$/],
  [['experiment', 'overhead', '--service', 'ftp'], /^fttcp: --service ftp: there are http, samba\n$/],
  [['experiment', 'gap', '--service', 'samba'], /^fttcp: --service is about overhead, .*\n$/],
  [['experiment', 'gap', '--from', 'x', '--write'], /^fttcp: --from with --write makes the page, .*: say all\n$/],
  [['experiment', 'gap', '--from', '/nonexistent'], /^fttcp: --from \/nonexistent: there is no gap\.json\n$/],
  [['check-config', '-c', '/nonexistent'], /^fttcp: cannot read the configuration \/nonexistent: ENOENT/],
];

for (const [args, message] of MISUSES) {
  test(`'${['fttcp', ...args].join(' ')}' is wrong usage: exit code 2`, async () => {
    const { code, stdout, stderr } = await fttcp(...args);
    equal(code, 2);
    equal(stdout, '');
    match(stderr, message);
  });
}

test('check-config accepts the example, and warns of a key that others can read', async () => {
  const file = path.join(DIRECTORY, 'service.yaml');
  copyFileSync(EXAMPLE, file);
  chmodSync(file, 0o644);
  const open = await fttcp('check-config', '-c', file);
  equal(open.code, 0);
  match(open.stdout, /: ok, service files at 10\.77\.0\.100\/24, replica a starts as the primary, with b\n$/);
  match(open.stderr, /^fttcp: warning: .* holds a key and others can read it/);
  chmodSync(file, 0o600);
  equal((await fttcp('check-config', '-c', file)).stderr, '');
});

test("check-config tells a witness's file from a service's", async () => {
  const file = path.join(DIRECTORY, 'witness.yaml');
  copyFileSync(EXAMPLE.replace('service.yaml', 'witness.yaml'), file);
  chmodSync(file, 0o644);
  const { code, stdout, stderr } = await fttcp('check-config', '-c', file);
  equal(code, 0);
  match(stdout, /: ok, witness at 10\.78\.0\.9:7402 for files\n$/);
  match(stderr, /^fttcp: warning: .* holds a key and others can read it/);
});

test('check-config lists every problem with its place: exit code 2', async () => {
  const file = path.join(DIRECTORY, 'wrong.yaml');
  writeFileSync(file, readFileSync(EXAMPLE, 'utf8').replace('mtu: 1500', 'mtu: 1').replace('self: a', 'self: z'));
  const { code, stderr } = await fttcp('check-config', '-c', file);
  equal(code, 2);
  match(stderr, /^fttcp: .*wrong\.yaml:7:\d+: lan\.mtu: found "1"; allowed: .*\n$/);
});

test('status without a daemon fails with one line: exit code 1', async () => {
  const { code, stdout, stderr } = await fttcp('status', '--control', path.join(DIRECTORY, 'none.sock'));
  equal(code, 1);
  equal(stdout, '');
  match(stderr, /^fttcp: no daemon answers on .*none\.sock: .*\n$/);
});

test('status shows what the daemon says, for people and for scripts', async () => {
  const socket = path.join(DIRECTORY, 'files.sock');
  const server = new ControlServer(socket, { status: () => STATUS });
  await server.listen();
  try {
    match((await fttcp('status', '--control', socket)).stdout, /^files on a: primary/);
    const { stdout, stderr } = await fttcp('status', '--control', socket, '--json');
    deepEqual(JSON.parse(stdout), STATUS);
    equal(stderr, '');
    const config = path.join(DIRECTORY, 'with-control.yaml');
    writeFileSync(config, `${readFileSync(EXAMPLE, 'utf8')}control: ${socket}\n`);
    deepEqual(JSON.parse((await fttcp('status', '-c', config, '--json')).stdout), STATUS);
  } finally {
    await server.close();
  }
});
