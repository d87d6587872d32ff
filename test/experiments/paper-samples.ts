/** Results of every experiment, all of them good. */
import type { Documented } from '../../src/experiments/experiment.ts';
import type { PaperResults } from '../../src/experiments/experiments.ts';
import type { FailoverVariant } from '../../src/experiments/failover.ts';
import { type FigureResult, PAPER_FIGURE_4, PAPER_FIGURE_5, PAPER_FIGURE_6 } from '../../src/experiments/figure.ts';
import { gapsOf } from '../../src/experiments/gap.ts';
import type { OverheadCase, SystemOverhead } from '../../src/experiments/overhead-result.ts';
import type { System } from '../../src/experiments/systems.ts';

export function documented<Result extends object>(name: string, result: Result): Documented<Result> {
  return {
    ...result,
    machine: { cores: 2, cpu: 'A', memoryBytes: 2 ** 34, kernel: '6.1', node: 'v20.1.0', congestion: 'cubic' },
    run: {
      version: '0.2.0',
      startedIso: '2026-01-02T03:04:05.678Z',
      durationS: 60,
      quick: false,
      command: `fttcp experiment ${name}`,
    },
  };
}

const figure4: FigureResult = {
  mode: 'never',
  attempts: 1,
  crashAtMs: 1000,
  detectedAtMs: 1006,
  promotedAtMs: 1008,
  recoveredAtMs: 3508,
  firstClientRetransmissionAfterMs: 240,
  retransmissions: 4,
  ackAtMs: 3509,
  ackBeforeResumption: true,
  ackAdvances: false,
  resumedAtMs: 4300,
  gapMs: 792,
  stallMs: 3300,
  pauseMs: 1600,
  paper: PAPER_FIGURE_4,
};
const snooped = { ackAdvances: true, resumedAtMs: 3509, gapMs: 1.2, stallMs: 2510 };

const waits = (...gapsMs: number[]) =>
  gapsOf(gapsMs.map((gapMs, index) => ({ recoveryMs: 1000 * (index + 1), gapMs, pauseMs: 9, ackAdvances: false })));

const measured = (median: number) => ({ median, min: median - 1, max: median + 1 });
export function systemOverhead(system: System, percent: number): SystemOverhead {
  return {
    system,
    mbps: measured(100 - percent),
    overheadPercent: measured(percent),
    cpuSPerGb: { primary: 3, backup: system === 'direct' ? null : 2 },
  };
}
export function overheadCase(
  rate: OverheadCase['rate'],
  hot: number,
  cold: number,
  service: OverheadCase['service'] = 'http',
): OverheadCase {
  const systems = [systemOverhead('direct', 0), systemOverhead('hot', hot), systemOverhead('cold', cold)];
  return { service, rate, direction: 'up', systems };
}

const stalls = {
  n: 2,
  p50Ms: 9,
  p95Ms: 12,
  maxMs: 12,
  detectedP50Ms: 6,
  promotedP50Ms: 8,
  falsePromotions: 0,
  failed: 0,
  stallsMs: [6, 12],
};
const variant: FailoverVariant = { variant: 'hot', loads: { up: stalls, down: stalls, echo: stalls } };

const recovered = {
  ...{ bytes: 1e9, connections: 1, replayMs: 5000, recoveredAfterMs: 5100, stallMs: 20 },
  ...{ megabytesPerS: 200, connectionsPerS: 0.2 },
};
const manyRecovered = {
  ...{ bytes: 1e7, connections: 1000, replayMs: 500, recoveredAfterMs: 600, stallMs: 90 },
  ...{ megabytesPerS: 20, connectionsPerS: 2000 },
};

const points = [1, 200].flatMap((clients) =>
  (['direct', 'hot', 'cold'] as const).map((system) => {
    const cpuS = { primary: 1, backup: system === 'direct' ? null : 1 };
    return { clients, system, mbps: 95, min: 94, max: 96, cpuS };
  }),
);

export const RESULTS: PaperResults = {
  figure4: documented('figure4', figure4),
  figure5: documented('figure5', { ...figure4, ...snooped, mode: 'permanent', paper: PAPER_FIGURE_5 }),
  figure6: documented('figure6', { ...figure4, ...snooped, mode: 'reactive', paper: PAPER_FIGURE_6 }),
  'figure4-nudge': documented('figure4-nudge', { ...figure4, mode: 'nudge', resumedAtMs: 3509, gapMs: 1.1 }),
  'figure4-takeover-first': documented('figure4-takeover-first', {
    ...figure4,
    mode: 'takeover-first',
    ackAdvances: true,
    gapMs: 2,
    stallMs: 31,
  }),
  gap: documented('gap', {
    modes: {
      never: waits(300, 1400),
      reactive: waits(1, 2),
      permanent: waits(1, 2),
      nudge: waits(1, 3),
      'takeover-first': waits(10, 30),
    },
    goals: { nudgeP95Ms: 20, takeoverFirstMaxMs: 50 },
  }),
  table1: documented('table1', {
    roundTrip: { n: 9, lost: 1, averageMs: 0.05, p50Ms: 0.05, p95Ms: 0.07, p99Ms: 0.1, p999Ms: 0.2, maxMs: 0.5 },
    suspicions: [
      { timeoutMs: 1, seen: 3, perHour: 180, expectedPerHour: 500 },
      { timeoutMs: 2, seen: 0, perHour: 0, expectedPerHour: 0.001 },
      { timeoutMs: 5, seen: 0, perHour: 0, expectedPerHour: 0.001 },
    ],
    observedMs: 60_000,
    realtime: true,
    paper: { averageMs: 0.5, timeoutsMs: [1, 2], timerGranularityMs: 10 },
  }),
  overhead: documented('overhead', {
    rounds: 7,
    cases: [
      ...[overheadCase('100mbit', 0.1, 0.2), overheadCase('1gbit', 1.1, 1.2)],
      ...[overheadCase('100mbit', 0.3, 0.4, 'samba'), overheadCase('1gbit', 1.3, 1.4, 'samba')],
    ],
    paper: { overheadPercentMax: 2 },
  }),
  failover: documented('failover', { variants: [variant, { ...variant, variant: 'hot, reactive snooping' }] }),
  scalability: documented('scalability', { repetitions: 3, measuredMs: 3000, points }),
  'cold-recovery': documented('cold-recovery', {
    upload: { samples: [recovered], n: 1, failed: 0 },
    connections: { samples: [manyRecovered], n: 1, failed: 0 },
    goals: { megabytesPerS: 100 },
  }),
};
