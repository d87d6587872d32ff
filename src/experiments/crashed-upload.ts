/**
 * The paper's experiment: a client uploads without a pause over a LAN of 100 Mb/s, the primary's host loses its power, and the backup's
 * recovery is drawn out. What is asked is when, and by what, the client's flow goes on.
 */
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseRate } from '../lab/rate.ts';
import type { LabResult } from '../lab/result.ts';
import type { LabTrace } from '../lab/run.ts';
import { makeScratchDirectory } from '../lab/scratch.ts';
import { type MeasureSettings, nodeCommand, runMeasured } from './measured-run.ts';
import { MODE_SETTINGS, type Mode } from './modes.ts';
import { round } from './statistics.ts';

export const RATE = '100mbit';
const BYTES_PER_MS = parseRate(RATE) / 8 / 1000;
const PORT = 7000;
/** Beyond what the transfer would take without a crash; the longest back-off of a client doubles the outage. */
const PATIENCE_MS = 30_000;
/** So that an upload goes on through the longest recovery where the takeover comes first; the same for every mode. */
const LIMITS = 'limits: { logBytes: 128MiB, connectionBytes: 128MiB }\n';

export interface UploadPlan {
  readonly mode: Mode;
  /** From the client's start. */
  readonly crashAtMs: number;
  readonly recoveryDelayMs: number;
  /** How long the upload would take without a crash. */
  readonly lengthMs: number;
}

export interface CrashedUpload {
  readonly lab: LabResult;
  readonly trace: LabTrace;
}

export async function uploadThroughCrash(plan: UploadPlan, settings: MeasureSettings): Promise<CrashedUpload> {
  const { mode, crashAtMs, recoveryDelayMs, lengthMs } = plan;
  const directory = makeScratchDirectory();
  let trace: LabTrace | undefined;
  try {
    const config = path.join(directory, 'limits.yaml');
    writeFileSync(config, LIMITS);
    const bytes = Math.round(lengthMs * BYTES_PER_MS);
    const { lab } = await runMeasured(
      {
        ...MODE_SETTINGS[mode].lab,
        server: nodeCommand('src/experiments/programs/stream-server.js'),
        client: nodeCommand('src/experiments/programs/transfer.js', 'up', bytes),
        port: PORT,
        rate: RATE,
        lan: 'hub',
        config,
        recoveryDelay: `${recoveryDelayMs}ms`,
        at: [`${crashAtMs}ms:power-off:primary`],
        timeoutMs: lengthMs + 2 * recoveryDelayMs + PATIENCE_MS,
        inspect: (seen) => {
          trace = seen;
        },
      },
      settings,
    );
    return { lab, trace: trace ?? { startMs: 0, faults: [], events: [], flows: [] } };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Times count from the client's start. */
export interface Resumption {
  readonly crashAtMs: number;
  readonly detectedAtMs: number;
  readonly promotedAtMs: number;
  readonly recoveredAtMs: number;
  /** From the crash; null: it sent nothing again. */
  readonly firstClientRetransmissionAfterMs: number | null;
  /** The client's, from the crash to the resumption, that which resumes included. */
  readonly retransmissions: number;
  /** When the new primary acknowledged anything for the first time. */
  readonly ackAtMs: number | null;
  /** It did so before the client went on. */
  readonly ackBeforeResumption: boolean;
  /**
   * That acknowledged what the old primary had not: its log held more, as it may at any moment, and a client that hears something new
   * goes on by that alone.
   */
  readonly ackAdvances: boolean;
  /** The client's first data, new or sent again, after the recovery; with the takeover first, after that. */
  readonly resumedAtMs: number;
  /** From there. */
  readonly gapMs: number;
  /** The longest time from the crash to the end in which nothing new was acknowledged, but perhaps selectively. */
  readonly stallMs: number;
  /** The longest time from the crash to the end in which the client sent no data. */
  readonly pauseMs: number;
}

/** @param from what the client's going on is counted from. Undefined: the upload failed, or nobody took over and recovered. */
export function resumptionOf(
  { lab, trace: { startMs, faults, events, flows } }: CrashedUpload,
  from: 'promoted' | 'recovered',
): Resumption | undefined {
  const crash = faults[0];
  const [flow, ...others] = flows;
  const when = (event: string) => events.find((one) => one.event === event && one.atMs >= (crash?.wallMs ?? 0))?.atMs;
  const [promotedMs, recoveredMs] = [when('promoted'), when('recovered')];
  if (!lab.ok || crash === undefined || flow === undefined || others.length > 0) return undefined;
  if (promotedMs === undefined || recoveredMs === undefined) return undefined;
  const fromMs = from === 'promoted' ? promotedMs : recoveredMs;
  const resumedMs = flow.sentMs.find((atMs) => atMs >= fromMs);
  if (resumedMs === undefined) return undefined;
  const resentMs = flow.resentMs.filter((atMs) => atMs >= crash.wallMs && atMs <= resumedMs);
  const ack = flow.acks.find(({ atMs }) => atMs >= fromMs);
  const sinceStart = (atMs: number) => round(atMs - startMs, 3);
  return {
    crashAtMs: sinceStart(crash.wallMs),
    detectedAtMs: sinceStart(when('suspected') ?? promotedMs),
    promotedAtMs: sinceStart(promotedMs),
    recoveredAtMs: sinceStart(recoveredMs),
    firstClientRetransmissionAfterMs: resentMs[0] === undefined ? null : round(resentMs[0] - crash.wallMs, 3),
    retransmissions: resentMs.length,
    ackAtMs: ack === undefined ? null : sinceStart(ack.atMs),
    ackBeforeResumption: ack !== undefined && ack.atMs < resumedMs,
    ackAdvances: ack?.advances ?? false,
    resumedAtMs: sinceStart(resumedMs),
    gapMs: round(resumedMs - fromMs, 3),
    stallMs: round(flow.stallMs, 3),
    pauseMs: round(longestPauseMs(crash.wallMs, flow.sentMs), 3),
  };
}

function longestPauseMs(fromMs: number, sentMs: readonly number[]): number {
  let longest = 0;
  let before = fromMs;
  for (const atMs of sentMs) {
    if (atMs >= fromMs) longest = Math.max(longest, atMs - before);
    before = Math.max(fromMs, atMs);
  }
  return longest;
}

/** What a mode's resumption is counted from. */
export function startOfGap(mode: Mode): 'promoted' | 'recovered' {
  return MODE_SETTINGS[mode].lab.takeover === 'first' ? 'promoted' : 'recovered';
}
