/**
 * The plan of a round: which server, which clients, which faults when, and what must come of it. Decided by the seed and the
 * number of the round alone, given the servers that are there. Pure.
 */
import { assert } from '../src/errors.ts';
import { Random } from '../src/lab/random.ts';
import { BACKUP_KINDS, type BackupKind } from '../src/lab/service.ts';
import { type Expectation, expectationOf } from './expectation.ts';
import { SERVERS, type ServerName, type Traffic } from './traffic.ts';
import type { HostName, TimedFault } from './world.ts';

export interface RoundPlan {
  readonly seed: number;
  /** From 1. */
  readonly round: number;
  readonly server: ServerName;
  /** One entry for each client. */
  readonly traffic: readonly Traffic[];
  /** How long the clients work, unless they are held up. */
  readonly durationMs: number;
  /** Of each transfer. */
  readonly bytesPerMs: number;
  /** Of the LAN and of the replication link; absent: unshaped. */
  readonly rate?: string;
  readonly linkRate?: string;
  readonly ipv6: boolean;
  readonly backup: BackupKind;
  /** What the clients' cable does, as `lab run --cable` takes it; absent: it is kind. */
  readonly cable?: string;
  /** In the order of their times. */
  readonly faults: readonly TimedFault[];
  readonly expected: Expectation;
  /** The only fault is one that makes the backup take over at once: the clients' stall is that of the takeover. */
  readonly plainTakeover: boolean;
}

const CLIENTS_MAX = 20;
/** By then the clients are connected. */
const FIRST_FAULT_MS = 500;
const LAST_BEGIN_MS = 1500;
/** What a host suffers for a time ends within these. */
const TROUBLE_MS = { least: 20, most: 1000 };
const AFTERMATH_MS = 1300;
const ATTEMPTS_MAX = 1000;

const RATES = [
  { rate: '20mbit', mbps: 20 },
  { rate: '100mbit', mbps: 100 },
  { rate: '300mbit', mbps: 300 },
  { rate: '1gbit', mbps: 1000 },
  { mbps: 10_000 },
] as const;
/** What all transfers together carry at most: the disks and processors of one machine have to carry it several times. */
const LOAD_MBPS_MAX = 200;
/** What they come to on a cable that loses segments is decided by the clients' congestion control. */
const UNKIND_LOAD_MBPS_MAX = 20;
/** Instead of an unkindness: each round has its own. */
export const RANDOM_CABLE = 'random';

/** Something that is done to a host, and what ends it. */
interface Trouble {
  readonly weight: number;
  readonly hosts: readonly HostName[];
  /** One of these; `+` joins what is done at once. */
  readonly actions: readonly string[];
  readonly end?: string;
}

const LAN_CUTS = ['cut-lan', 'cut-lan-in', 'cut-lan-out'];
const LINK_CUTS = ['cut-link', 'cut-link-in', 'cut-link-out'];

const TROUBLES: readonly Trouble[] = [
  { weight: 9, hosts: ['a'], actions: ['power-off', 'power-off', 'kill-daemon', 'kill-server'] },
  { weight: 3, hosts: ['a'], actions: ['pause', 'pause', 'stall'], end: 'resume' },
  { weight: 3, hosts: ['a'], actions: ['cut-lan'], end: 'heal' },
  { weight: 2, hosts: ['b'], actions: ['power-off', 'kill-daemon', 'kill-server'] },
  { weight: 1, hosts: ['b'], actions: ['pause', 'stall'], end: 'resume' },
  { weight: 1, hosts: ['a', 'b'], actions: LAN_CUTS, end: 'heal' },
  { weight: 2, hosts: ['a', 'b'], actions: LINK_CUTS, end: 'heal' },
  { weight: 3, hosts: ['a', 'b'], actions: LAN_CUTS.map((cut) => `cut-link+${cut}`), end: 'heal' },
  { weight: 2, hosts: ['witness'], actions: ['witness-stop'], end: 'witness-start' },
  { weight: 2, hosts: ['witness'], actions: ['power-off', 'pause'], end: 'resume' },
  { weight: 2, hosts: ['witness'], actions: ['disk-full', ...LAN_CUTS], end: 'heal' },
  { weight: 2, hosts: ['client'], actions: ['pause'], end: 'resume' },
  { weight: 1, hosts: ['client'], actions: LAN_CUTS, end: 'heal' },
];
/** When they happen to a primary for good. */
const NOTICED_AT_ONCE = ['power-off', 'kill-daemon', 'kill-server', 'pause', 'cut-lan'];
/** For ever, what can not be undone. */
const FINAL = ['power-off', 'kill-daemon', 'kill-server'];
/** The one ends the other, too. */
const PROGRAM_ENDS = ['kill-daemon', 'kill-server'];

export const BACKUPS = [...BACKUP_KINDS, 'mixed'] as const;
export const FAMILIES = ['4', '6', 'mixed'] as const;

/** What is the same in every round. */
export interface Conditions {
  /** An unkindness for every round, or `random`; absent: the clients' cable is kind. */
  readonly cable?: string | undefined;
  /** Of the service's address; `4` by default. */
  readonly family?: (typeof FAMILIES)[number];
  /** `hot` by default. */
  readonly backup?: (typeof BACKUPS)[number];
}

/** @param servers those that are there, at least one */
export function planRound(
  seed: number,
  round: number,
  servers: readonly ServerName[],
  { cable, family = '4', backup: wanted = 'hot' }: Conditions = {},
): RoundPlan {
  const random = new Random(seed, round);
  const backup = wanted === 'mixed' ? new Random(seed, round, 3).pick(BACKUP_KINDS) : wanted;
  // A replay tells another time than the server before.
  const timeless = servers.filter((name) => !SERVERS[name].tellsTime);
  const server = random.pick(backup === 'cold' ? timeless : servers);
  const clients = random.integer(1, CLIENTS_MAX);
  const traffic = Array.from({ length: clients }, () => random.pick(SERVERS[server].traffic));
  const { mbps, ...shape } = random.pick(RATES);
  // A slower link than the LAN would hold the clients up, and be taken for a backup that does not keep up.
  const linkRate = 'rate' in shape && random.chance(0.5) ? { linkRate: shape.rate } : {};
  const faults = planFaults(random, SERVERS[server].tellsTime, backup);
  const lastMs = faults.at(-1)?.atMs ?? random.integer(FIRST_FAULT_MS, LAST_BEGIN_MS);
  const loadMbps = Math.min(cable === undefined ? LOAD_MBPS_MAX : UNKIND_LOAD_MBPS_MAX, 0.7 * mbps);
  const [only, ...others] = faults;
  const expected = expectationOf(faults);
  return {
    seed,
    round,
    server,
    traffic,
    durationMs: lastMs + AFTERMATH_MS,
    bytesPerMs: Math.round((loadMbps * 1000) / 8 / clients),
    ...shape,
    ...linkRate,
    backup,
    ipv6: family === '6' || (family === 'mixed' && new Random(seed, round, 2).chance(0.5)),
    ...(cable === undefined ? {} : { cable: cable === RANDOM_CABLE ? randomCable(seed, round) : cable }),
    faults,
    expected,
    plainTakeover:
      backup === 'hot' && only?.host === 'a' && others.length === 0 && NOTICED_AT_ONCE.includes(only.action),
  };
}

/** Numbers of its own: all else is what it is on a kind cable. */
function randomCable(seed: number, round: number): string {
  const random = new Random(seed, round, 1);
  const share = (most: number) => `${(random.next() * most).toFixed(2)}%`;
  const delayMs = random.integer(0, 10);
  return [
    `loss=${share(2)}`,
    `delay=${delayMs}ms`,
    `jitter=${random.integer(0, Math.min(5, delayMs))}ms`,
    `reorder=${share(3)}`,
    `duplicate=${share(1)}`,
    `seed=${random.integer(0, 1e6)}`,
  ].join(',');
}

/** None, one or two troubles that must be survived. */
function planFaults(random: Random, tellsTime: boolean, backup: BackupKind): TimedFault[] {
  const troubles = random.pick([0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const faults = Array.from({ length: troubles }, () => planTrouble(random)).flat();
    faults.sort((one, other) => one.atMs - other.atMs);
    // A cold backup has no server to kill.
    if (backup === 'cold' && faults.some(({ host, action }) => host === 'b' && action === 'kill-server')) continue;
    if (isOrderly(faults) && !(tellsTime && delaysOne(faults)) && expectationOf(faults).survived) return faults;
  }
  assert(false, 'some of the troubles can be survived');
}

function planTrouble(random: Random): TimedFault[] {
  const { hosts, actions, end } = random.pick(TROUBLES.flatMap((one) => Array<Trouble>(one.weight).fill(one)));
  const host = random.pick(hosts);
  const action = random.pick(actions);
  const atMs = random.integer(FIRST_FAULT_MS, LAST_BEGIN_MS);
  const begin = action.split('+').map((one): TimedFault => ({ atMs, action: one, host }));
  // Some troubles stay: whether that can be survived is asked afterwards.
  if (end === undefined || FINAL.includes(action) || random.chance(0.4)) return begin;
  const endAtMs = atMs + random.integer(TROUBLE_MS.least, TROUBLE_MS.most);
  return [...begin, { atMs: endAtMs, action: end, host }];
}

/** Nothing is done to a host, or a program, that is gone, and no host gets into the same trouble twice. */
function isOrderly(faults: readonly TimedFault[]): boolean {
  return faults.every(({ host, action }, index) => {
    const earlier = faults.filter((fault, i) => i < index && fault.host === host).map((fault) => fault.action);
    if (earlier.includes('power-off')) return false;
    // Who was replaced meanwhile has stopped its server.
    if (action === 'kill-server' && faults.slice(0, index).some((fault) => isReplica(fault.host))) return false;
    if ([...PROGRAM_ENDS, 'stall'].includes(action) && earlier.some((one) => PROGRAM_ENDS.includes(one))) return false;
    return action === 'heal' || !earlier.includes(action);
  });
}

const isReplica = (host: HostName): boolean => host === 'a' || host === 'b';

/** One replica gets the clients' requests later than the other, and would answer with another time of day. */
function delaysOne(faults: readonly TimedFault[]): boolean {
  const ofReplicas = faults.filter(({ host }) => isReplica(host));
  const linkWasCut = ofReplicas.some(({ action }) => LINK_CUTS.includes(action));
  return ofReplicas.some(({ action }) => action === 'resume' || (action === 'heal' && linkWasCut));
}

/** For `--at`. */
export function faultText({ atMs, action, host }: TimedFault): string {
  return action.startsWith('witness-') ? `${atMs}ms:${action}` : `${atMs}ms:${action}:${host}`;
}

/** In one line. */
export function planText(plan: RoundPlan): string {
  const { round, server, traffic, rate, linkRate, ipv6, backup, cable, durationMs, faults, expected } = plan;
  const kinds = [...new Set(traffic)].map((kind) => `${traffic.filter((one) => one === kind).length} ${kind}`);
  const lan = rate === undefined ? 'unshaped' : `${rate}${linkRate === undefined ? '' : `, link ${linkRate}`}`;
  const { least, most } = expected.failovers;
  return [
    `round ${round}: ${server}${ipv6 ? ' (IPv6)' : ''}${backup === 'cold' ? ' (cold backup)' : ''}, ${kinds.join(' + ')}, ${lan}, ${(durationMs / 1000).toFixed(1)} s`,
    ...(cable === undefined ? [] : [cable]),
    faults.length === 0 ? 'no fault' : faults.map(faultText).join(' '),
    `${least === most ? least : `${least} to ${most}`} failover${most === 1 ? '' : 's'}`,
  ].join(' | ');
}
