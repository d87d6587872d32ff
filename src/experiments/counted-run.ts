/** A run without a fault, of which the processor time of each host is counted. */
import { FttcpError } from '../errors.ts';
import type { LabResult } from '../lab/result.ts';
import { type MeasuredRun, type MeasureSettings, runMeasured } from './measured-run.ts';
import { hostTime } from './processor-time.ts';
import { median, round } from './statistics.ts';

/** Processor seconds of everything that ran on the host. */
export interface CpuSeconds {
  /** Without fttcp the server's host. */
  readonly primary: number;
  readonly backup: number | null;
}

export interface CountedRun {
  readonly lab: LabResult;
  readonly cpuS: CpuSeconds;
  /** How often it was repeated because the hosts had parted. */
  readonly falsePromotions: number;
}

const ATTEMPTS = 5;
const [PRIMARY, BACKUP] = ['a', 'b'];

/** A run whose servers answered differently was no measurement of what it should: it is repeated. @throws FttcpError `lab-unstable` */
export async function runCounted(run: MeasuredRun, settings: MeasureSettings): Promise<CountedRun> {
  let falsePromotions = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let spentS: Record<string, number> = {};
    const measured = await runMeasured(
      {
        capture: false,
        ...run,
        examine: async (when, replicas) => {
          const seconds = replicas.map(({ name, pid }) => [name, secondsOf(pid)] as const);
          const sinceBefore = ([name, s]: readonly [string, number]) => [name, s - (spentS[name] ?? 0)];
          spentS = Object.fromEntries(when === 'before' ? seconds : seconds.map(sinceBefore));
        },
      },
      settings,
    );
    const { lab } = measured;
    falsePromotions += measured.falsePromotions;
    const backup = spentS[BACKUP];
    const cpuS = { primary: round(spentS[PRIMARY] ?? 0, 2), backup: backup === undefined ? null : round(backup, 2) };
    if (lab.divergences === 0) return { lab, cpuS, falsePromotions };
    settings.tell('the two servers answered differently: repeated');
  }
  throw new FttcpError('lab-unstable', `The two servers answered differently ${ATTEMPTS} times in a row.`);
}

function secondsOf(pid: number): number {
  const { daemonS, othersS } = hostTime(pid);
  return daemonS + othersS;
}

export function medianCpu(all: readonly CpuSeconds[]): CpuSeconds {
  const backups = all.map(({ backup }) => backup).filter((backup) => backup !== null);
  return {
    primary: round(median(all.map(({ primary }) => primary)), 2),
    backup: backups.length === 0 ? null : round(median(backups), 2),
  };
}
