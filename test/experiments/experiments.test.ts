import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { type ColdRecoveryResult, caseOf as coldCaseOf } from '../../src/experiments/cold-recovery.ts';
import type { Experiment } from '../../src/experiments/experiment.ts';
import { EXPERIMENT_NAMES, EXPERIMENTS, programsFor } from '../../src/experiments/experiments.ts';
import type { FailoverResult } from '../../src/experiments/failover.ts';
import { type FigureResult, PAPER_FIGURE_4 } from '../../src/experiments/figure.ts';
import { type GapResult, gapsOf, recoveryDelays } from '../../src/experiments/gap.ts';
import { machine } from '../../src/experiments/machine.ts';
import { systemsOf } from '../../src/experiments/overhead.ts';
import type { OverheadResult } from '../../src/experiments/overhead-result.ts';
import type { ScalabilityResult } from '../../src/experiments/scalability.ts';
import { inTurn } from '../../src/experiments/systems.ts';
import type { Table1Result } from '../../src/experiments/table1.ts';

const figure: FigureResult = {
  mode: 'never',
  attempts: 1,
  crashAtMs: 1000,
  detectedAtMs: 1006,
  promotedAtMs: 1008,
  recoveredAtMs: 3508,
  firstClientRetransmissionAfterMs: null,
  retransmissions: 0,
  ackAtMs: null,
  ackBeforeResumption: false,
  ackAdvances: false,
  resumedAtMs: 4200,
  gapMs: 692,
  stallMs: 3200,
  pauseMs: 1500,
  paper: PAPER_FIGURE_4,
};

const waits = gapsOf([
  { recoveryMs: 210, gapMs: 4, pauseMs: 9, ackAdvances: true },
  undefined,
  { recoveryMs: 5010, gapMs: 30, pauseMs: 9, ackAdvances: false },
]);
const gap: GapResult = {
  modes: { never: waits, reactive: waits, permanent: gapsOf([undefined]), nudge: waits, 'takeover-first': waits },
  goals: { nudgeP95Ms: 20, takeoverFirstMaxMs: 50 },
};

const sample = (mbps: number, backup: number | null) => ({ mbps, cpuS: { primary: 0.4, backup } });
const rounds = [
  new Map([
    ['direct', sample(100, null)],
    ['hot', sample(99, 0.5)],
    ['cold', sample(99, 0.2)],
  ] as const),
  new Map([
    ['direct', sample(80, null)],
    ['hot', sample(72, 0.7)],
    ['cold', sample(72, 0.2)],
  ] as const),
  new Map([
    ['direct', sample(90, null)],
    ['hot', sample(88.92, 0.6)],
    ['cold', sample(88.92, 0.2)],
  ] as const),
];
const overhead: OverheadResult = {
  rounds: rounds.length,
  cases: (['http', 'samba'] as const).map((service) => ({
    service,
    rate: '100mbit',
    direction: 'up',
    systems: systemsOf(rounds, 40e6),
  })),
  paper: { overheadPercentMax: 2 },
};

const stalls = {
  n: 2,
  p50Ms: 9,
  p95Ms: 12,
  maxMs: 12,
  detectedP50Ms: null,
  promotedP50Ms: null,
  falsePromotions: 0,
  failed: 1,
  stallsMs: [6, 12],
};
const failover: FailoverResult = {
  variants: ['hot', 'hot, permanent snooping'].map((variant) => ({
    variant,
    loads: { up: stalls, down: stalls, echo: stalls },
  })),
};

const point = { clients: 10, mbps: 95, min: 94, max: 96 };
const scalability: ScalabilityResult = {
  repetitions: 3,
  measuredMs: 3000,
  points: [
    { ...point, system: 'direct', cpuS: { primary: 0.1, backup: null } },
    { ...point, system: 'hot', mbps: 76, cpuS: { primary: 1, backup: 1 } },
  ],
};

const table1: Table1Result = {
  roundTrip: { n: 9, lost: 1, averageMs: 0.05, p50Ms: 0.05, p95Ms: 0.07, p99Ms: 0.1, p999Ms: 0.2, maxMs: 0.5 },
  suspicions: [
    { timeoutMs: 1, seen: 3, perHour: 180, expectedPerHour: 500 },
    { timeoutMs: 2, seen: 0, perHour: 0, expectedPerHour: 0.001 },
  ],
  observedMs: 60_000,
  realtime: false,
  paper: { averageMs: 0.5, timeoutsMs: [1, 2], timerGranularityMs: 10 },
};

const recovered = {
  ...{ bytes: 1e9, connections: 1, replayMs: 5000, recoveredAfterMs: 5100, stallMs: 20 },
  ...{ megabytesPerS: 200, connectionsPerS: 0.2 },
};
const coldRecovery: ColdRecoveryResult = {
  upload: coldCaseOf([recovered, undefined]),
  connections: coldCaseOf([undefined]),
  goals: { megabytesPerS: 100 },
};

const RESULTS: Readonly<Record<keyof typeof EXPERIMENTS, object>> = {
  figure4: figure,
  figure5: figure,
  figure6: figure,
  'figure4-nudge': figure,
  'figure4-takeover-first': { ...figure, mode: 'takeover-first' },
  gap,
  table1,
  overhead,
  failover,
  scalability,
  'cold-recovery': coldRecovery,
};

test('a service that was measured alone takes its place beside the others, which say what run they are of', () => {
  const alone = {
    ...overhead,
    cases: overhead.cases.filter(({ service }) => service === 'samba').map((one) => ({ ...one })),
  };
  const { overhead: experiment } = EXPERIMENTS;
  const run = { version: '0.1.0', startedIso: '2026-01-02T03:04:05.678Z', durationS: 1, quick: false, command: '' };
  const joined = experiment.join?.({ ...overhead, machine: machine('reno'), run }, alone) ?? overhead;
  deepEqual(
    joined.cases.map(({ service, begunIso }) => [service, begunIso]),
    [
      ['http', run.startedIso],
      ['samba', undefined],
    ],
  );
  equal(joined.cases[1], alone.cases[0]);
  match(experiment.remarks(joined).join('\n'), /Of an earlier run: HTTP \(begun 2026-01-02T03:04:05\.678Z\)\./);
  doesNotMatch(experiment.remarks(overhead).join('\n'), /earlier run/);
});

test('there are the experiments that the command promises', () => {
  deepEqual(EXPERIMENT_NAMES, [
    ...['figure4', 'figure5', 'figure6', 'figure4-nudge', 'figure4-takeover-first'],
    ...['gap', 'table1', 'overhead', 'failover', 'scalability', 'cold-recovery'],
  ]);
  deepEqual(programsFor(['gap', 'overhead'], { service: 'http' }), { curl: 'curl', nginx: 'nginx-light' });
  deepEqual(programsFor(['gap'], {}), {});
});

for (const name of EXPERIMENT_NAMES) {
  test(`${name} is shown in whole tables and whole sentences`, () => {
    const experiment: Experiment = EXPERIMENTS[name];
    for (const { head, rows } of experiment.tables(RESULTS[name])) {
      deepEqual(
        rows.filter((row) => row.length !== head.length),
        [],
      );
      doesNotMatch(JSON.stringify(rows), /NaN|undefined|null|Infinity/);
    }
    for (const remark of experiment.remarks(RESULTS[name])) {
      doesNotMatch(remark, /NaN|undefined|null|Infinity/);
      match(remark, /^[A-Z].*[.)]$/);
    }
  });
}

test('what misses a goal, or the bound of the paper, is named', () => {
  const said = (name: 'gap' | 'overhead' | 'scalability') => {
    const experiment: Experiment = EXPERIMENTS[name];
    return JSON.stringify([experiment.tables(RESULTS[name]), experiment.remarks(RESULTS[name])]);
  };
  match(said('gap'), /p95 ≤ 20 MISSED.*max ≤ 50 met/);
  match(said('overhead'), /As in the paper, every median is under 2 %/);
  match(said('scalability'), /at least 80\.0 %/);
  const slow = { ...overhead, cases: [{ ...overhead.cases[0], systems: systemsOf(rounds.slice(1, 2), 40e6) }] };
  match(
    String(EXPERIMENTS.overhead.remarks(slow as OverheadResult)),
    /Not under the paper's 2 %: .*up, hot \(10\.0 %\)/,
  );
});

test('an overhead is that against the direct transfer of the same round', () => {
  const hot = systemsOf(rounds, 40e6).find(({ system }) => system === 'hot');
  deepEqual(hot?.overheadPercent, { median: 1.2, min: 1, max: 10 });
  deepEqual(hot?.mbps, { median: 88.9, min: 72, max: 99 });
  deepEqual(hot?.cpuSPerGb, { primary: 10, backup: 15 });
});

test('a wait that ended in no resumption counts as failed, and in no percentile', () => {
  deepEqual([waits.n, waits.failed, waits.p50Ms, waits.p95Ms, waits.maxMs], [3, 1, 17, 30, 30]);
  equal(gapsOf([undefined]).p50Ms, null);
});

test('recoveries are spread from a fifth of a second to five, alike in every run', () => {
  const delays = recoveryDelays(20);
  deepEqual([delays[0], delays[19], new Set(delays).size], [200, 5000, 20]);
  deepEqual(recoveryDelays(20), delays);
  deepEqual(recoveryDelays(1), [200]);
});

test('another one begins in each round', () => {
  deepEqual(inTurn(['a', 'b', 'c'], 0), ['a', 'b', 'c']);
  deepEqual(inTurn(['a', 'b', 'c'], 4), ['b', 'c', 'a']);
});
