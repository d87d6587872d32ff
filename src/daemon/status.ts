/**
 * What a daemon says about itself: the stable JSON of `fttcp status --json` (docs/cli.md) and the same for people.
 * The daemon fills it in; nothing here knows where the numbers come from.
 */
import { ADVICE_AFTER_MS } from '../detector/gap-histogram.ts';
import type { Role } from '../detector/heartbeat.ts';
import { formatBytes, formatDuration } from './units.ts';

export interface PeerStatus {
  readonly name: string;
  /** Heartbeats arrive within the detection timeout. */
  readonly heard: boolean;
  /** Age of the last heartbeat; null: none yet. */
  readonly lastHeardMs: number | null;
  readonly role: Role | null;
  readonly epoch: number | null;
  /** The peer's own LAN link, as it says; null: it has not said. */
  readonly lanUp: boolean | null;
}

export interface ConnectionStatus {
  readonly id: number;
  /** `ip:port`. */
  readonly client: string;
  readonly service: string;
  /** A state name of RFC 9293. */
  readonly state: string;
  /** Client to service. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Logged, but not yet fed to this host's server. */
  readonly unfedBytes: number;
  /** The two servers' outputs differ: reset at failover rather than continued wrong. */
  readonly diverged: boolean;
}

export interface ViewStatus {
  readonly epoch: number;
  /** Names of replicas; `?3` for a place that is not configured here. */
  readonly primary: string;
  readonly backups: readonly string[];
}

export interface WitnessStatus {
  readonly kind: 'embedded';
  /** `ip:port`. */
  readonly address: string;
  /** It has answered of late. */
  readonly reachable: boolean;
  /** Age of the last answer; null: none yet. */
  readonly lastAnswerMs: number | null;
  /** Why it could not store what it was asked last; '' if nothing is wrong. */
  readonly problem: string;
  /** The view as it told it last; null: none yet. */
  readonly view: ViewStatus | null;
}

/** The log of a cold host. */
export interface RetainedStatus {
  /** Of the log, since this host joined. */
  readonly bytes: number;
  readonly bytesOnDisk: number;
  /** Why nothing is written at present; '' if nothing is wrong. */
  readonly problem: string;
}

/** A replay that is under way. */
export interface RecoveryStatus {
  /** Of the log. */
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly connections: number;
  readonly elapsedMs: number;
}

/** Of a server at level `recorded`. */
export interface NorthStatus {
  /** Whether its processes learn from the system, or are given what the primary's have learnt. */
  readonly mode: 'record' | 'replay';
  /** Of the recording since the server's start. */
  readonly bytes: number;
  /** Of the recording: what they have before them. */
  readonly lagBytes: number;
  /** For how long they have been behind. */
  readonly lagMs: number;
  /** The longest in the last minute or two. */
  readonly lagMaxMs: number;
  /** Processes that did otherwise than was recorded. */
  readonly divergences: number;
  /** Programs that the server has started and that are not recorded. */
  readonly unprotectedPrograms: number;
}

/** Between the replicas. */
export interface LinkStatus {
  /** Nothing is said over it that is not. */
  readonly encrypted: boolean;
  /** Of this replica's certificate; null: not encrypted, or it cannot be read. */
  readonly certificateExpiresIso: string | null;
}

export interface FailoverStatus {
  readonly atIso: string;
  readonly epoch: number;
  readonly reason: string;
  readonly detectedAfterSilenceMs: number;
  readonly promotionMs: number;
  readonly connections: number;
}

export interface Status {
  readonly service: string;
  readonly self: string;
  readonly role: Role;
  readonly epoch: number;
  readonly view: ViewStatus;
  /** null with `witness: none`. */
  readonly witness: WitnessStatus | null;
  readonly backup: 'hot' | 'cold';
  /** null with `backup: hot`. */
  readonly retained: RetainedStatus | null;
  /** null unless a cold host replays its log. */
  readonly recovery: RecoveryStatus | null;
  /** The backup is in the view and holds the whole log. */
  readonly level: boolean;
  /** `reason`: why not all of them are. */
  readonly protected: { readonly connections: number; readonly reason?: string };
  readonly peer: PeerStatus | null;
  readonly lan: { readonly interface: string; readonly up: boolean };
  /** null without a peer. */
  readonly link: LinkStatus | null;
  readonly server: {
    readonly pid: number | null;
    readonly running: boolean;
    /** TCP ports. */
    readonly listening: readonly number[];
    readonly restarts: 0;
  };
  /** null at level `stream`, and while there is no server. */
  readonly north: NorthStatus | null;
  readonly log: {
    readonly position: number;
    readonly acknowledged: number;
    readonly lagBytes: number;
    readonly oldestUnackedMs: number;
  };
  /** Of the connections' buffers, beyond what each has for itself. */
  readonly memory: {
    /** In use on this host. */
    readonly keptBytes: number;
    /** Primary: what clients have sent and the backup's server has not taken, as last heard. */
    readonly unfedBytes: number;
    /** limits.totalBytes */
    readonly mostBytes: number;
  };
  readonly connections: readonly ConnectionStatus[];
  readonly counters: Readonly<Record<string, number>>;
  readonly lastFailover: FailoverStatus | null;
  readonly detector: {
    readonly timeoutMs: number;
    readonly intervalMs: number;
    readonly realtime: boolean;
    readonly maxGapMs: number;
    readonly p99GapMs: number;
    readonly suspicions: number;
    /** How long heartbeats were listened to: what the next two rest on. */
    readonly observedMs: number;
    /** False suspicions that each of these timeouts would make in an hour; empty before any heartbeat. */
    readonly falsePerHour: readonly { readonly timeoutMs: number; readonly perHour: number }[];
    /** null: too little was heard to advise, or none of the candidates would do. */
    readonly advisedTimeoutMs: number | null;
  };
  readonly uptimeMs: number;
  readonly pid: number;
  readonly version: string;
}

/** More connections than this are counted, not listed. */
const CONNECTIONS_SHOWN_MAX = 20;

/** Several lines for a person, the most important first, without a closing newline. */
export function formatStatus(status: Status): string {
  const lines = [
    `${status.service} on ${status.self}: ${status.role}, epoch ${status.epoch}, up ${formatDuration(status.uptimeMs)} (fttcp ${status.version}, pid ${status.pid})`,
    protection(status),
    ...divergence(status),
    '',
    ...table(rows(status)),
  ];
  if (status.connections.length > 0) lines.push('', ...connectionTable(status.connections));
  return lines.join('\n');
}

/** The question that brings people here, answered in a sentence. */
function protection(status: Status): string {
  const count = status.connections.length;
  const { connections, reason } = status.protected;
  const because = reason ?? guessReason(status);
  if (status.level && connections >= count && reason === undefined) {
    return count === 0
      ? 'protected: a crash of the primary would be survived'
      : `protected: ${counted(count, 'connection')} would survive a crash of the primary`;
  }
  if (connections === 0) return `NOT PROTECTED: ${because}`;
  return `PARTLY PROTECTED: ${connections} of ${counted(count, 'connection')}; ${because}`;
}

/** What the operator has to know before the failover does. */
function divergence({ counters }: Status): string[] {
  const { divergences = 0 } = counters;
  if (divergences === 0) return [];
  return [
    `DIVERGED: the two servers have answered differently on ${counted(divergences, 'connection')} since the start; ` +
      'a failover resets those that are still open, unless onDivergence says otherwise.',
    'Clocks, randomness and counters in answers do that, or files that differ: see "Is your server suited?" in docs/deploy.md.',
  ];
}

function guessReason({ role, peer, level, view }: Status): string {
  if (role === 'starting' || role === 'stopping') return `this replica is ${role}`;
  if (role === 'removed') return 'this replica was removed from the view; restart it to rejoin';
  if (peer === null) return 'only one replica is configured';
  if (!peer.heard) return `nothing is heard from ${peer.name}`;
  if (view.backups.length === 0) return 'no backup is in the view';
  if (!level) return 'the backup does not hold the whole log yet';
  return 'some connections are not replicated';
}

function rows(status: Status): [string, string][] {
  const { view, witness, peer, lan, link, log, detector, lastFailover } = status;
  const shown: [string, string][] = [
    ['view', viewInWords(view)],
    ['witness', witness === null ? 'none' : witnessInWords(witness)],
    ['peer', peer === null ? 'none' : peerInWords(peer)],
    ['lan', `${lan.interface} ${lan.up ? 'up' : 'DOWN'}`],
    ...(link === null ? [] : [['link', linkInWords(link)] satisfies [string, string]]),
    ['server', serverInWords(status)],
    ...(status.retained === null ? [] : [['retained', retainedInWords(status.retained)] satisfies [string, string]]),
    ...(status.recovery === null ? [] : [['recovery', recoveryInWords(status.recovery)] satisfies [string, string]]),
    ...(status.north === null ? [] : [['north', northInWords(status.north)] satisfies [string, string]]),
    ['log', logInWords(log)],
    [
      'detector',
      `timeout ${formatDuration(detector.timeoutMs)}, heartbeat every ${formatDuration(detector.intervalMs)}, ` +
        `gaps p99 ${formatDuration(detector.p99GapMs)}, max ${formatDuration(detector.maxGapMs)}, ` +
        `${counted(detector.suspicions, 'suspicion')}, ${detector.realtime ? 'real-time priority' : 'no real-time priority'}`,
    ],
    ['advice', adviceInWords(detector)],
  ];
  if (lastFailover !== null) {
    const { atIso, epoch, reason, detectedAfterSilenceMs, promotionMs, connections } = lastFailover;
    shown.push([
      'failover',
      `${atIso} to epoch ${epoch}: ${reason}; after ${formatDuration(detectedAfterSilenceMs)} of silence, ` +
        `promoted in ${formatDuration(promotionMs)}, ${counted(connections, 'connection')}`,
    ]);
  }
  return shown;
}

function linkInWords({ encrypted, certificateExpiresIso }: LinkStatus): string {
  if (!encrypted) return 'not encrypted';
  return `encrypted, certificate ${certificateExpiresIso === null ? 'UNREADABLE' : `until ${certificateExpiresIso}`}`;
}

function serverInWords({ server, backup, role }: Status): string {
  const { running, pid, listening } = server;
  if (!running) return backup === 'cold' && role !== 'primary' ? 'not started: this backup is cold' : 'NOT RUNNING';
  const ports = listening.length === 0 ? 'not listening' : `listening on ${listening.join(', ')}`;
  return `running${pid === null ? '' : `, pid ${pid}`}, ${ports}`;
}

function northInWords({ mode, lagBytes, lagMs, lagMaxMs, divergences, unprotectedPrograms }: NorthStatus): string {
  const lag = `${formatBytes(lagBytes)} behind for ${formatDuration(lagMs)}, ${formatDuration(lagMaxMs)} at most lately`;
  const parts = [mode === 'record' ? 'recording' : `replaying, ${lagBytes === 0 ? 'level' : lag}`];
  if (divergences > 0) parts.push(`DIVERGED ${divergences} times`);
  if (unprotectedPrograms > 0) parts.push(`${counted(unprotectedPrograms, 'program')} NOT RECORDED`);
  return parts.join(', ');
}

function retainedInWords({ bytes, bytesOnDisk, problem }: RetainedStatus): string {
  const kept = `${formatBytes(bytes)} of log, ${formatBytes(bytesOnDisk)} on the disk`;
  return problem === '' ? kept : `${kept}; ${problem.toUpperCase()}`;
}

function recoveryInWords({ bytes, bytesTotal, connections, elapsedMs }: RecoveryStatus): string {
  const share = bytesTotal === 0 ? 100 : Math.floor((100 * bytes) / bytesTotal);
  return (
    `replaying, ${share} %: ${formatBytes(bytes)} of ${formatBytes(bytesTotal)}, ` +
    `${counted(connections, 'connection')} in ${formatDuration(elapsedMs)}`
  );
}

function viewInWords({ epoch, primary, backups }: ViewStatus): string {
  return `epoch ${epoch}, primary ${primary}, ${backups.length === 0 ? 'no backup' : `backup ${backups.join(', ')}`}`;
}

function witnessInWords({ address, reachable, lastAnswerMs, problem, view }: WitnessStatus): string {
  const age = lastAnswerMs === null ? 'never answered' : `answered ${formatDuration(lastAnswerMs)} ago`;
  const parts = [reachable ? age : age.toUpperCase()];
  if (problem !== '') parts.push(`CANNOT STORE (${problem})`);
  if (lastAnswerMs !== null) parts.push(view === null ? 'no view yet' : viewInWords(view));
  return `${address}: ${parts.join(', ')}`;
}

function adviceInWords({ observedMs, falsePerHour, advisedTimeoutMs }: Status['detector']): string {
  const heard = `${formatDuration(observedMs)} of heartbeats`;
  if (observedMs < ADVICE_AFTER_MS) return `none yet: ${heard}, it takes ${formatDuration(ADVICE_AFTER_MS)}`;
  if (advisedTimeoutMs !== null) return `timeout ${formatDuration(advisedTimeoutMs)}, by ${heard}`;
  const longest = falsePerHour.at(-1);
  const often =
    longest === undefined
      ? ''
      : `: ${formatDuration(longest.timeoutMs)} would suspect falsely ${longest.perHour.toPrecision(2)} times an hour`;
  return `a timeout longer than those that are judged, by ${heard}${often}`;
}

function logInWords({ position, acknowledged, lagBytes, oldestUnackedMs }: Status['log']): string {
  if (position === acknowledged) return `position ${position}, all acknowledged`;
  return `position ${position}, ${formatBytes(lagBytes)} unacknowledged for ${formatDuration(oldestUnackedMs)}`;
}

function peerInWords({ name, heard, lastHeardMs, role, epoch, lanUp }: PeerStatus): string {
  const age = lastHeardMs === null ? 'never heard' : `heard ${formatDuration(lastHeardMs)} ago`;
  const parts = [heard ? age : age.toUpperCase()];
  if (role !== null) parts.push(role);
  if (epoch !== null) parts.push(`epoch ${epoch}`);
  if (lanUp === false) parts.push('its LAN is DOWN');
  return `${name}: ${parts.join(', ')}`;
}

function connectionTable(connections: readonly ConnectionStatus[]): string[] {
  const head = ['ID', 'CLIENT', 'SERVICE', 'STATE', 'IN', 'OUT', 'UNFED', ''];
  const body = connections
    .slice(0, CONNECTIONS_SHOWN_MAX)
    .map(({ id, client, service, state, bytesIn, bytesOut, unfedBytes, diverged }) => [
      String(id),
      client,
      service,
      state,
      formatBytes(bytesIn),
      formatBytes(bytesOut),
      formatBytes(unfedBytes),
      diverged ? 'DIVERGED' : '',
    ]);
  const rest = connections.length - body.length;
  return [...table([head, ...body]), ...(rest > 0 ? [`… and ${rest} more`] : [])];
}

function table(cells: readonly (readonly string[])[]): string[] {
  const columns = Math.max(...cells.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
