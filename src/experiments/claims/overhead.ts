/** What fttcp costs while nothing fails: against no fttcp, and a hot backup against a cold one. Pure. */
import type { Documented } from '../experiment.ts';
import { overhead } from '../overhead.ts';
import { overheadPictures } from '../overhead-pictures.ts';
import { casesByService, type OverheadCase, type OverheadResult, overheadCaseName } from '../overhead-result.ts';
import type { System } from '../systems.ts';
import { SERVICES, type Service, TRANSFER_SERVICES } from '../transfer-services.ts';
import { type Claim, type Goal, inShape, measuredIn, notReproduced, REPRODUCED, type Verdict } from './claim.ts';

/** The LAN at which the processors do not decide. */
const DECISIVE = '100mbit';
const HOT_COLD_GOAL_PERCENT = 2;
/** At 1 Gb/s a recorded server and its replay take more than two processors have: it is told, and no goal. */
const GOAL_AT_DECISIVE_ALONE: ReadonlySet<Service> = new Set(['samba']);

interface Compared {
  readonly name: string;
  readonly service: Service;
  readonly decisive: boolean;
  readonly percent: number;
}

export function overheadClaim(result: Documented<OverheadResult>): Claim {
  const most = result.paper.overheadPercentMax;
  const ways = casesByService(result).map(([service]) => TRANSFER_SERVICES[service].way);
  const all = result.cases.flatMap((one) =>
    one.systems
      .filter(({ system }) => system !== 'direct')
      .map(({ system, overheadPercent }): Compared => {
        const name = `${overheadCaseName(one)}, ${system}`;
        return { name, service: one.service, decisive: one.rate === DECISIVE, percent: overheadPercent.median };
      }),
  );
  return {
    title: 'Overhead in large transfers',
    claim:
      `Without failures, large transfers to and from a Samba server lose less than ${most} % of their throughput. Here they go ${ways.join(', and ')}, ` +
      'each right after or before the same transfer without fttcp.',
    theirs: `under ${most} %`,
    ours: byService(all, (some) => `at most ${percent(greatest(some))}`),
    verdict: verdictOf(all, most, (some) => `the median overhead is not under ${most} % (${some})`),
    goals: goalsOf(all, `under ${most} %`, (one) => one.percent < most),
    ...measuredIn(overhead, result),
    name: 'overhead',
    pictures: overheadPictures(result),
  };
}

/** Undefined: there is not both of a hot backup and a cold one. */
export function hotAndColdClaim(result: Documented<OverheadResult>): Claim | undefined {
  const all = result.cases.flatMap((one): Compared[] => {
    const [hot, cold] = [medianOf(one, 'hot'), medianOf(one, 'cold')];
    if (hot === undefined || cold === undefined) return [];
    const apart = (Math.abs(hot - cold) / Math.max(hot, cold)) * 100;
    return [{ name: overheadCaseName(one), service: one.service, decisive: one.rate === DECISIVE, percent: apart }];
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
    ours: byService(all, (some) => `${percent(greatest(some))} apart at most`),
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
  return byServices(all).map(([service, some]) => {
    const alone = GOAL_AT_DECISIVE_ALONE.has(service);
    const meant = alone ? some.filter(({ decisive }) => decisive) : some;
    const missed = meant.filter((one) => !holds(one)).map((one) => `${one.name} ${percent(one.percent)}`);
    const said = missed.length === 0 ? `at most ${percent(greatest(meant))}` : missed.join('; ');
    const where = alone ? 'at 100 Mb/s' : 'at 100 Mb/s and at 1 Gb/s';
    return {
      met: missed.length === 0,
      said: `${TRANSFER_SERVICES[service].name} ${goal} ${where} (${said})`,
    };
  });
}

function byServices(all: readonly Compared[]): (readonly [Service, readonly Compared[]])[] {
  return SERVICES.map((service) => [service, all.filter((one) => one.service === service)] as const).filter(
    ([, some]) => some.length > 0,
  );
}

function byService(all: readonly Compared[], say: (some: readonly Compared[]) => string): string {
  return byServices(all)
    .map(([service, some]) => `${TRANSFER_SERVICES[service].name}: ${byRate(some, say)}`)
    .join('; ');
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
