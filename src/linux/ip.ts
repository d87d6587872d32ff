/** The ip(8) program, for the few things that are not worth a netlink codec. Write `dev NAME` always: `ip link set ma up` means `master`. */
import { spawnSync } from 'node:child_process';
import { FttcpError } from '../errors.ts';

export interface IpOptions {
  /** Run in the network namespace of this process instead of the caller's. */
  readonly pid?: number;
}

/** Runs `ip` and returns what it printed. */
export function ip(args: readonly string[], options: IpOptions = {}): string {
  const prefix = options.pid === undefined ? [] : ['nsenter', `--net=/proc/${options.pid}/ns/net`, '--'];
  const [program = 'ip', ...rest] = [...prefix, 'ip', ...args];
  const result = spawnSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.error !== undefined) {
    const needs = program === 'ip' ? 'iproute2' : 'util-linux';
    throw new FttcpError('ip-missing', `cannot run '${program}': install ${needs}`, { cause: result.error });
  }
  if (result.status !== 0) {
    const said = result.stderr.trim();
    if (said.includes('failed to execute ip')) {
      throw new FttcpError('ip-missing', `cannot run 'ip' (${said}): install iproute2`);
    }
    const advice = /Operation not permitted/.test(said) ? ' — run as root, or with CAP_NET_ADMIN' : '';
    throw new FttcpError('ip-failed', `ip ${args.join(' ')}: ${said || `exit code ${result.status}`}${advice}`);
  }
  return result.stdout;
}
