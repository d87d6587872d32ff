/**
 * A service's configuration: from a YAML file to a `ServiceConfig` that the rest of the daemon can rely on, or to an
 * error that lists everything that is wrong with its place in the file. Keys and defaults: `config-schema.ts`; for
 * people: docs/configuration.md.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { INTERVALS_PER_TIMEOUT_MIN } from '../detector/gap-histogram.ts';
import {
  type LogConfig,
  logConfig,
  parseConfigFile,
  readConfigText,
  readersProblem,
  reasonOf,
  refuse,
  resolveKey,
} from './config-file.ts';
import type { Problem } from './config-problems.ts';
import { type ParsedFile, SCHEMA, type TlsConfig, type WitnessConfig } from './config-schema.ts';
import type { Endpoint } from './config-values.ts';
import { certifiedName, credentialProblems } from './link-credentials.ts';
import { formatBytes } from './units.ts';

export type { TlsConfig, WitnessConfig } from './config-schema.ts';
export type { Endpoint } from './config-values.ts';

export interface ReplicaConfig {
  readonly name: string;
  /** Where this replica takes the replication link (TCP). */
  readonly link: Endpoint;
  /** Where it hears heartbeats (UDP); paths are paired by index with the other replica's. */
  readonly heartbeat: readonly Endpoint[];
}

export interface ServerConfig {
  /** Run by `sh -c` in the enclosure. */
  readonly command: string;
  readonly user?: string;
  readonly directory?: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Where the server's own output goes; absent: into the daemon's log. */
  readonly log?: string;
  /** Between SIGTERM and SIGKILL. */
  readonly stopTimeoutMs: number;
  /** The server has ended by itself: how long its clients may acknowledge nothing of what is still to be sent. */
  readonly lingerTimeoutMs: number;
  /** After a takeover: how long the server may make no progress towards what the other one had done. */
  readonly catchUpTimeoutMs: number;
}

export interface DetectConfig {
  readonly intervalMs: number;
  /** `auto`: 5 ms with real-time priority, 50 ms without. */
  readonly timeoutMs: number | 'auto';
  /** Silence after which a primary removes its backup; `auto`: six times the timeout. */
  readonly removeTimeoutMs: number | 'auto';
  /** An unacknowledged log entry of this age is a suspicion. */
  readonly ackTimeoutMs: number;
  /** A data worker that made no progress for so long is a suspicion. */
  readonly stallTimeoutMs: number;
}

export interface LimitsConfig {
  readonly connections: number;
  readonly halfOpen: number;
  readonly logBytes: number;
  readonly releaseBytes: number;
  readonly connectionBytes: number;
  readonly totalBytes: number;
  readonly snoopBytes: number;
}

/** The log of a cold backup, on its disk. */
export interface RetainedConfig {
  readonly directory: string;
  /** Bound of its files. */
  readonly bytes: number;
  readonly segmentBytes: number;
  /** On its way to the disk; a power of two. */
  readonly memoryBytes: number;
  /** Whether entries are on the disk before they are acknowledged. */
  readonly sync: 'none' | 'batch';
  readonly onLogFull: 'unprotect' | 'stall';
  /** Whether connections that are over have left state. */
  readonly replayClosed: boolean;
}

export interface ServiceConfig {
  readonly service: string;
  readonly address: { readonly ip: string; readonly prefix: number };
  readonly lan: { readonly interface: string; readonly mtu: number };
  readonly server: ServerConfig;
  /** What the two servers are given alike: each connection's bytes, or what they learn from the system too. */
  readonly level: 'stream' | 'recorded';
  /** What a host that takes over does with a connection on which the two servers have differed. */
  readonly onDivergence: 'reset' | 'continue';
  readonly self: string;
  /** Index of `self` in `replicas`; 0 starts as the primary. */
  readonly selfIndex: number;
  /** The other replica; absent when there is only one. */
  readonly peer?: ReplicaConfig;
  readonly replicas: readonly ReplicaConfig[];
  readonly detect: DetectConfig;
  readonly witness: WitnessConfig;
  /** At least 16 bytes; authenticates heartbeats and the link. */
  readonly key: Uint8Array;
  /** Where the key was read from; absent: it stands in the configuration itself. */
  readonly keyFile?: string;
  /** The link is encrypted; absent: it is plain. */
  readonly tls?: TlsConfig;
  /** The operator knows that it is plain although it carries key material. */
  readonly insecure: boolean;
  /** Whether a new primary wakes clients from their retransmission timers by ICMP. */
  readonly nudge: 'auto' | 'off';
  /** When a backup hears what clients send to the primary. */
  readonly snoop: 'never' | 'reactive' | 'permanent';
  /** Whether clients are answered before the server of a new primary has recovered. */
  readonly takeover: 'first' | 'after-recovery';
  /** A cold backup runs no server: it keeps the log, and replays it when it takes over. */
  readonly backup: 'hot' | 'cold';
  /** Directories that the server changes: a replay works on what they were. */
  readonly state: readonly string[];
  readonly retained: RetainedConfig;
  /** The least that a recovery takes. */
  readonly recoveryDelayMs: number;
  readonly realtime: 'auto' | 'off';
  /** Path of the control socket. */
  readonly control: string;
  readonly log: LogConfig;
  readonly limits: LimitsConfig;
}

/** The shortest that `timeout: auto` can turn out to be. */
const AUTO_TIMEOUT_MIN_MS = 5;
const REPLICAS_MAX = 2;

/** @throws FttcpError `config-unreadable` (no such file, no permission) or `config-invalid` (every problem, one a line). */
export function loadConfig(path: string): ServiceConfig {
  return parseConfig(readConfigText(path), path);
}

/** @throws FttcpError `config-invalid`: every problem, one a line, each with `file:line:column` and key path. */
export function parseConfig(text: string, fileName: string): ServiceConfig {
  const { file, source } = parseConfigFile('service', SCHEMA, text, fileName);
  const problems = [
    ...addressProblems(file),
    ...replicaProblems(file),
    ...witnessProblems(file),
    ...detectProblems(file),
    ...limitProblems(file),
    ...retainedProblems(file),
    ...stateProblems(file),
    ...encryptionProblems(file),
    ...tlsProblems(file),
  ];
  const key = resolveKey(file, [], problems);
  if (problems.length > 0 || key === undefined) refuse(source, problems);
  return resolve(file, key);
}

/** RFC 8200 §5: a kernel takes IPv6 off an interface with less. */
const IPV6_MTU_MIN = 1280;

function* addressProblems({ address, lan }: ParsedFile): Iterable<Problem> {
  if (!address.ip.includes(':') || lan.mtu >= IPV6_MTU_MIN) return;
  yield { path: ['lan', 'mtu'], text: `; allowed: at least ${IPV6_MTU_MIN} with an IPv6 address` };
}

function* replicaProblems({ address, self, replicas }: ParsedFile): Iterable<Problem> {
  if (replicas.length < 1 || replicas.length > REPLICAS_MAX) {
    const more = replicas.length > REPLICAS_MAX ? ' (more than two are not supported yet)' : '';
    yield { path: ['replicas'], text: ` of ${replicas.length}${more}; allowed: 1 or 2 replicas` };
  }
  const names = replicas.map((replica) => replica.name);
  if (!names.includes(self)) yield { path: ['self'], text: `; allowed: the name of a replica, ${names.join(' or ')}` };

  const paths = replicas[0]?.heartbeat.length ?? 0;
  const takenBy = new Map<string, string>();
  for (const [index, { name, link, heartbeat }] of replicas.entries()) {
    const at = ['replicas', index];
    if (names.indexOf(name) !== index) {
      yield { path: [...at, 'name'], text: '; allowed: a name that no other replica has' };
    }
    if (heartbeat.length === 0 || heartbeat.length !== paths) {
      const allowed = 'at least one path, and as many on each replica: they are paired by index';
      yield { path: [...at, 'heartbeat'], text: ` of ${heartbeat.length}; allowed: ${allowed}` };
    }
    const endpoints: [PropertyKey[], string, Endpoint][] = [[[...at, 'link'], 'tcp', link]];
    for (const [path, it] of heartbeat.entries()) endpoints.push([[...at, 'heartbeat', path], 'udp', it]);
    for (const [path, protocol, { host, port }] of endpoints) {
      const endpoint = `${protocol} ${host}:${port}`;
      if (host === address.ip) {
        yield { path, text: "; allowed: an address of the replica's own (this one is the service's)" };
      } else if (takenBy.has(endpoint)) {
        yield { path, text: `; allowed: an address and port not in use elsewhere (${takenBy.get(endpoint)} has it)` };
      }
      takenBy.set(endpoint, name);
    }
  }
}

function* witnessProblems({ witness, address, replicas }: ParsedFile): Iterable<Problem> {
  if (witness.kind === 'none') return;
  const { host } = witness.endpoint;
  const path = ['witness', 'embedded'];
  if (host === address.ip)
    yield { path, text: "; allowed: an address of the witness's own (this one is the service's)" };
  const shared = replicas.find(({ link, heartbeat }) =>
    [link, ...heartbeat].some((endpoint) => endpoint.host === host),
  );
  if (shared === undefined) return;
  const reason = `replica ${shared.name} has it, whose end would be the witness's too`;
  yield { path, text: `; allowed: an address of a third host (${reason})` };
}

function* detectProblems({ detect }: ParsedFile): Iterable<Problem> {
  const { interval, timeout } = detect;
  const least = INTERVALS_PER_TIMEOUT_MIN * interval;
  if (timeout === 'auto' && least > AUTO_TIMEOUT_MIN_MS) {
    const allowed = `at most ${AUTO_TIMEOUT_MIN_MS / INTERVALS_PER_TIMEOUT_MIN}ms with timeout auto, which can be ${AUTO_TIMEOUT_MIN_MS}ms`;
    yield { path: ['detect', 'interval'], text: `; allowed: ${allowed}` };
  } else if (timeout !== 'auto' && timeout < least) {
    const allowed = `auto or at least ${least}ms, ${INTERVALS_PER_TIMEOUT_MIN} times the interval`;
    yield { path: ['detect', 'timeout'], text: `; allowed: ${allowed}` };
  }
}

function* limitProblems({ limits }: ParsedFile): Iterable<Problem> {
  if (limits.connectionBytes > limits.logBytes) {
    const [own, whole] = [formatBytes(limits.connectionBytes), formatBytes(limits.logBytes)];
    const text = `${own} is more than the whole log has; allowed: at most limits.logBytes, ${whole}`;
    yield { path: ['limits', 'connectionBytes'], text, bare: true };
  }
  if (limits.totalBytes < limits.connectionBytes) {
    const [total, own] = [formatBytes(limits.totalBytes), formatBytes(limits.connectionBytes)];
    const text = `${total} is less than one connection may have; allowed: at least limits.connectionBytes, ${own}`;
    yield { path: ['limits', 'totalBytes'], text, bare: true };
  }
}

function* retainedProblems({ retained }: ParsedFile): Iterable<Problem> {
  const { memoryBytes, segmentBytes, bytes } = retained;
  if (Math.log2(memoryBytes) % 1 !== 0) {
    yield { path: ['retained', 'memoryBytes'], text: '; allowed: a power of two, such as 32MiB' };
  }
  if (segmentBytes > bytes) {
    const allowed = `at most retained.bytes, ${formatBytes(bytes)}`;
    yield { path: ['retained', 'segmentBytes'], text: `; allowed: ${allowed}` };
  }
}

/** Overlays neither cover each other nor what they are made of. */
function* stateProblems(file: ParsedFile): Iterable<Problem> {
  const layers = retainedDirectory(file);
  for (const [index, directory] of file.state.entries()) {
    const other = [...file.state.slice(0, index), layers].find(
      (it) => isWithin(it, directory) || isWithin(directory, it),
    );
    if (other === undefined) continue;
    const whose = other === layers ? 'retained.directory' : 'of the same list';
    yield { path: ['state', index], text: `; allowed: a directory neither in nor around ${other} (${whose})` };
  }
}

/** What a recorded server has drawn as random numbers, keys are made of. */
function* encryptionProblems({ level, tls, insecure, service, replicas }: ParsedFile): Iterable<Problem> {
  if (tls !== undefined && insecure === 'true') {
    yield { path: ['insecure'], text: '; allowed: false with tls, which encrypts the link' };
  }
  if (level !== 'recorded' || tls !== undefined || insecure === 'true' || replicas.length < 2) return;
  const names = replicas.map(({ name }) => name).join(',');
  const make = `made by: fttcp keygen --service ${service} --replicas ${names}`;
  const allowed = `recorded with tls (${make}), or with insecure: true, for a cable of its own between the hosts`;
  yield { path: ['level'], text: ` (its randomness would cross the link in plain); allowed: ${allowed}` };
}

function* tlsProblems({ service, self, tls }: ParsedFile): Iterable<Problem> {
  if (tls === undefined) return;
  const content: Partial<Record<keyof TlsConfig, string>> = {};
  for (const file of ['certificate', 'key', 'authority'] as const) {
    const path = ['tls', file];
    try {
      content[file] = readFileSync(tls[file], 'utf8');
      const readers = file === 'key' ? readersProblem(tls.key) : '';
      if (readers !== '') yield { path, text: ` ${readers}` };
    } catch (cause) {
      yield { path, text: ` (cannot be read: ${reasonOf(cause)}); allowed: a file made by fttcp keygen` };
    }
  }
  const { certificate, key, authority } = content;
  if (certificate === undefined || key === undefined || authority === undefined) return;
  const name = certifiedName(service, self);
  for (const { file, reason, allowed } of credentialProblems({ certificate, key, authority }, name)) {
    yield { path: ['tls', file], text: ` (${reason}); allowed: ${allowed}` };
  }
}

function isWithin(directory: string, place: string): boolean {
  return !/^\.\.(\/|$)/.test(relative(place, directory));
}

function retainedDirectory({ service, retained }: ParsedFile): string {
  return retained.directory ?? `/var/lib/fttcp/${service}`;
}

function resolve(file: ParsedFile, key: Uint8Array): ServiceConfig {
  const { service, address, lan, level, onDivergence, self, replicas, witness, nudge, realtime, limits } = file;
  const { snoop, takeover, recoveryDelay, backup, state, retained, tls, insecure } = file;
  const {
    command,
    user,
    directory,
    environment,
    log: serverLog,
    stopTimeout,
    lingerTimeout,
    catchUpTimeout,
  } = file.server;
  const { interval, timeout, removeTimeout, ackTimeout, stallTimeout } = file.detect;
  const selfIndex = replicas.findIndex((replica) => replica.name === self);
  const peer = replicas.find((replica) => replica.name !== self);
  return {
    service,
    address,
    lan,
    server: {
      command,
      ...(user === undefined ? {} : { user }),
      ...(directory === undefined ? {} : { directory }),
      environment,
      ...(serverLog === undefined ? {} : { log: serverLog }),
      stopTimeoutMs: stopTimeout,
      lingerTimeoutMs: lingerTimeout,
      catchUpTimeoutMs: catchUpTimeout,
    },
    level,
    onDivergence,
    self,
    selfIndex,
    ...(peer === undefined ? {} : { peer }),
    replicas,
    detect: {
      intervalMs: interval,
      timeoutMs: timeout,
      removeTimeoutMs: removeTimeout,
      ackTimeoutMs: ackTimeout,
      stallTimeoutMs: stallTimeout,
    },
    witness,
    key,
    ...(file.keyFile === undefined ? {} : { keyFile: file.keyFile }),
    ...(tls === undefined ? {} : { tls }),
    insecure: insecure === 'true',
    nudge,
    snoop,
    takeover,
    recoveryDelayMs: recoveryDelay,
    backup,
    state,
    retained: {
      ...retained,
      directory: retainedDirectory(file),
      replayClosed: retained.replayClosed === 'true',
    },
    realtime,
    control: file.control ?? `/run/fttcp/${service}.sock`,
    log: logConfig(file.log),
    limits,
  };
}
