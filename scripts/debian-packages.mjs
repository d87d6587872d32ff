// Programs that come from Debian packages: installed when root and missing, without starting any daemon of theirs;
// otherwise it says what to install.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { run } from './setup.mjs';

/** What invoke-rc.d asks before it starts anything; 101 is "forbidden by policy". */
const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_ASIDE = `${POLICY}.before-fttcp`;
const POLICY_TEXT = '#!/bin/sh\n# By fttcp, while it installs packages; safe to remove.\nexit 101\n';
const APT_ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };

/** What the lab and the servers of `examples/` are made of. */
export const SERVER_PACKAGES = {
  h2o: 'h2o',
  ip: 'iproute2',
  nginx: 'nginx-light',
  nsenter: 'util-linux',
  openssl: 'openssl',
  python3: 'python3',
  'redis-server': 'redis-server',
  smbclient: 'smbclient',
  smbd: 'samba',
  tc: 'iproute2',
  'lib/girepository-1.0/GstRtspServer-1.0.typelib': 'gir1.2-gst-rtsp-server-1.0',
  'lib/python3/dist-packages/gi/__init__.py': 'python3-gi',
};

/**
 * @param {Record<string, string>} packages from a program, or a file `lib/…` that one loads, to the package that has it
 * @param {string} purpose begins the sentence that says what to install
 * @returns {boolean} all of them are there
 */
export function ensurePrograms(packages, purpose = 'some tests need programs') {
  const missing = [
    ...new Set(
      Object.keys(packages)
        .filter((program) => !isThere(program))
        .map((program) => packages[program]),
    ),
  ];
  if (missing.length === 0) return true;
  const command = `apt-get install ${missing.join(' ')}`;
  if (process.getuid() !== 0 || !isThere('apt-get')) {
    process.stderr.write(`fttcp: ${purpose} that are missing here; as root: ${command}\n`);
    return false;
  }
  process.stderr.write(`fttcp: installing ${missing.join(' ')}\n`);
  withoutDaemons(() => {
    if (aptInstall(missing).status === 0) return;
    run('apt-get', ['update', '-qq'], 'updating the package lists');
    const { status } = aptInstall(missing, 2);
    if (status !== 0) throw new Error(`installing packages failed (exit ${status}); by hand: ${command}`);
  });
  return true;
}

function isThere(wanted) {
  return wanted.startsWith('lib/') ? isLibraryFile(wanted.slice('lib/'.length)) : isProgram(wanted);
}

/** Some of /usr/lib is in a folder named after the kind of machine. */
function isLibraryFile(file) {
  return ['.', ...readdirSync('/usr/lib')].some((folder) => existsSync(path.join('/usr/lib', folder, file)));
}

function isProgram(program) {
  const folders = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`.split(':');
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function aptInstall(packages, output = 'ignore') {
  return spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
    stdio: ['ignore', output, output],
    env: { ...process.env, ...APT_ENVIRONMENT },
  });
}

function withoutDaemons(work) {
  // Ctrl-C ends apt-get; this process lives on to restore the policy.
  const hold = () => {};
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, hold);
  const isOurs = existsSync(POLICY) && readFileSync(POLICY, 'utf8') === POLICY_TEXT;
  if (existsSync(POLICY) && !isOurs) renameSync(POLICY, POLICY_ASIDE);
  try {
    writeFileSync(POLICY, POLICY_TEXT, { mode: 0o755 });
    work();
  } finally {
    rmSync(POLICY, { force: true });
    if (existsSync(POLICY_ASIDE)) renameSync(POLICY_ASIDE, POLICY);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, hold);
  }
}
