/** The results as tables, for a terminal and for docs/benchmarks.md alike. Pure. */

import type { MachineResult } from '../src/experiments/machine.ts';
import { LOADS } from '../src/experiments/stall-round.ts';
import type { Table } from '../src/experiments/table.ts';
import { ADDED_P50_GOAL_US, RATIO_GOALS, RESUMPTION_P95_GOAL_MS, STALL_P50_GOALS_MS } from './goals.ts';
import {
  type BenchResults,
  DIRECTIONS,
  type DirectionProfile,
  type FailoverResult,
  type HostProfile,
  type LatencyResult,
  type NorthCall,
  type NorthLoadResult,
  type NorthUnit,
  type NudgeResult,
  type ProfileResult,
  RATES,
  type RunResult,
  SYSTEM_CALLS,
  type ThroughputResult,
} from './results.ts';

/** Less is not worth a row. */
const SHOWN_SHARE = 0.005;

export function allTables(results: BenchResults): Table[] {
  const { throughput, latency, failover, nudge, north, profile, machine, run } = results;
  return [
    machineTable(machine, run),
    ...(throughput === undefined ? [] : [throughputTable(throughput)]),
    ...(latency === undefined ? [] : [latencyTable(latency)]),
    ...(failover === undefined ? [] : [failoverTable(failover)]),
    ...(nudge === undefined ? [] : [nudgeTable(nudge)]),
    ...(north === undefined ? [] : [northCallTable(north.calls), northLoadTable(north.loads)]),
    ...(profile === undefined
      ? []
      : [timeTable(profile), functionTable(profile), callTable(profile), byteTable(profile), cpuTable(profile)]),
  ];
}

export function machineTable(machine: MachineResult, run: RunResult): Table {
  return {
    title: 'Machine',
    head: ['machine', ''],
    rows: [
      ['processors', `${machine.cores} × ${machine.cpu}`],
      ['memory', `${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB`],
      ['kernel', machine.kernel],
      ['Node', machine.node],
      ['congestion control, all ends', machine.congestion],
      ['detection timeout', run.detectTimeout === 'auto' ? 'auto, the default' : run.detectTimeout],
      ['fttcp', run.version],
      ['begun', run.startedIso],
    ],
  };
}

export function throughputTable(throughput: ThroughputResult): Table {
  const row = (rate: (typeof RATES)[number], direction: (typeof DIRECTIONS)[number]) => {
    const { directMbps, fttcpMbps, ratio, ratioMin, ratioMax, pairs } = throughput[rate][direction];
    const goal = RATIO_GOALS[rate][direction];
    return [
      `${rate === '1gbit' ? '1 Gb/s' : rate}, ${direction}`,
      directMbps.toFixed(0),
      fttcpMbps.toFixed(0),
      ratio.toFixed(3),
      `${ratioMin.toFixed(3)} – ${ratioMax.toFixed(3)}`,
      String(pairs),
      judged(`≥ ${goal.toFixed(2)}`, ratio >= goal),
    ];
  };
  return {
    title: 'Throughput',
    head: ['LAN', 'direct Mb/s', 'fttcp Mb/s', 'ratio', 'least – greatest', 'pairs', 'goal'],
    rows: RATES.flatMap((rate) => DIRECTIONS.map((direction) => row(rate, direction))),
  };
}

export function latencyTable(latency: LatencyResult): Table {
  const { directP50Us, fttcpP50Us, addedP50Us, directP99Us, fttcpP99Us, addedP99Us } = latency;
  const us = (value: number) => value.toFixed(0);
  const goal = judged(`≤ ${ADDED_P50_GOAL_US}`, addedP50Us <= ADDED_P50_GOAL_US);
  return {
    title: 'Latency of a redis SET',
    head: ['', 'direct µs', 'fttcp µs', 'added µs', 'goal'],
    rows: [
      ['p50', us(directP50Us), us(fttcpP50Us), us(addedP50Us), goal],
      ['p99', us(directP99Us), us(fttcpP99Us), us(addedP99Us), ''],
    ],
  };
}

export function failoverTable(failover: FailoverResult): Table {
  const ms = (value: number | null) => (value === null ? '–' : value.toFixed(1));
  return {
    title: 'Stall of the client at a power-off of the primary',
    head: ['load', 'n', 'p50 ms', 'p95 ms', 'max ms', 'detected p50', 'promoted p50', 'failed', 'repeated', 'goal'],
    rows: LOADS.map((load) => {
      const { n, p50Ms, p95Ms, maxMs, detectedP50Ms, promotedP50Ms, failed, falsePromotions } = failover[load];
      const goalMs = STALL_P50_GOALS_MS[load];
      const goal = goalMs === undefined ? '' : judged(`≤ ${goalMs}`, p50Ms <= goalMs);
      const times = [p50Ms, p95Ms, maxMs, detectedP50Ms, promotedP50Ms].map(ms);
      return [load, String(n), ...times, String(failed), String(falsePromotions), goal];
    }),
  };
}

export function nudgeTable({ outages }: NudgeResult): Table {
  const ms = (value: number | null) => (value === null ? '–' : value.toFixed(1));
  return {
    title: 'An upload goes on after a promotion, with the nudge and without',
    head: ['outage', 'n', 'p50 ms', 'p95 ms', 'without: p50 ms', 'p95 ms', 'failed', 'goal'],
    rows: outages.map(({ outageMs, auto, off }) => {
      const isMet = auto.p95Ms !== null && auto.p95Ms <= RESUMPTION_P95_GOAL_MS;
      const times = [auto.p50Ms, auto.p95Ms, off.p50Ms, off.p95Ms].map(ms);
      const goal = judged(`≤ ${RESUMPTION_P95_GOAL_MS}`, isMet);
      return [`${outageMs} ms`, String(auto.n), ...times, String(auto.failed + off.failed), goal];
    }),
  };
}

/** What stands for the pieces that the program calls by one word. */
const CALLS_IN_WORDS: Readonly<Record<string, string>> = {
  clock_gettime: '`clock_gettime`',
  getrandom: '`getrandom`, 16 bytes',
  'write-read': '`write` and `read` of 64 bytes, socket pair',
  epoll_wait: '`epoll_wait`, one is ready',
  stat: '`stat`',
  pread: '`pread` of 64 bytes, file',
  'open-close': '`open` and `close`, file',
  'lock-unlock': 'mutex, `lock` and `unlock`',
};

export const callInWords = (call: string): string => CALLS_IN_WORDS[call] ?? call;

export function northCallTable(calls: readonly NorthCall[]): Table {
  return {
    title: 'A call without the shim, and recorded',
    head: ['call', 'direct ns', 'recorded ns', 'added ns', 'ratio', 'pairs'],
    rows: calls.map(({ call, directNs, recordedNs, addedNs, ratio, pairs }) => [
      callInWords(call),
      ...[directNs, recordedNs, addedNs].map((ns) => ns.toFixed(0)),
      ratio.toFixed(2),
      String(pairs),
    ]),
  };
}

export const LOADS_IN_WORDS: Readonly<Record<NorthLoadResult['load'], string>> = {
  'https-requests': 'nginx, TLS, small requests',
  'https-download': 'nginx, TLS, one download',
  redis: 'redis, SET and GET',
  'redis-pipelined': 'redis, SET and GET, pipelined',
};
const UNITS: Readonly<Record<NorthUnit, string>> = { requests: 'requests/s', megabytes: 'MB/s' };

export function northLoadTable(loads: readonly NorthLoadResult[]): Table {
  return {
    title: 'Servers at level recorded',
    head: ['load, system', 'rate', '', 'ratio', 'least – greatest', 'CPU µs each, primary', 'backup', 'rounds'],
    rows: loads.flatMap(({ load, unit, rounds, systems }) =>
      systems.map(({ system, perSecond, ratio, ratioMin, ratioMax, cpuUsPerUnit: { primary, backup } }) => [
        `${LOADS_IN_WORDS[load]}: ${system}`,
        perSecond.toFixed(0),
        UNITS[unit],
        ...(system === 'direct' ? ['', ''] : [ratio.toFixed(3), `${ratioMin.toFixed(3)} – ${ratioMax.toFixed(3)}`]),
        primary.toFixed(1),
        backup === null ? '–' : backup.toFixed(1),
        String(rounds),
      ]),
    ),
  };
}

interface ProfiledHost {
  readonly name: string;
  readonly role: 'primary' | 'backup';
  readonly host: HostProfile;
  readonly profile: DirectionProfile;
}

export function profiledHosts(profile: ProfileResult): ProfiledHost[] {
  return DIRECTIONS.flatMap((direction) =>
    (['primary', 'backup'] as const).map((role) => ({
      name: `${direction}, ${role}`,
      role,
      host: profile[direction][role],
      profile: profile[direction],
    })),
  );
}

export function timeTable(profile: ProfileResult): Table {
  const hosts = profiledHosts(profile);
  const names = [...new Set(hosts.flatMap(({ host }) => host.groups.map((group) => group.name)))];
  const shareOf = (host: HostProfile, name: string) => host.groups.find((group) => group.name === name)?.share ?? 0;
  const most = (name: string) => Math.max(...hosts.map(({ host }) => shareOf(host, name)));
  const shown = names.filter((name) => most(name) >= SHOWN_SHARE).sort((one, other) => most(other) - most(one));
  const rest = (host: HostProfile) => Math.max(0, 1 - shown.reduce((sum, name) => sum + shareOf(host, name), 0));
  return {
    title: 'What the data worker does while it does not wait',
    head: ['', ...hosts.map(({ name }) => name)],
    rows: [
      ...shown.map((name) => [name, ...hosts.map(({ host }) => percent(shareOf(host, name)))]),
      ['anything else', ...hosts.map(({ host }) => percent(rest(host)))],
      ['(on a processor, of all the time)', ...hosts.map(({ host }) => percent(host.busy))],
      ['(waiting in ppoll, of all the time)', ...hosts.map(({ host }) => percent(host.waiting))],
    ],
  };
}

export function functionTable(profile: ProfileResult): Table {
  return {
    title: 'Functions with most time of their own',
    head: ['function', 'share'],
    rows: profiledHosts(profile).flatMap(({ name, host }) =>
      host.functions.map((one) => [`${name}: \`${one.name}\``, percent(one.share)]),
    ),
  };
}

export function callTable(profile: ProfileResult): Table {
  return {
    title: 'System calls per packet',
    head: ['', 'bytes per packet', ...SYSTEM_CALLS, 'all'],
    rows: profiledHosts(profile).map(({ name, host, profile: { carriedBytes } }) => {
      const perPacket = SYSTEM_CALLS.map((call) => host.calls[call].calls / Math.max(1, host.packets));
      const sum = perPacket.reduce((total, value) => total + value, 0);
      const cells = [...perPacket, sum].map((value) => value.toFixed(2));
      return [name, (carriedBytes / Math.max(1, host.packets)).toFixed(0), ...cells];
    }),
  };
}

export function byteTable(profile: ProfileResult): Table {
  const kinds = SYSTEM_CALLS.filter((call) => call !== 'poll');
  return {
    title: 'Bytes copied per byte carried',
    head: ['', ...kinds, 'into the log', 'all'],
    rows: profiledHosts(profile).map(({ name, role, host, profile: { carriedBytes } }) => {
      // A backup reads the log where it was received.
      const logBytes = role === 'primary' ? host.logBytes : 0;
      const perByte = [...kinds.map((call) => host.calls[call].bytes), logBytes].map((bytes) => bytes / carriedBytes);
      const sum = perByte.reduce((total, value) => total + value, 0);
      return [name, ...[...perByte, sum].map((value) => value.toFixed(2))];
    }),
  };
}

export function cpuTable(profile: ProfileResult): Table {
  const s = (value: number) => value.toFixed(2);
  return {
    title: 'Processor seconds per GB carried',
    head: ['', 'data, user', 'data, kernel', 'detector', 'rest of daemon', 'server', 'whole host', 'direct'],
    rows: profiledHosts(profile).map(({ name, host: { cpu }, profile: { directSecondsPerGb } }) => {
      const { dataUser, dataSystem, detector, daemonOther, server } = cpu;
      const sum = dataUser + dataSystem + detector + daemonOther + server;
      return [name, ...[dataUser, dataSystem, detector, daemonOther, server, sum, directSecondsPerGb].map(s)];
    }),
  };
}

function judged(goal: string, met: boolean): string {
  return `${goal} ${met ? 'met' : 'MISSED'}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
