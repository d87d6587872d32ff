/**
 * What a cold backup takes to recover: one connection with a gigabyte of upload, and a service with a thousand connections, from the log
 * on its disk. The clients check every byte, before and after.
 */
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeScratchDirectory } from '../lab/scratch.ts';
import { barChart } from './charts/bar.ts';
import type { Spread } from './charts/marks.ts';
import { type Experiment, type ExperimentSettings, type Outcome, type Picture, repetitions } from './experiment.ts';
import { nodeCommand, runMeasured } from './measured-run.ts';
import { median, round } from './statistics.ts';
import type { Table } from './table.ts';

export interface ColdRecoverySample {
  /** Of the log that was replayed; what came in meanwhile included. */
  readonly bytes: number;
  readonly connections: number;
  /** From when the server was started until it spoke for itself. */
  readonly replayMs: number;
  /** From the crash. */
  readonly recoveredAfterMs: number;
  /** The longest of any client. */
  readonly stallMs: number;
  readonly megabytesPerS: number;
  readonly connectionsPerS: number;
}

export interface ColdRecoveryCase {
  readonly samples: readonly ColdRecoverySample[];
  readonly n: number;
  /** Connections lost, bytes wrong, or no recovery; among the n. */
  readonly failed: number;
}

export interface ColdRecoveryResult {
  readonly upload: ColdRecoveryCase;
  readonly connections: ColdRecoveryCase;
  readonly goals: { readonly megabytesPerS: number };
}

type CaseName = 'upload' | 'connections';

interface Plan {
  readonly server: string;
  readonly client: string;
  readonly rate?: string;
  readonly crashAtMs: number;
}

const PORT = 7000;
const GOAL_MB_PER_S = 100;
const CONNECTIONS = 1000;
const CLIENT_TIMEOUT_MS = 90_000;
/** The log of the upload, and more than its default bound has room for besides. */
const CONFIG = 'retained: { bytes: 8GiB }\n';
/** 1 Gb/s carries a gigabyte in 8.6 s; the upload goes on through the crash. */
const PLANS: Readonly<Record<CaseName, Plan>> = {
  upload: {
    server: nodeCommand('src/experiments/programs/stream-server.js'),
    client: nodeCommand('src/experiments/programs/transfer.js', 'up', 1_300_000_000),
    rate: '1gbit',
    crashAtMs: 9_500,
  },
  connections: {
    server: nodeCommand('examples/echo-server.js'),
    client: nodeCommand('src/experiments/programs/conversations.js', CONNECTIONS, 20_000, 800),
    crashAtMs: 3_500,
  },
};
const NAMES: Readonly<Record<CaseName, string>> = {
  upload: 'one connection, more than 1 GB of upload',
  connections: `${CONNECTIONS} connections, echo`,
};
const CASES = ['upload', 'connections'] as const;
const ROUND_S = 18;

const roundsOf = (settings: ExperimentSettings) => repetitions(settings, 3, 1);

async function measure(settings: ExperimentSettings): Promise<Outcome<ColdRecoveryResult>> {
  const count = roundsOf(settings);
  const samples: Record<CaseName, (ColdRecoverySample | undefined)[]> = { upload: [], connections: [] };
  for (let index = 0; index < count; index++) {
    for (const name of CASES) {
      const sample = await sampleOf(PLANS[name], settings);
      samples[name].push(sample);
      settings.tell(`cold-recovery ${index + 1}/${count}: ${NAMES[name]}: ${inWords(sample)}`);
    }
  }
  const result = {
    upload: caseOf(samples.upload),
    connections: caseOf(samples.connections),
    goals: { megabytesPerS: GOAL_MB_PER_S },
  };
  return { result, pictures: picturesOf(result), failed: result.upload.failed + result.connections.failed };
}

async function sampleOf(plan: Plan, settings: ExperimentSettings): Promise<ColdRecoverySample | undefined> {
  const { crashAtMs, ...programs } = plan;
  const directory = makeScratchDirectory();
  try {
    const config = path.join(directory, 'retained.yaml');
    writeFileSync(config, CONFIG);
    let replayed: { bytes: number; connections: number; afterMs: number } | undefined;
    let recoveredMs = Number.NaN;
    const { lab } = await runMeasured(
      {
        ...programs,
        port: PORT,
        backup: 'cold',
        config,
        at: [`${crashAtMs}ms:power-off:primary`],
        timeoutMs: CLIENT_TIMEOUT_MS,
        inspect: ({ events, faults }) => {
          replayed = events.find((one) => one.replayed !== undefined)?.replayed;
          const recovered = events.find((one) => one.event === 'recovered')?.atMs ?? Number.NaN;
          recoveredMs = recovered - (faults[0]?.wallMs ?? Number.NaN);
        },
      },
      settings,
    );
    if (!lab.ok || lab.faults.length === 0 || replayed === undefined || Number.isNaN(recoveredMs)) return undefined;
    const { bytes, connections, afterMs } = replayed;
    return {
      bytes,
      connections,
      replayMs: round(afterMs, 1),
      recoveredAfterMs: round(recoveredMs, 1),
      stallMs: round(Math.max(...lab.connections.map((one) => one.stallMs)), 1),
      megabytesPerS: round(bytes / 1000 / afterMs, 1),
      connectionsPerS: round((connections / afterMs) * 1000, 1),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function caseOf(samples: readonly (ColdRecoverySample | undefined)[]): ColdRecoveryCase {
  const known = samples.filter((sample) => sample !== undefined);
  return { samples: known, n: samples.length, failed: samples.length - known.length };
}

function inWords(sample: ColdRecoverySample | undefined): string {
  if (sample === undefined) return 'FAILED';
  const { bytes, connections, replayMs, megabytesPerS, connectionsPerS, stallMs } = sample;
  return (
    `${(bytes / 1e6).toFixed(0)} MB of log and ${connections} connections in ${(replayMs / 1000).toFixed(2)} s, ` +
    `${megabytesPerS.toFixed(0)} MB/s, ${connectionsPerS.toFixed(0)} connections/s; longest stall ${stallMs.toFixed(0)} ms`
  );
}

const medianOf = ({ samples }: ColdRecoveryCase, pick: (sample: ColdRecoverySample) => number): number | undefined =>
  samples.length === 0 ? undefined : median(samples.map(pick));

function picturesOf(result: ColdRecoveryResult): Picture[] {
  const bars = (pick: (sample: ColdRecoverySample) => number) =>
    CASES.map((name) => {
      const values = result[name].samples.map(pick);
      if (values.length === 0) return undefined;
      const spread: Spread = { min: Math.min(...values), max: Math.max(...values) };
      return { value: median(values), spread };
    });
  const svg = barChart({
    title: 'What a cold backup takes to recover',
    subtitle: `Clients go on meanwhile; median and spread of ${result.upload.n} rounds`,
    xLabel: 'what the log holds',
    y: { label: 'time (s)' },
    categories: CASES.map((name) => NAMES[name]),
    series: [
      { label: 'replay', bars: bars(({ replayMs }) => replayMs / 1000) },
      { label: 'recovered after the crash', bars: bars(({ recoveredAfterMs }) => recoveredAfterMs / 1000) },
      { label: 'longest stall of a client', bars: bars(({ stallMs }) => stallMs / 1000) },
    ],
  });
  return [{ name: 'cold-recovery', svg }];
}

export function coldRecoveryTable(result: ColdRecoveryResult): Table {
  const shown = (value: number | undefined, digits = 0) => (value === undefined ? '–' : value.toFixed(digits));
  return {
    title: 'Recovery of a cold backup, medians',
    head: [
      'what',
      'n',
      'log MB',
      'replay s',
      'MB/s',
      'connections/s',
      'recovered after s',
      'longest stall ms',
      'failed',
    ],
    rows: CASES.map((name) => {
      const it = result[name];
      return [
        NAMES[name],
        String(it.n),
        shown(medianOf(it, ({ bytes }) => bytes / 1e6)),
        shown(
          medianOf(it, ({ replayMs }) => replayMs / 1000),
          2,
        ),
        shown(medianOf(it, ({ megabytesPerS }) => megabytesPerS)),
        shown(medianOf(it, ({ connectionsPerS }) => connectionsPerS)),
        shown(
          medianOf(it, ({ recoveredAfterMs }) => recoveredAfterMs / 1000),
          2,
        ),
        shown(medianOf(it, ({ stallMs }) => stallMs)),
        String(it.failed),
      ];
    }),
  };
}

function remarks({ upload, goals }: ColdRecoveryResult): string[] {
  const rate = medianOf(upload, ({ megabytesPerS }) => megabytesPerS) ?? 0;
  return [
    `The log of the upload is replayed at ${rate.toFixed(0)} MB/s (goal: at least ${goals.megabytesPerS} MB/s, ` +
      `${rate >= goals.megabytesPerS ? 'met' : 'MISSED'}), while its client goes on sending at 1 Gb/s, on the same two cores.`,
  ];
}

export const coldRecovery: Experiment<ColdRecoveryResult> = {
  estimateS: (settings) => roundsOf(settings) * CASES.length * ROUND_S,
  measure,
  tables: (result) => [coldRecoveryTable(result)],
  remarks,
};
