/**
 * What runs as process 1 of an enclosure: a short shell script, so that it starts in milliseconds and needs nothing installed.
 * `enclosure.ts` starts it and talks to it; this file is its text, and the kernel settings that every replica shares.
 *
 * The conversation: the script sets the kernel up and says `ready`; the daemon moves the TUN in and answers `go`; the script
 * configures the TUN, mounts overlays, says `started` and runs the server in the foreground. A shell that waits reaps whatever is orphaned to it. When the
 * command has ended it says `exit CODE`; the daemon answers `sweep` if what the command started is to end too. Process 1 stays: with it the
 * network, in which the kernel still sends what the server wrote. When it ends, the kernel ends everything in the namespace.
 * End of file in place of an answer means that the daemon is gone: it leaves.
 *
 * Standard error (descriptor 2) is the way to the daemon: lines that start with `fttcp: ` are the conversation, anything else is a complaint of
 * some tool. The server's own standard error is descriptor 3.
 */

import { overlayKind } from '../linux/overlay.ts';

/** Inside, the TUN always has this name, so that what a server may see of it is the same on every replica. */
export const SERVICE_INTERFACE = 'service0';

export const LINE_PREFIX = 'fttcp: ';

/**
 * Kernel settings of an enclosure: the two servers' TCPs must negotiate and behave alike, whatever their hosts are set to. All of them belong to
 * the network namespace; the host's own stay as they are.
 */
export const ENCLOSURE_SYSCTLS: readonly (readonly [name: string, value: string, need?: 'preferred'])[] = [
  // A SYN cookie forgets options, a Fast Open cookie lets data through before the handshake: both make replicas differ.
  ['net.ipv4.tcp_syncookies', '0'],
  ['net.ipv4.tcp_fastopen', '0'],
  ['net.ipv4.tcp_timestamps', '1'],
  ['net.ipv4.tcp_window_scaling', '1'],
  ['net.ipv4.tcp_sack', '1'],
  ['net.ipv4.tcp_dsack', '1'],
  ['net.ipv4.tcp_ecn', '2'],
  ['net.ipv4.tcp_mtu_probing', '0'],
  // Refused where the host's default is another one and does not allow it; it decides when bytes are sent, not which.
  ['net.ipv4.tcp_congestion_control', 'cubic', 'preferred'],
  // What one connection learnt must not change the next: the replicas see different paths.
  ['net.ipv4.tcp_no_metrics_save', '1'],
  ['net.ipv4.tcp_slow_start_after_idle', '0'],
  ['net.ipv4.tcp_rmem', '4096 131072 6291456'],
  ['net.ipv4.tcp_wmem', '4096 16384 4194304'],
  ['net.ipv4.tcp_adv_win_scale', '1'],
  ['net.ipv4.tcp_moderate_rcvbuf', '1'],
  ['net.ipv4.tcp_shrink_window', '0'],
  ['net.ipv4.tcp_keepalive_time', '7200'],
  ['net.ipv4.tcp_keepalive_intvl', '75'],
  ['net.ipv4.tcp_keepalive_probes', '9'],
  ['net.ipv4.tcp_fin_timeout', '60'],
  ['net.ipv4.tcp_retries2', '15'],
  ['net.ipv4.tcp_synack_retries', '5'],
  ['net.ipv4.tcp_abort_on_overflow', '0'],
  // The daemon asks for an ACK by a segment out of the window, where a RFC wants the client to have one.
  ['net.ipv4.tcp_invalid_ratelimit', '0'],
  // A kernel without MPTCP has no such setting, and needs none.
  ['net.mptcp.enabled', '0', 'preferred'],
  ['net.core.somaxconn', '4096'],
  ['net.ipv4.tcp_max_syn_backlog', '4096'],
  ['net.ipv4.ip_local_port_range', '32768 60999'],
  ['net.ipv4.ip_default_ttl', '64'],
  ['net.ipv4.ip_no_pmtu_disc', '0'],
  // A server that runs as an ordinary user may still serve port 80, and ping.
  ['net.ipv4.ip_unprivileged_port_start', '0'],
  ['net.ipv4.ping_group_range', '0 2147483647', 'preferred'],
  ['net.ipv4.icmp_echo_ignore_all', '0'],
  ['net.ipv4.conf.all.rp_filter', '0'],
  ['net.ipv4.conf.default.rp_filter', '0'],
  // The address is there at once, and the enclosure says nothing of its own accord: no link-local address, no solicitations.
  ['net.ipv6.conf.all.disable_ipv6', '0'],
  ['net.ipv6.conf.default.disable_ipv6', '0'],
  ['net.ipv6.conf.default.accept_dad', '0'],
  ['net.ipv6.conf.default.dad_transmits', '0'],
  ['net.ipv6.conf.default.accept_ra', '0'],
  ['net.ipv6.conf.default.autoconf', '0'],
  ['net.ipv6.conf.default.router_solicitations', '0'],
  ['net.ipv6.conf.default.addr_gen_mode', '1'],
];

export interface InitNetwork {
  /** The TUN's name before it is renamed. */
  readonly tunName: string;
  readonly address: string;
  readonly prefix: number;
  readonly mtu: number;
}

/** A directory that is covered, inside the enclosure, by an overlay on itself. */
export interface Overlay {
  readonly directory: string;
  /** Has the directories `upper` and `work`, and `lower`, a link to the directory. */
  readonly layer: string;
}

export function uncoveredWarning(directory: string): string {
  return `${directory} is not covered by an overlay: the server works on it itself, and a replay that is broken off cannot be repeated`;
}

/** Of the server's first process, inside: on every replica its processes have the same ids, however many it took to come so far. */
export const SERVER_PID = 100;

/** Environment variables that hand the script what a command line would show to every user of the host. */
export const INIT_VARIABLES = {
  script: 'FTTCP_INIT',
  hostName: 'FTTCP_INIT_HOSTNAME',
  directory: 'FTTCP_INIT_DIRECTORY',
  user: 'FTTCP_INIT_USER',
  /** The server's environment as quoted words `NAME=value`. */
  environment: 'FTTCP_INIT_ENVIRONMENT',
  command: 'FTTCP_INIT_COMMAND',
} as const;

/**
 * The text of the script, for `sh -c`.
 * @param sameAddresses the server's programs lie in memory where they lie on every replica: what they do by addresses they do alike
 */
export function initScript(network: InitNetwork, overlays: readonly Overlay[], sameAddresses: boolean): string {
  const v = INIT_VARIABLES;
  const sysctls = ENCLOSURE_SYSCTLS.map(([name, value, need]) => {
    const line = `put ${sysctlPath(name)} ${shellQuote(value)}`;
    return need === 'preferred' ? line : `${line} || say "warning ${name} cannot be set to '${value}'"`;
  });
  // The host name by both ways: the file is the machine's root's alone, the program may be missing.
  return `
say() { printf '${LINE_PREFIX}%s\\n' "$*" >&2; }
put() { { printf '%s\\n' "$2" >"/proc/sys/$1"; } 2>/dev/null; }
${sysctls.join('\n')}
put kernel/hostname "$${v.hostName}" || hostname "$${v.hostName}" 2>/dev/null || say "warning the host name cannot be set"
say ready
read -r go || exit 1
ip ${isV6(network) ? '-6' : '-4'} -batch - <<'END' || exit 1
${ipBatch(network).join('\n')}
END
${coverScript(overlays)}
cd -- "$${v.directory}" || exit 1
if [ -n "$${v.user}" ]; then
  group=$(id -g -- "$${v.user}") || exit 1
fi
say started
put kernel/ns_last_pid ${SERVER_PID - 1} || :
(
  eval "set -- $${v.environment}"
  set -- env -i "$@" sh -c "$${v.command}"
  if [ -n "$${v.user}" ]; then
    set -- setpriv --reuid="$${v.user}" --regid="$group" --init-groups -- "$@"
  fi
  exec </dev/null 2>&3 3>&-
  exec setsid -- ${sameAddresses ? 'setarch -R ' : ''}"$@"
)
say "exit $?"
exec 3>&- >/dev/null
while read -r word; do
  [ "$word" != sweep ] || kill -KILL -1 2>/dev/null
done
`;
}

/** Mounts overlays. What the kernel refuses is told by `say`: a warning, and `uncovered` with its index. */
export function coverScript(overlays: readonly Overlay[]): string {
  const attempts = overlays.map(({ directory, layer }, index) => {
    const refused = `say ${shellQuote(`warning ${uncoveredWarning(directory)}:`)} "$reason"; say uncovered ${index}`;
    return `reason=$(cover ${shellQuote(layer)} ${shellQuote(directory)} 2>&1) || { ${refused}; }`;
  });
  // From inside the layer: what stands in the options are its own three names.
  return `
cover() {
  cd -- "$1" || return 1
  for options in ${overlayKind().mountOptions.join(' ')}; do
    mount -t overlay -o "lowerdir=lower,upperdir=upper,workdir=work,$options" overlay "$2" && return 0
  done
  return 1
}
${attempts.join('\n')}`;
}

function sysctlPath(name: string): string {
  return name.replaceAll('.', '/');
}

/** Lines for `ip -batch`: one process for the whole network. */
function ipBatch(network: InitNetwork): string[] {
  const nodad = isV6(network) ? ' nodad' : '';
  return [
    'link set dev lo up',
    // Without multicast the kernel has no groups to report from this device.
    `link set dev ${network.tunName} name ${SERVICE_INTERFACE} mtu ${network.mtu} txqueuelen 10000 multicast off`,
    `address add ${network.address}/${network.prefix} dev ${SERVICE_INTERFACE}${nodad}`,
    `link set dev ${SERVICE_INTERFACE} up`,
    `route add default dev ${SERVICE_INTERFACE}`,
  ];
}

function isV6(network: InitNetwork): boolean {
  return network.address.includes(':');
}

export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
