/**
 * The service under test: two or more replicas that run `fttcp up`, or with `--direct` the same server alone. Prepares
 * their directories, starts them, and tells when they are ready and who is the primary.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { requestStatus } from '../daemon/control.ts';
import { shellQuote } from '../daemon/enclosure-init.ts';
import type { Status } from '../daemon/status.ts';
import { FttcpError } from '../errors.ts';
import { childrenOf, listeningPorts } from '../linux/process.ts';
import { READY_TIMEOUT_MS, until } from './clock.ts';
import { DaemonLog } from './daemon-log.ts';
import type { Programs } from './faults.ts';
import { type Host, type Hosts, lanAddress, linkAddress, SERVICE_NAME } from './hosts.ts';
import { fttcpCommand, startWithOutput } from './programs.ts';
import { WITNESS_ENDPOINT, WitnessProcess } from './witness-process.ts';

const LINK_PORT = 7400;
const HEARTBEAT_PORT = 7401;
const LOG_TAIL_CHARACTERS = 2000;

/** Keys of a service's configuration that the lab takes from its caller; the words are judged by whoever reads them. */
export interface ServiceSettings {
  level?: ServiceLevel | undefined;
  backup?: BackupKind | undefined;
  nudge?: 'auto' | 'off' | undefined;
  snoop?: SnoopMode | undefined;
  takeover?: TakeoverPolicy | undefined;
  /** For example `2.5s`. */
  recoveryDelay?: string | undefined;
}

export const SERVICE_LEVELS = ['stream', 'recorded'] as const;
export type ServiceLevel = (typeof SERVICE_LEVELS)[number];
export const BACKUP_KINDS = ['hot', 'cold'] as const;
export type BackupKind = (typeof BACKUP_KINDS)[number];
export const SNOOP_MODES = ['never', 'reactive', 'permanent'] as const;
export type SnoopMode = (typeof SNOOP_MODES)[number];
export const TAKEOVER_POLICIES = ['first', 'after-recovery'] as const;
export type TakeoverPolicy = (typeof TAKEOVER_POLICIES)[number];

export interface ServiceOptions {
  server: string;
  port: number;
  /** Copied for each replica. */
  state?: string | undefined;
  direct: boolean;
  /** A service.yaml whose other settings (limits, detect, …) are taken over. */
  config?: string | undefined;
  detectTimeout?: string | undefined;
  settings: ServiceSettings;
  /** The replication link is, with keys of this run. */
  encrypted: boolean;
  mtu?: number | undefined;
  environment: NodeJS.ProcessEnv;
  scratch: string;
  signal?: AbortSignal | undefined;
}

interface Replica {
  host: Host;
  child: ChildProcess;
  control: string;
  log: DaemonLog;
  /** Where the daemon's (with --direct the server's) own output goes. */
  output: string;
}

/** What can be looked at while it runs. */
export interface RunningReplica {
  name: string;
  /** The daemon, or with --direct the shell that became the server, by the lab's own numbering. */
  pid: number;
  /** Path of the control socket. */
  control: string;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #replicas: Replica[];
  /** Undefined where the lab has none. */
  readonly witness: WitnessProcess | undefined;

  private constructor(options: ServiceOptions, replicas: Replica[], witness: WitnessProcess | undefined) {
    this.#options = options;
    this.#replicas = replicas;
    this.witness = witness;
  }

  /** @throws FttcpError `usage` when --state or --config cannot be read */
  static async start(hosts: Hosts, options: ServiceOptions): Promise<Service> {
    const extra = options.config === undefined ? {} : readConfig(options.config);
    const key = randomBytes(16).toString('hex');
    const witness =
      hosts.witness === undefined
        ? undefined
        : new WitnessProcess(hosts.witness, options.scratch, key, options.environment);
    await witness?.begin();
    mkdirSync(commonDirectory(options.scratch));
    if (options.encrypted) await makeKeys(hosts, options.scratch);
    const replicas = hosts.replicas.map((host, index): Replica => {
      const { scratch } = options;
      const directory = path.join(scratch, host.name);
      copyState(options.state, directory);
      const output = path.join(scratch, `${host.name}.out`);
      const control = path.join(scratch, `${host.name}.sock`);
      const log = new DaemonLog(host.name, path.join(scratch, `${host.name}.log`));
      const child = options.direct
        ? startServer(host, hosts.ends.service, options, directory, output)
        : startDaemon(host, options, serviceYaml(hosts, index, key, extra, options), directory, output);
      return { host, child, control, log, output };
    });
    return new Service(options, replicas, witness);
  }

  get logs(): DaemonLog[] {
    return this.#replicas.map((one) => one.log);
  }

  programs(host: Host): Programs {
    const child = this.#replicas.find((one) => one.host === host)?.child;
    if (this.#options.direct) return { server: child?.pid };
    return { daemon: child?.pid, witness: this.witness };
  }

  get running(): RunningReplica[] {
    return this.#replicas.flatMap(({ host, child, control }) => {
      const pid = host.alive && child.pid !== undefined ? childrenOf(child.pid)[0] : undefined;
      return pid === undefined ? [] : [{ name: host.name, pid, control }];
    });
  }

  /** Every file of the run that is worth keeping. */
  get files(): string[] {
    const kinds = ['log', 'out', 'yaml', 'server.log'];
    const ofReplicas = this.#replicas.flatMap(({ host }) =>
      kinds.map((kind) => path.join(this.#options.scratch, `${host.name}.${kind}`)),
    );
    return [...ofReplicas, ...(this.witness?.files ?? [])].filter((file) => existsSync(file));
  }

  /** All servers listen on the port. @throws FttcpError `lab-server` with what they said */
  async listening(): Promise<void> {
    const { port, direct } = this.#options;
    await this.#wait(`its server listens on port ${port}`, async () => {
      if (direct) return this.#replicas.every((one) => listeningPorts(one.host.init).includes(port));
      const all = await this.#statuses();
      return all.every((status) => status !== undefined && (isCold(status) || status.server.listening.includes(port)));
    });
  }

  /** The backup is in the view and holds all that the primary has. */
  async level(): Promise<void> {
    if (this.#options.direct) return;
    await this.#wait('the backup is level', async () => {
      const all = await this.#statuses();
      return all.some((status) => status?.role === 'primary' && status.level) && all.every((status) => status?.level);
    });
  }

  /** Who may not run in time may not judge silence as closely; empty where all may. */
  async slowDetection(): Promise<string> {
    const slow = (await this.#statuses()).find((status) => status !== undefined && !status.detector.realtime);
    if (slow === undefined) return '';
    return `no real-time priority here: silence counts as a crash after ${slow.detector.timeoutMs} ms`;
  }

  /** The host that a fault's host name means now. */
  async resolve(name: string): Promise<Host | undefined> {
    const named = this.#replicas.find((one) => one.host.name === name);
    if (named) return named.host;
    if (this.#options.direct) return name === 'primary' ? this.#replicas[0]?.host : undefined;
    const all = await this.#statuses();
    let found: { host: Host; epoch: number } | undefined;
    for (const [index, replica] of this.#replicas.entries()) {
      const status = all[index];
      if (status?.role !== name || !replica.host.alive) continue;
      // A replica that was cut off may still take itself for the primary of an older epoch.
      if (found === undefined || status.epoch > found.epoch) found = { host: replica.host, epoch: status.epoch };
    }
    return found?.host;
  }

  #statuses(): Promise<(Status | undefined)[]> {
    return Promise.all(
      this.#replicas.map(async ({ host, control }) => {
        if (!host.alive || !existsSync(control)) return undefined;
        return requestStatus(control).catch(() => undefined);
      }),
    );
  }

  async #wait(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const ended = () => this.#replicas.find((one) => one.child.exitCode !== null || one.child.signalCode !== null);
    const { signal } = this.#options;
    const done = await until(async () => ended() !== undefined || condition(), {
      timeoutMs: READY_TIMEOUT_MS,
      everyMs: 10,
      signal,
    });
    if (signal?.aborted) return;
    const gone = ended();
    if (done && gone === undefined) return;
    const said = this.#replicas.map((one) => this.#saidBy(one)).join('');
    if (gone === undefined) {
      throw new FttcpError('lab-server', `After ${READY_TIMEOUT_MS / 1000} s still not so that ${what}.${said}`);
    }
    const program = this.#options.direct ? 'server' : 'daemon';
    throw new FttcpError(
      'lab-server',
      `The ${program} on host ${gone.host.name} ended (${gone.child.signalCode ?? `exit ${gone.child.exitCode}`}) ` +
        `before ${what}.${said}`,
    );
  }

  #saidBy({ host, output }: Replica): string {
    const kinds = this.#options.direct ? [] : ['log', 'server.log'];
    const files = [output, ...kinds.map((kind) => path.join(this.#options.scratch, `${host.name}.${kind}`))];
    return files
      .filter((file) => existsSync(file) && statSync(file).size > 0)
      .map(
        (file) => `\n--- ${path.basename(file)}\n${readFileSync(file, 'utf8').slice(-LOG_TAIL_CHARACTERS).trimEnd()}`,
      )
      .join('');
  }
}

/** A backup that runs no server. */
function isCold({ backup, role }: Status): boolean {
  return backup === 'cold' && role === 'backup';
}

function copyState(state: string | undefined, directory: string): void {
  mkdirSync(directory);
  if (state === undefined) return;
  if (!existsSync(state) || !statSync(state).isDirectory()) {
    throw new FttcpError('usage', `--state ${state} is no directory: name the one that the server starts from.`);
  }
  execFileSync('cp', ['-a', `${state}/.`, directory], { stdio: ['ignore', 'ignore', 'pipe'] });
}

function readConfig(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FttcpError('usage', `--config ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  // Read as text, as the daemon does: a key of hex digits is not a number.
  const found: unknown = parse(text, { schema: 'failsafe' });
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
}

function section(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function keyDirectory(scratch: string): string {
  return path.join(scratch, 'keys');
}

async function makeKeys(hosts: Hosts, scratch: string): Promise<void> {
  // Most runs do without the library that this brings along.
  const { makeKeyFiles } = await import('../daemon/link-key-files.ts');
  const replicas = hosts.replicas.map(({ name }) => name);
  await makeKeyFiles(keyDirectory(scratch), { service: SERVICE_NAME, replicas, days: 365, renew: false, force: false });
}

function tlsSettings(scratch: string, replica: string): Record<string, string> {
  const file = (name: string) => path.join(keyDirectory(scratch), name);
  return { certificate: file(`${replica}.crt`), key: file(`${replica}.key`), authority: file('ca.crt') };
}

/** Writes the replica's configuration: the caller's settings where the lab has none of its own. Returns the file. */
function serviceYaml(
  hosts: Hosts,
  self: number,
  key: string,
  extra: Record<string, unknown>,
  options: ServiceOptions,
): string {
  const name = hosts.replicas[self]?.name ?? '';
  const file = (kind: string) => path.join(options.scratch, `${name}.${kind}`);
  const directory = commonDirectory(options.scratch);
  const { ends } = hosts;
  const address = { FTTCP_ADDRESS: ends.service, FTTCP_PORT: String(options.port) };
  const server = section(extra.server);
  const { keyFile: _, tls: __, ...others } = extra;
  const config = {
    level: 'stream',
    witness: hosts.witness === undefined ? 'none' : { embedded: WITNESS_ENDPOINT },
    ...others,
    service: SERVICE_NAME,
    address: `${ends.service}/${ends.prefix}`,
    ...said(options.settings),
    ...(hasInitialState(options) ? { state: [directory] } : {}),
    lan: { ...section(extra.lan), interface: 'lan0', ...(options.mtu === undefined ? {} : { mtu: options.mtu }) },
    server: {
      ...server,
      command: options.server,
      directory,
      environment: { ...section(server.environment), ...plainEnvironment(options.environment), ...address },
      log: file('server.log'),
    },
    self: name,
    replicas: hosts.replicas.map((host, index) => ({
      name: host.name,
      link: `${linkAddress(index)}:${LINK_PORT}`,
      heartbeat: [`${linkAddress(index)}:${HEARTBEAT_PORT}`, `${lanAddress(index)}:${HEARTBEAT_PORT}`],
    })),
    retained: { ...section(extra.retained), directory: file('retained') },
    detect: { ...section(extra.detect), ...(options.detectTimeout ? { timeout: options.detectTimeout } : {}) },
    key,
    ...(options.encrypted ? { tls: tlsSettings(options.scratch, name) } : {}),
    control: file('sock'),
    log: { ...section(extra.log), file: file('log') },
  };
  writeFileSync(file('yaml'), stringify(config, { defaultStringType: 'QUOTE_DOUBLE' }), { mode: 0o600 });
  return file('yaml');
}

/** The other ones work on their own copy. */
function hasInitialState({ state, settings: { backup, level } }: ServiceOptions): boolean {
  return state !== undefined && (backup === 'cold' || level === 'recorded');
}

function said({ level, backup, nudge, snoop, takeover, recoveryDelay }: ServiceSettings): Record<string, string> {
  const all = Object.entries({ level, backup, nudge, snoop, takeover, recoveryDelay });
  return Object.fromEntries(all.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

/** What a configuration file can carry of it: proper names. */
function plainEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(environment).filter(
    ([name, value]) => /^[A-Za-z_]\w*$/.test(name) && value !== undefined,
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

/** The host sees its own directory where every host has one of that name: a server may tell its clients of it. */
function startDaemon(
  host: Host,
  options: ServiceOptions,
  file: string,
  directory: string,
  output: string,
): ChildProcess {
  // The set-up step has been done by whoever started the lab; two at once would wait for each other.
  const env = { ...options.environment, FTTCP_SKIP_SETUP: '1' };
  const place = [directory, commonDirectory(options.scratch)].map(shellQuote).join(' ');
  const command = `mount --bind ${place} && ${fttcpCommand('up', '-c', file)}`;
  return startWithOutput(host, command, { env, cwd: options.scratch }, output);
}

function commonDirectory(scratch: string): string {
  return path.join(scratch, 'server');
}

function startServer(
  host: Host,
  address: string,
  options: ServiceOptions,
  directory: string,
  output: string,
): ChildProcess {
  const env = { ...options.environment, FTTCP_ADDRESS: address, FTTCP_PORT: String(options.port) };
  return startWithOutput(host, options.server, { env, cwd: directory }, output);
}
