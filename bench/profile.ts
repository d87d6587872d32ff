/**
 * Where the time goes: iperf3 over a LAN as fast as the machine, once with exact counts (system calls, bytes, processor time) and once
 * more under V8's sampling profiler, which would distort those.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { requestStatus } from '../src/daemon/control.ts';
import type { Status } from '../src/daemon/status.ts';
import { FttcpError } from '../src/errors.ts';
import { type MeasureSettings, outputOf, runMeasured } from '../src/experiments/measured-run.ts';
import { busyBetween, type HostTime, hostTime, type IdleTime, idleTime } from '../src/experiments/processor-time.ts';
import { round } from '../src/experiments/statistics.ts';
import { until } from '../src/lab/clock.ts';
import { signal } from '../src/lab/hosts.ts';
import type { RunningReplica } from '../src/lab/service.ts';
import { monotonicMs } from '../src/linux/clock.ts';
import { type CpuProfile, type ProfileSummary, summarizeProfile } from './cpu-profile.ts';
import { type IperfReport, parseIperf } from './iperf.ts';
import {
  type CallCount,
  type Direction,
  type DirectionProfile,
  type HostProfile,
  type ProfileResult,
  SYSTEM_CALLS,
  type SystemCall,
} from './results.ts';
import { IPERF_SERVER, iperfClient, PORT } from './throughput.ts';

const TRANSFER_S = 4;
const WRITTEN_TIMEOUT_MS = 10_000;
const PROFILER = new URL('./profiler.js', import.meta.url).href;
const ROLES = ['primary', 'backup'] as const;
type Role = (typeof ROLES)[number];
type Both<T> = Readonly<Record<Role, T>>;

/** One look at a replica; a difference of two is what came between. */
interface Look {
  readonly atMs: number;
  readonly status: Status;
  readonly time: HostTime;
}

export async function measureProfile(
  settings: MeasureSettings,
): Promise<{ profile: ProfileResult; falsePromotions: number }> {
  let falsePromotions = 0;
  const measure = async (direction: Direction): Promise<DirectionProfile> => {
    const direct = await directSeconds(direction, settings);
    const counted = await count(direction, settings);
    const sampled = await sample(direction, settings);
    falsePromotions += counted.falsePromotions + sampled.falsePromotions;
    const { receivedBytes, receivedMbps } = counted.report;
    settings.tell(`profile ${direction}: ${receivedMbps.toFixed(0)} Mb/s`);
    return {
      mbps: round(receivedMbps, 1),
      carriedBytes: receivedBytes,
      machineBusy: round(counted.machineBusy, 4),
      primary: hostProfile('primary', counted, sampled.summaries),
      backup: hostProfile('backup', counted, sampled.summaries),
      directSecondsPerGb: round(direct, 3),
    };
  };
  return { profile: { up: await measure('up'), down: await measure('down') }, falsePromotions };
}

function transfer(direction: Direction) {
  return { server: IPERF_SERVER, port: PORT, client: iperfClient(direction, TRANSFER_S, 0), capture: false };
}

/** Processor seconds per 10⁹ bytes of the server's host without fttcp. */
async function directSeconds(direction: Direction, settings: MeasureSettings): Promise<number> {
  const spentS: number[] = [];
  const { lab } = await runMeasured(
    {
      ...transfer(direction),
      direct: true,
      examine: async (_, [server]) => {
        if (server === undefined) return;
        const { daemonS, othersS } = hostTime(server.pid);
        spentS.push(daemonS + othersS);
      },
    },
    settings,
  );
  const [before = 0, after = 0] = spentS;
  return ((after - before) / parseIperf(outputOf(lab, `direct ${direction}`)).receivedBytes) * 1e9;
}

interface Counted {
  readonly report: IperfReport;
  readonly before: Both<Look>;
  readonly after: Both<Look>;
  readonly machineBusy: number;
  readonly falsePromotions: number;
}

async function count(direction: Direction, settings: MeasureSettings): Promise<Counted> {
  const looks: Partial<Record<'before' | 'after', Both<Look>>> = {};
  const idle: Partial<Record<'before' | 'after', IdleTime>> = {};
  const { lab, falsePromotions } = await runMeasured(
    {
      ...transfer(direction),
      examine: async (when, replicas) => {
        looks[when] = await lookAt(replicas);
        idle[when] = idleTime();
      },
    },
    settings,
  );
  const { before, after } = looks;
  if (before === undefined || after === undefined) throw new FttcpError('bench-profile', 'the replicas were not seen');
  const report = parseIperf(outputOf(lab, `counting ${direction}`));
  return { report, before, after, machineBusy: busyBetween(idle.before, idle.after), falsePromotions };
}

/** @throws FttcpError `bench-profile` when it is not one primary and one backup */
async function lookAt(replicas: readonly RunningReplica[]): Promise<Both<Look>> {
  const looks = await Promise.all(
    replicas.map(async ({ pid, control }) => ({
      status: await requestStatus(control),
      time: hostTime(pid),
      atMs: monotonicMs(),
    })),
  );
  const [primary, backup] = ROLES.map((role) => looks.find(({ status }) => status.role === role));
  if (primary === undefined || backup === undefined) {
    const roles = looks.map(({ status }) => `${status.self} ${status.role}`).join(', ');
    throw new FttcpError('bench-profile', `there is to be a primary and a backup, and there is ${roles}`);
  }
  return { primary, backup };
}

async function sample(
  direction: Direction,
  settings: MeasureSettings,
): Promise<{ summaries: Both<ProfileSummary>; falsePromotions: number }> {
  const directory = mkdtempSync(path.join(tmpdir(), 'fttcp-bench-'));
  const fileOf = (name: string) => path.join(directory, `${name}.cpuprofile`);
  const timesUs: number[] = [];
  let names: Both<string> | undefined;
  try {
    const { lab, falsePromotions } = await runMeasured(
      {
        ...transfer(direction),
        environment: {
          ...settings.environment,
          NODE_OPTIONS: `${settings.environment.NODE_OPTIONS ?? ''} --import ${PROFILER}`.trim(),
          FTTCP_BENCH_PROFILES: directory,
        },
        examine: async (when, replicas) => {
          timesUs.push(monotonicMs() * 1000);
          if (when === 'before') {
            // Those of data workers that have ended already, because their replica began anew.
            for (const { name } of replicas) rmSync(fileOf(name), { force: true });
            return;
          }
          const { primary, backup } = await lookAt(replicas);
          names = { primary: primary.status.self, backup: backup.status.self };
          // The profile is written at the data worker's end in good order.
          for (const { pid } of replicas) signal(pid, 'SIGTERM');
          const written = () => replicas.every(({ name }) => existsSync(fileOf(name)));
          await until(written, { timeoutMs: WRITTEN_TIMEOUT_MS, everyMs: 20 });
        },
      },
      settings,
    );
    outputOf(lab, `profile ${direction}`);
    const [fromUs, toUs] = timesUs.slice(-2);
    const summary = (name: string): ProfileSummary => {
      const profile = JSON.parse(readFileSync(fileOf(name), 'utf8')) as CpuProfile;
      const found = summarizeProfile(profile, fromUs ?? 0, toUs ?? 0);
      if (found.functions.length === 0) throw new FttcpError('bench-profile', `host ${name}'s profile is empty`);
      return found;
    };
    if (names === undefined) throw new FttcpError('bench-profile', 'the replicas were not seen');
    return { summaries: { primary: summary(names.primary), backup: summary(names.backup) }, falsePromotions };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function hostProfile(role: Role, { report, before, after }: Counted, summaries: Both<ProfileSummary>): HostProfile {
  const [first, last] = [before[role], after[role]];
  const grown = (name: string) => (last.status.counters[name] ?? 0) - (first.status.counters[name] ?? 0);
  const gb = report.receivedBytes / 1e9;
  const dataS = { user: grown('cpuUserMs') / 1000, system: grown('cpuSystemMs') / 1000 };
  const spent = (part: keyof HostTime) => last.time[part] - first.time[part];
  const otherS = Math.max(0, spent('daemonS') - spent('detectorS') - dataS.user - dataS.system);
  const callCount = (name: SystemCall): CallCount => ({ calls: grown(`${name}Calls`), bytes: grown(`${name}Bytes`) });
  const { waiting, groups, functions } = summaries[role];
  const short = (shares: ProfileSummary['groups']) =>
    shares.map(({ name, share }) => ({ name, share: round(share, 4) }));
  return {
    busy: round(((dataS.user + dataS.system) * 1000) / (last.atMs - first.atMs), 4),
    waiting: round(waiting, 4),
    groups: short(groups),
    functions: short(functions),
    packets: grown('lanFrames') + grown('serverPackets') + grown('virtualSegments'),
    calls: Object.fromEntries(SYSTEM_CALLS.map((name) => [name, callCount(name)])) as Record<SystemCall, CallCount>,
    logBytes: last.status.log.position - first.status.log.position,
    cpu: {
      dataUser: round(dataS.user / gb, 3),
      dataSystem: round(dataS.system / gb, 3),
      detector: round(spent('detectorS') / gb, 3),
      daemonOther: round(otherS / gb, 3),
      server: round(spent('othersS') / gb, 3),
    },
  };
}
