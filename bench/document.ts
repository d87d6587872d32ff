/**
 * docs/benchmarks.md from the results. What it says about them is chosen by the numbers, so that it stays true whatever they are.
 * Pure.
 */
import { wrapped } from '../src/experiments/prose.ts';
import { LOADS } from '../src/experiments/stall-round.ts';
import { markdown } from '../src/experiments/table.ts';
import { NOT_ATTRIBUTED } from './cpu-profile.ts';
import { ADDED_P50_GOAL_US, RATIO_GOALS, RESUMPTION_P95_GOAL_MS, STALL_P50_GOALS_MS } from './goals.ts';
import {
  type BenchResults,
  DIRECTIONS,
  type Direction,
  type DirectionProfile,
  type FailoverResult,
  type HostProfile,
  type LatencyResult,
  type NorthResult,
  type NudgeResult,
  type ProfileResult,
  RATES,
  SYSTEM_CALLS,
  type ThroughputResult,
} from './results.ts';
import {
  byteTable,
  callInWords,
  callTable,
  cpuTable,
  failoverTable,
  functionTable,
  LOADS_IN_WORDS,
  latencyTable,
  machineTable,
  northCallTable,
  northLoadTable,
  nudgeTable,
  throughputTable,
  timeTable,
} from './tables.ts';

/** Linux's least retransmission timeout. */
const CLIENT_TIMER_MS = 200;
/** A stall is put down to that timer from here on: it runs from the request, which may have been sent a little before the fault. */
const TIMER_SHOWS_MS = 150;
/** A machine that is busy for more than this has nothing left to give. */
const FULL = 0.9;

export function benchmarksDocument(results: BenchResults): string {
  const { throughput, latency, failover, nudge, north, profile } = results;
  const sections = [
    introduction(results),
    throughput === undefined ? '' : throughputSection(throughput),
    latency === undefined ? '' : latencySection(latency),
    failover === undefined ? '' : failoverSection(failover),
    nudge === undefined ? '' : nudgeSection(nudge),
    north === undefined ? '' : northSection(north),
    profile === undefined ? '' : profileSection(profile, results.machine.cores),
    limits(results),
  ];
  return `${wrapped(sections.filter((section) => section !== '').join('\n\n'))}\n`;
}

function introduction({ machine, run }: BenchResults): string {
  const quick = run.quick
    ? '\n\n**A quick run** with few repetitions: good for a look, not for a comparison of versions.'
    : '';
  return `# Benchmarks

This page is written by a run of

    npm run bench -- --write${run.quick ? ' --quick' : ''}

and every number and verdict on it is that run's. \`npm run bench\` shows those of your machine and writes nothing; as root, since the
hosts are network namespaces of this one machine. Client, primary, backup and switch **share its ${machine.cores} processors**: what one of them
takes, the others lack. A witness has a host too. Direct is the same server on one host without fttcp, with everything else alike.${quick}

${markdown(machineTable(machine, run))}`;
}

function throughputSection(throughput: ThroughputResult): string {
  const goals = RATES.flatMap((rate) =>
    DIRECTIONS.map((direction): Goal => {
      const { ratio } = throughput[rate][direction];
      const goal = RATIO_GOALS[rate][direction];
      const name = `${rate === '1gbit' ? '1 Gb/s' : rate}, ${direction}`;
      return { met: ratio >= goal, said: `${name} (${ratio.toFixed(3)} of ${goal.toFixed(2)})` };
    }),
  );
  return `## Throughput

iperf3, one connection, three seconds after three to warm up, the payload that arrived. *Up* is from the client to the service. Direct
and fttcp take turns; the ratio is the median of the pairs' own ratios. The LAN is shaped to 1 Gb/s both ways, or not at all: then the
machine alone is the limit, and the ratio says what a byte costs with fttcp against what it costs without.

${markdown(throughputTable(throughput))}

${verdict(goals)}`;
}

function latencySection(latency: LatencyResult): string {
  const goal = {
    met: latency.addedP50Us <= ADDED_P50_GOAL_US,
    said: `added p50 (${latency.addedP50Us.toFixed(0)} µs of ${ADDED_P50_GOAL_US} µs)`,
  };
  return `## Latency

A redis SET of three bytes over one connection, each sent when the last was answered, LAN unshaped; ${latency.roundTrips} round trips a
measurement, ${latency.pairs} pairs of measurements by turns. Each answer waits until the backup has acknowledged what it depends on: one
round trip on the replication link, and two daemons more on the way. (redis-benchmark counts in steps of 8 µs; this client counts
nanoseconds.)

${markdown(latencyTable(latency))}

${verdict([goal])}`;
}

function failoverSection(failover: FailoverResult): string {
  const goals = LOADS.flatMap((load): Goal[] => {
    const goalMs = STALL_P50_GOALS_MS[load];
    const { p50Ms } = failover[load];
    return goalMs === undefined
      ? []
      : [{ met: p50Ms <= goalMs, said: `${load} p50 (${p50Ms.toFixed(1)} ms of ${goalMs} ms)` }];
  });
  const all = LOADS.map((load) => failover[load]);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const failed = sum(all.map((one) => one.failed));
  const rounds = sum(all.map((one) => one.n));
  const repeated = sum(all.map((one) => one.falsePromotions));
  const survival =
    failed === 0
      ? `In all ${rounds} rounds the connection survived with every byte right.`
      : `**In ${failed} of ${rounds} rounds the connection was lost, or a byte was wrong, or nobody took over.**`;
  const again =
    repeated === 0
      ? 'No round had to be repeated for a promotion before the fault.'
      : `${counted(repeated, 'round')} had to be repeated, because the backup had taken over before the fault.`;
  return `## Failover

The primary's host loses its power in the middle of a load: cables dead, every process killed. The stall is the longest time in which
nothing of what was outstanding went on, seen from the client's packets. LAN at 1 Gb/s for all loads. *up* and *down* are transfers at
full rate; *echo* sends a line every millisecond whether or not the last was answered, *pingpong* the next line when the last was
answered. Clients check every byte. p95 is the nearest rank.

${markdown(failoverTable(failover))}

${survival} ${again} ${verdict(goals)}

A *pingpong* request that is lost in the dead moment is the only thing on its connection, and a few bytes long: nothing makes its client
send it again before its own timer, ${CLIENT_TIMER_MS} ms on Linux, unless the backup had read it off the LAN itself, which this version does
not do. ${timerShown(failover)}`;
}

function nudgeSection(nudge: NudgeResult): string {
  const goals = nudge.outages.map(({ outageMs, auto: { p95Ms } }): Goal => {
    const said = `after ${outageMs} ms (p95 ${p95Ms === null ? 'none' : `${p95Ms.toFixed(1)} ms`} of ${RESUMPTION_P95_GOAL_MS} ms)`;
    return { met: p95Ms !== null && p95Ms <= RESUMPTION_P95_GOAL_MS, said };
  });
  return `## The nudge

An upload over a LAN of 100 Mb/s whose primary loses its power; the outage is made as long as the first column says, by the detection
timeout. In milliseconds: how long after the promotion the client sends data again, as its packets show. Without the nudge (\`nudge:
off\`) it waits for its own timer, which has doubled with each time that it ran out. IPv4 and IPv6 by turns, and together in the numbers.

${markdown(nudgeTable(nudge))}

${verdict(goals)}`;
}

function northSection({ calls, loads }: NorthResult): string {
  const [most] = [...calls].sort((one, other) => other.addedNs - one.addedNs);
  const dearest =
    most === undefined ? '' : ` Most is added to ${callInWords(most.call)}: ${most.addedNs.toFixed(0)} ns.`;
  const [worst] = loads
    .flatMap(({ load, systems }) => systems.map((one) => ({ load, ...one })))
    .sort((one, other) => one.ratio - other.ratio);
  const least =
    worst === undefined
      ? ''
      : ` The least ratio, ${worst.ratio.toFixed(3)}, is that of ${LOADS_IN_WORDS[worst.load]}: ${worst.system}.`;
  return `## The north-side wrap

At \`level: recorded\` a library stands before the server's calls and records what they return ([north.md](north.md)). What that costs a call: a
program of one thread makes each kind many times in a row, without the library and with it, by turns. The ring that it records into has
room, and is emptied by another process; nothing is replicated.${dearest}

${markdown(northCallTable(calls))}

What that and all the rest come to: nginx with two workers over TLS 1.3, eight connections that each ask for 1000 bytes when the last
were answered, and one download of 400 MB; redis with fifty connections, SET and GET, one request at a time and sixteen at once. LAN
unshaped; direct, with a hot backup and with a cold one by turns; the ratio is the median of the rounds' own ratios to the direct run.
Processor time is that of everything on the host, for each request or megabyte.${least}

${markdown(northLoadTable(loads))}`;
}

function timerShown({ pingpong: { p50Ms, maxMs } }: FailoverResult): string {
  if (p50Ms >= TIMER_SHOWS_MS) return 'The middle round shows it.';
  return maxMs >= TIMER_SHOWS_MS
    ? 'The middle round was spared it, the longest was not.'
    : 'No round of this run met it.';
}

function profileSection(profile: ProfileResult, cores: number): string {
  return `## Where the time goes

iperf3 over the unshaped LAN for four seconds: once with the data worker's own exact counts and the processor time that /proc tells, once
more under V8's sampling profiler. A packet here is what passes in one piece, of up to 64 KB. \`read\` and \`write\` are those of the TUN and the
packet socket, \`recv\` and \`send\` those of the replication link.

${DIRECTIONS.map((direction) => directionInWords(direction, profile[direction], cores)).join('\n\n')}

${markdown(cpuTable(profile))}

Of the data worker's time, by what it does, waiting left out. The sampler sees time that passes: where there are more threads than
processors, a system call also stands for waiting for a processor. What it could not attribute is native code: system calls above all,
and waiting.

${markdown(timeTable(profile))}

System calls per packet:

${markdown(callTable(profile))}

Bytes copied per byte of payload: by the kernel, in and out of the daemon, and by the primary into the log. What is kept of a connection's
input and output is copied once more, by \`stream-buffer\`.

${markdown(byteTable(profile))}

The functions with most time of their own:

${markdown(functionTable(profile))}`;
}

function directionInWords(direction: Direction, profile: DirectionProfile, cores: number): string {
  const { primary, backup, directSecondsPerGb, mbps, machineBusy } = profile;
  const seconds = { primary: secondsPerGb(primary), backup: secondsPerGb(backup) };
  const both = seconds.primary + seconds.backup;
  const times = directSecondsPerGb > 0 ? `, ${(both / directSecondsPerGb).toFixed(1)} times as much` : '';
  const used = (both * mbps) / 8000 / cores;
  const limit =
    machineBusy >= FULL
      ? 'the processors are the limit.'
      : 'the processors are not the only limit, waiting for one another is one too.';
  const full =
    `At ${mbps.toFixed(0)} Mb/s that is ${percent(used)} of the machine, which was busy for ${percent(machineBusy)} with the client, ` +
    `the switch and whatever else ran: ${limit}`;
  const hosts = (['primary', 'backup'] as const).map((role) => hostInWords(role, profile[role]));
  return (
    `**${direction === 'up' ? 'Upload' : 'Download'}.** A GB takes ${seconds.primary.toFixed(2)} s of processor time on the primary and ` +
    `${seconds.backup.toFixed(2)} s on the backup, and ${directSecondsPerGb.toFixed(2)} s on the server's host without fttcp${times}. ${full} ` +
    hosts.join(' ')
  );
}

function hostInWords(role: string, host: HostProfile): string {
  const { dataUser, dataSystem } = host.cpu;
  const inKernel = dataSystem / Math.max(dataUser + dataSystem, Number.EPSILON);
  const calls = SYSTEM_CALLS.reduce((sum, name) => sum + host.calls[name].calls, 0) / Math.max(1, host.packets);
  const largest = host.groups.find(({ name }) => name !== NOT_ATTRIBUTED);
  const most = largest === undefined ? '' : ` The sampler saw ${largest.name} most (${percent(largest.share)}).`;
  const needed =
    inKernel >= 0.5
      ? 'fewer, larger or cheaper calls would help there more than faster code'
      : 'its own code is the larger part, and faster code would help more than fewer calls';
  return (
    `The ${role}'s data worker is on a processor ${percent(host.busy)} of the time; ${percent(inKernel)} of that is the kernel's, in ` +
    `${calls.toFixed(1)} system calls a packet: ${needed}.${most}`
  );
}

function secondsPerGb({ cpu }: HostProfile): number {
  return cpu.dataUser + cpu.dataSystem + cpu.detector + cpu.daemonOther + cpu.server;
}

function limits({ machine, run }: BenchResults): string {
  const repeated =
    run.falsePromotions === 0
      ? 'No measurement of throughput, latency, north or profile had to be repeated for it.'
      : `${counted(run.falsePromotions, 'measurement')} of throughput, latency, north or profile had to be repeated for it.`;
  return `## What these numbers do not say

* All hosts are on one machine. On real ones the primary, the backup and the client have processors of their own, and the LAN and the
  link have a delay of their own: the unshaped ratio is another one there, and added latency grows by the link's round trip.
* The congestion control (${machine.congestion} here, at all ends) weighs on unshaped throughput: \`--congestion NAME\` compares others.
* A measurement counts only while the service is protected: where the hosts parted without a fault, it is repeated. ${repeated}
* iperf3's two servers differ in what they say of times, and in where they stop sending, which is after the measurement. Until then their
  outputs are the same, and compared.
* Whatever else runs on the machine is in the numbers.`;
}

interface Goal {
  readonly met: boolean;
  readonly said: string;
}

function verdict(goals: readonly Goal[]): string {
  const missed = goals.filter((goal) => !goal.met).map((goal) => goal.said);
  if (missed.length > 0) return `**Missed: ${missed.join('; ')}.**`;
  return goals.length === 1 ? 'The goal is met.' : 'Every goal is met.';
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
