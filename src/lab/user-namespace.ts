/**
 * The lab without root. Hosts are namespaces, and an ordinary user may make these inside a user namespace of his own. Node
 * cannot enter one, because a process with threads may not; so the program replaces itself, by exec, with `unshare` and
 * that with the program again. There is no outer process then: pid, terminal, signals and exit code are what they were, and
 * whoever kills the lab kills all of it. docs/adr/0013 has the other ways.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { FttcpError } from '../errors.ts';
import { ownsNamespaces } from '../linux/capabilities.ts';
import { execute } from '../linux/execute.ts';

/** One user, under his own name: as root of the namespace, programs would try to become others, and fail. */
const ENTER = ['--user', '--map-current-user', '--keep-caps', '--'];
/** As the lab's hosts and the enclosures in them will be made. Says what capabilities there are inside. */
const TRIAL = [
  ...['unshare', '--net', '--pid', '--mount', '--uts', '--ipc', '--fork', '--kill-child=KILL', '--mount-proc'],
  ...['cat', '/proc/self/status'],
];

/**
 * Returns when the process may make the lab's hosts; where that takes a user namespace, it starts anew inside. So it comes
 * first: what was done before is done twice.
 * @param commandLine of this process
 * @throws FttcpError `lab-rights` when the kernel does not allow it, saying what to change
 */
export function enterUserNamespace(commandLine: readonly string[]): void {
  if (ownsNamespaces()) return;
  const trial = spawnSync('unshare', [...ENTER, ...TRIAL], { encoding: 'utf8' });
  // Asked as the new process will ask, so that it cannot start anew for ever.
  if (trial.status !== 0 || !ownsNamespaces(trial.stdout)) throw refused(trial.error?.message ?? trial.stderr.trim());
  execute('unshare', [...ENTER, process.execPath, ...process.execArgv, ...commandLine.slice(1)]);
}

function refused(said: string): FttcpError {
  return new FttcpError(
    'lab-rights',
    `The lab makes its hosts out of namespaces, which takes root, or a user namespace; this one cannot be made: ${said}. ` +
      `Run it as root, or ${advice(said)}.`,
  );
}

/** Why the kernel says no: its settings tell better than its error numbers. */
function advice(said: string): string {
  if (setting('kernel/unprivileged_userns_clone') === '0') {
    return 'let ordinary users make them: `sysctl kernel.unprivileged_userns_clone=1`';
  }
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'lift the restriction: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`';
  }
  // ENOSPC: there are as many as may be.
  if (/No space left/.test(said)) return 'let there be more of them: `sysctl user.max_user_namespaces=10000`';
  if (/ENOENT|unrecognized/.test(said)) return 'install util-linux, a newer one if there is one';
  if (/mount .*proc/.test(said)) {
    return 'show /proc whole: where a container covers parts of it, the kernel lets nobody inside mount another (`--security-opt systempaths=unconfined`)';
  }
  return 'have the container allow user namespaces (its seccomp profile)';
}

function setting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
