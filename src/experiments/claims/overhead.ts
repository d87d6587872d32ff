/** What fttcp costs while nothing fails: against no fttcp, and a hot backup against a cold one. Pure. */
import type { Documented } from '../experiment.ts';
import { type OverheadCase, type OverheadResult, overhead, overheadCaseName } from '../overhead.ts';
import type { System } from '../systems.ts';
import { type Claim, type Goal, inShape, measuredIn, notReproduced, REPRODUCED, type Verdict } from './claim.ts';

/** The LAN at which the processors do not decide. */
const DECISIVE = '100mbit';
const HOT_COLD_GOAL_PERCENT = 2;

interface Compared {
  readonly name: string;
  readonly decisive: boolean;
  readonly percent: number;
}

export function overheadClaim(result: Documented<OverheadResult>): Claim {
  const most = result.paper.overheadPercentMax;
  const all = result.cases.flatMap((one) =>
    one.systems
      .filter(({ system }) => system !== 'direct')
      .map(({ system, overheadPercent }): Compared => {
        const name = `${overheadCaseName(one)}, ${system}`;
        return { name, decisive: one.rate === DECISIVE, percent: overheadPercent.median };
      }),
  );
  return {
    title: 'Overhead in large transfers',
    claim:
      `Without failures, large transfers to and from a Samba server lose less than ${most} % of their throughput. Here they go over HTTP, from nginx to curl ` +
      'and back, each right after or before the same transfer without fttcp.',
    theirs: `under ${most} %`,
    ours: byRate(all, (some) => `at most ${percent(greatest(some))}`),
    verdict: verdictOf(all, most, (some) => `the median overhead is not under ${most} % (${some})`),
    goals: goalsOf(all, `under ${most} %`, (one) => one.percent < most),
    ...measuredIn(overhead, result),
    name: 'overhead',
    pictures: {
      overhead: 'Throughput lost to fttcp in large transfers over HTTP',
      'overhead-cpu': 'Processor time of each host in large transfers',
    },
  };
}

/** Undefined: there is not both of a hot backup and a cold one. */
export function hotAndColdClaim(result: Documented<OverheadResult>): Claim | undefined {
  const all = result.cases.flatMap((one): Compared[] => {
    const [hot, cold] = [medianOf(one, 'hot'), medianOf(one, 'cold')];
    if (hot === undefined || cold === undefined) return [];
    const apart = (Math.abs(hot - cold) / Math.max(hot, cold)) * 100;
    return [{ name: overheadCaseName(one), decisive: one.rate === DECISIVE, percent: apart }];
  });
  if (all.length === 0) return undefined;
  const spent = result.cases.map((one) => {
    const [hot, cold] = [backupCpu(one, 'hot'), backupCpu(one, 'cold')];
    return `${overheadCaseName(one)} ${hot} and ${cold}`;
  });
  const apart = all.map(({ name, percent: value }) => `${name} ${percent(value)}`).join('; ');
  return {
    title: 'Hot and cold backup without failures',
    claim:
      'As long as nothing fails, a client can hardly tell whether the backup runs the server too (hot) or only keeps the log (cold): the two are nearly ' +
      'indistinguishable in their performance.',
    theirs: 'nearly indistinguishable',
    ours: byRate(all, (some) => `${percent(greatest(some))} apart at most`),
    verdict: verdictOf(
      all,
      HOT_COLD_GOAL_PERCENT,
      (some) => `hot and cold are ${HOT_COLD_GOAL_PERCENT} % or more apart (${some})`,
    ),
    goals: goalsOf(all, `within ${HOT_COLD_GOAL_PERCENT} %`, (one) => one.percent < HOT_COLD_GOAL_PERCENT),
    measured:
      `By the same transfers as above, the medians of throughput with a hot backup and with a cold one are apart by: ${apart}. What differs is the ` +
      `processor time of the backup's host, in seconds per GB, hot and cold: ${spent.join('; ')}.`,
    command: result.run.command,
    name: 'overhead',
    pictures: {},
  };
}

function medianOf({ systems }: OverheadCase, system: System): number | undefined {
  return systems.find((one) => one.system === system)?.mbps.median;
}

function backupCpu({ systems }: OverheadCase, system: System): string {
  return systems.find((one) => one.system === system)?.cpuSPerGb.backup?.toFixed(2) ?? '–';
}

/** What holds where the processors do not decide is reproduced there. */
function verdictOf(all: readonly Compared[], most: number, why: (beyond: string) => string): Verdict {
  const beyond = all.filter((one) => one.percent >= most);
  if (beyond.length === 0) return REPRODUCED;
  const said = why(beyond.map((one) => `${one.name}: ${percent(one.percent)}`).join('; '));
  const shared = 'client, primary, backup and switch share the processors of one machine';
  return beyond.some(({ decisive }) => decisive) || all.every(({ decisive }) => !decisive)
    ? notReproduced(said)
    : inShape(`at 100 Mb/s it holds, at 1 Gb/s ${said}, where ${shared}`);
}

function goalsOf(all: readonly Compared[], goal: string, holds: (one: Compared) => boolean): Goal[] {
  const missed = all.filter((one) => !holds(one)).map((one) => `${one.name} ${percent(one.percent)}`);
  const said = missed.length === 0 ? `at most ${percent(greatest(all))}` : missed.join('; ');
  return [{ met: missed.length === 0, said: `${goal} at 100 Mb/s and at 1 Gb/s (${said})` }];
}

function byRate(all: readonly Compared[], say: (some: readonly Compared[]) => string): string {
  const parts = [
    ['100 Mb/s', all.filter(({ decisive }) => decisive)],
    ['1 Gb/s', all.filter(({ decisive }) => !decisive)],
  ] as const;
  return parts
    .filter(([, some]) => some.length > 0)
    .map(([rate, some]) => `${say(some)} at ${rate}`)
    .join(', ');
}

const greatest = (some: readonly Compared[]): number => Math.max(...some.map((one) => one.percent));
const percent = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} %`;
