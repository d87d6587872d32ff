/**
 * The JSON object of `npm run bench -- --json`; a part that was not asked for is absent. Rates are of payload. `ratio` is
 * the median of the pairs' own ratios, `added…` that of their differences, everything else said of pairs the median of the values.
 */

import type { CpuSeconds } from '../src/experiments/counted-run.ts';
import type { MachineResult } from '../src/experiments/machine.ts';
import type { FailoverStalls, Load } from '../src/experiments/stall-round.ts';
import type { System } from '../src/experiments/systems.ts';

export interface BenchResults {
  readonly throughput?: ThroughputResult;
  readonly latency?: LatencyResult;
  readonly failover?: FailoverResult;
  readonly nudge?: NudgeResult;
  readonly north?: NorthResult;
  readonly profile?: ProfileResult;
  readonly machine: MachineResult;
  readonly run: RunResult;
}

export const RATES = ['1gbit', 'unshaped'] as const;
export type Rate = (typeof RATES)[number];

/** Client to service, service to client. */
export const DIRECTIONS = ['up', 'down'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export type ThroughputResult = Readonly<Record<Rate, Readonly<Record<Direction, ThroughputPairs>>>>;

export interface ThroughputPairs {
  readonly directMbps: number;
  readonly fttcpMbps: number;
  readonly ratio: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
  readonly pairs: number;
}

export interface LatencyResult {
  readonly directP50Us: number;
  readonly fttcpP50Us: number;
  readonly directP99Us: number;
  readonly fttcpP99Us: number;
  readonly addedP50Us: number;
  readonly addedP99Us: number;
  readonly pairs: number;
  /** Of each measurement. */
  readonly roundTrips: number;
}

export type FailoverResult = Readonly<Record<Load, FailoverStalls>>;

/** As long as the detection timeout is made for it. */
export const OUTAGES_MS = [30, 300, 1000, 2500] as const;

export interface NudgeResult {
  readonly outages: readonly NudgeOutage[];
}

export interface NudgeOutage {
  readonly outageMs: number;
  readonly auto: Resumption;
  readonly off: Resumption;
}

/** From the promotion to the client's next data, over both address families; null: every connection was lost. */
export interface Resumption {
  readonly n: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  /** Among the n, as in `FailoverStalls`. */
  readonly failed: number;
}

/** What level recorded costs. */
export interface NorthResult {
  readonly calls: readonly NorthCall[];
  readonly loads: readonly NorthLoadResult[];
}

/** A call of a program, without the shim before it and with the shim recording, where there is room in the ring. */
export interface NorthCall {
  readonly call: string;
  readonly directNs: number;
  readonly recordedNs: number;
  readonly ratio: number;
  readonly addedNs: number;
  readonly pairs: number;
}

export const NORTH_LOADS = ['https-requests', 'https-download', 'redis', 'redis-pipelined'] as const;
export type NorthLoad = (typeof NORTH_LOADS)[number];

export interface NorthLoadResult {
  readonly load: NorthLoad;
  /** What is counted, `requests` or `megabytes` of 10⁶ bytes. */
  readonly unit: NorthUnit;
  readonly rounds: number;
  readonly systems: readonly NorthSystem[];
}

export type NorthUnit = 'requests' | 'megabytes';

export interface NorthSystem {
  readonly system: System;
  /** Units. */
  readonly perSecond: number;
  /** Of that of the direct run of the same round; 1 of that itself. */
  readonly ratio: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
  /** Processor time of each host, of everything that ran on it. */
  readonly cpuUsPerUnit: CpuSeconds;
}

/** Where the time goes, unshaped. */
export type ProfileResult = Readonly<Record<Direction, DirectionProfile>>;

export interface DirectionProfile {
  readonly mbps: number;
  readonly carriedBytes: number;
  /** Share of all processors' time that was not idle, whoever used it. */
  readonly machineBusy: number;
  readonly primary: HostProfile;
  readonly backup: HostProfile;
  /** The server's host without fttcp, in the same processor seconds per 10⁹ bytes. */
  readonly directSecondsPerGb: number;
}

export interface HostProfile {
  /** Of the transfer's time, what the data worker was on a processor: counted exactly, without the profiler. */
  readonly busy: number;
  /** As sampled, of the transfer's time, what it waited in `ppoll`; the shares that follow are of the rest. */
  readonly waiting: number;
  readonly groups: readonly TimeShare[];
  /** Those with most time of their own, at most six. */
  readonly functions: readonly TimeShare[];
  /** By the data worker, taken from or given to the local server and the LAN; of up to 64 KB each. */
  readonly packets: number;
  readonly calls: Readonly<Record<SystemCall, CallCount>>;
  /** Written into the log, or taken from it. */
  readonly logBytes: number;
  readonly cpu: CpuUse;
}

export interface TimeShare {
  readonly name: string;
  readonly share: number;
}

export const SYSTEM_CALLS = ['read', 'write', 'recv', 'send', 'poll'] as const;
export type SystemCall = (typeof SYSTEM_CALLS)[number];

export interface CallCount {
  readonly calls: number;
  readonly bytes: number;
}

/** Processor seconds per 10⁹ bytes carried. */
export interface CpuUse {
  readonly dataUser: number;
  readonly dataSystem: number;
  readonly detector: number;
  readonly daemonOther: number;
  /** The server program, and whatever else runs on the host. */
  readonly server: number;
}

export interface RunResult {
  readonly version: string;
  readonly startedIso: string;
  readonly quick: boolean;
  /** As asked for: `auto` or a time. */
  readonly detectTimeout: string;
  /** Measurements of throughput, latency, north and profile that were repeated because the hosts had parted without any fault. */
  readonly falsePromotions: number;
}
