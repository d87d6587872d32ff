/** What a profile of V8's sampling profiler says about the data worker. Pure. */
import type { TimeShare } from './results.ts';

/** The part of V8's `.cpuprofile` that is used. Times in microseconds of the monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly startTime: number;
  /** A node per sample, and the time since the sample before. */
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

export interface ProfileSummary {
  /** Share of the time that passed. */
  readonly waiting: number;
  /** Shares of the time that was not waited. */
  readonly groups: readonly TimeShare[];
  readonly functions: readonly TimeShare[];
}

const FUNCTIONS_MAX = 6;
/** Where the data loop sleeps. */
const WAITING = 'wait linux/io';
const COPIES: ReadonlySet<string> = new Set(['south/stream-buffer', 'log/byte-queue', 'log/log-writer']);

/** Of the samples from `fromUs` to `toUs`. */
export function summarizeProfile(profile: CpuProfile, fromUs: number, toUs: number): ProfileSummary {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame.functionName, callFrame.url)]));
  const spent = new Map<string, number>();
  let atUs = profile.startTime;
  let totalUs = 0;
  profile.samples?.forEach((id, index) => {
    atUs += profile.timeDeltas?.[index] ?? 0;
    // A sample stands for the time until the next one.
    const lastedUs = Math.max(0, profile.timeDeltas?.[index + 1] ?? 0);
    if (atUs < fromUs || atUs > toUs) return;
    const name = names.get(id) ?? '(unknown)';
    spent.set(name, (spent.get(name) ?? 0) + lastedUs);
    totalUs += lastedUs;
  });
  const waitedUs = spent.get(WAITING) ?? 0;
  spent.delete(WAITING);
  const workedUs = Math.max(1, totalUs - waitedUs);
  const groups = new Map<string, number>();
  for (const [name, us] of spent) groups.set(groupOf(name), (groups.get(groupOf(name)) ?? 0) + us);
  return {
    waiting: totalUs === 0 ? 0 : waitedUs / totalUs,
    groups: shares(groups, workedUs),
    functions: shares(spent, workedUs).slice(0, FUNCTIONS_MAX),
  };
}

function shares(spentUs: ReadonlyMap<string, number>, ofUs: number): TimeShare[] {
  return [...spentUs].map(([name, us]) => ({ name, share: us / ofUs })).sort((one, other) => other.share - one.share);
}

/** `write linux/io`: function, room and file; of what is not this project's the function alone. */
function nameOf(functionName: string, url: string): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  const [, place] = /\/dist\/src\/(.+)\.js$/.exec(url) ?? [];
  return place === undefined ? name : `${name} ${place}`;
}

export const NOT_ATTRIBUTED = 'native, not attributed';
export const SYSTEM_CALL = 'system call';

/** Built-in functions that V8 does not inline, crc32 among them, stand under their own names. */
function groupOf(name: string): string {
  const [functionName = '', place] = name.split(' ');
  if (place === 'linux/io') return `${SYSTEM_CALL}: ${functionName}`;
  if (place === 'wire/checksum' || functionName === 'crc32') return 'checksums';
  if (functionName === '(program)') return NOT_ATTRIBUTED;
  if (functionName === '(garbage') return 'garbage collection';
  if (place === undefined) return 'Node and V8';
  return COPIES.has(place) ? 'log and buffers' : 'packets and decisions';
}
