/**
 * `npm run soak -- --vigil TIME`: no fault at all, for so long. Two labs side by side, one whose service is idle and one under load: was a
 * host ever taken for dead, or replaced, and what does the detector itself expect?
 */
import { requestStatus } from '../src/daemon/control.ts';
import type { LabResult } from '../src/lab/result.ts';
import { runLab } from '../src/lab/run.ts';
import type { RunningReplica } from '../src/lab/service.ts';
import type { ClientOrders } from './clients/orders.ts';
import { tallyOf } from './judgement.ts';
import { clientCommand, serverCommand } from './servers.ts';
import { SERVERS, type Traffic } from './traffic.ts';

/** What one host's detector has seen, as `fttcp status` tells it. */
export interface Watch {
  readonly host: string;
  readonly timeoutMs: number;
  readonly observedMs: number;
  /** Silences that made a suspicion; most are reconsidered. */
  readonly suspicions: number;
  readonly longestGapMs: number;
  readonly p99GapMs: number;
  /** False suspicions an hour to be expected, by timeout. */
  readonly falsePerHour: readonly { readonly timeoutMs: number; readonly perHour: number }[];
}

export interface VigilPart {
  readonly ok: boolean;
  /** Hosts that were replaced although nothing was done to them. */
  readonly falsePromotions: number;
  /** Checked to be right, both ways together. */
  readonly bytes: number;
  readonly watches: readonly Watch[];
}

const LOADS = ['idle', 'load'] as const;
export type Load = (typeof LOADS)[number];

/** `soak --vigil --json`. */
export interface VigilResult {
  readonly ok: boolean;
  readonly durationMs: number;
  readonly parts: Readonly<Record<Load, VigilPart>>;
}

export interface VigilSettings {
  readonly durationMs: number;
  readonly detectTimeout: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/** A byte a second, or 10 MB/s in four streams and a line every few milliseconds, each way. */
const CLIENTS: Readonly<Record<Load, { traffic: readonly Traffic[]; bytesPerMs: number }>> = {
  idle: { traffic: ['stream'], bytesPerMs: 0.001 },
  load: { traffic: ['stream', 'stream', 'stream', 'stream', 'lines'], bytesPerMs: 2500 },
};
const PATIENCE_MS = 60_000;

/** @throws FttcpError `interrupted` */
export async function keepVigil(settings: VigilSettings): Promise<VigilResult> {
  const [idle, load] = await Promise.all(LOADS.map((name) => watch(name, settings)));
  if (idle === undefined || load === undefined) throw new Error('there are two parts');
  return { ok: idle.ok && load.ok, durationMs: settings.durationMs, parts: { idle, load } };
}

async function watch(name: Load, { durationMs, tell, ...lab }: VigilSettings): Promise<VigilPart> {
  const { traffic, bytesPerMs } = CLIENTS[name];
  const orders: ClientOrders = { server: 'echo', traffic, seed: 1, durationMs, bytesPerMs, fileBytes: 1 };
  const watches: Watch[] = [];
  const result = await runLab({
    ...lab,
    server: serverCommand('echo'),
    port: SERVERS.echo.port,
    client: clientCommand(orders),
    timeoutMs: durationMs + PATIENCE_MS,
    progress: (line) => tell(`${name}: ${line}`),
    examine: async (when, replicas) => {
      if (when === 'after') watches.push(...(await Promise.all(replicas.map(watchOf))));
    },
  });
  const part = partOf(result, watches);
  for (const line of partText(name, part)) tell(line);
  return part;
}

async function watchOf({ name, control }: RunningReplica): Promise<Watch> {
  const { detector } = await requestStatus(control);
  const { timeoutMs, observedMs, suspicions, maxGapMs, p99GapMs, falsePerHour } = detector;
  return { host: name, timeoutMs, observedMs, suspicions, longestGapMs: maxGapMs, p99GapMs, falsePerHour };
}

function partOf(result: LabResult, watches: readonly Watch[]): VigilPart {
  const { falsePromotions } = result;
  return { ok: result.ok && falsePromotions === 0, falsePromotions, bytes: tallyOf(result).bytes, watches };
}

function partText(name: Load, { ok, falsePromotions, bytes, watches }: VigilPart): string[] {
  const megabytes = (bytes / 1e6).toFixed(1);
  return [
    `${name}: ${ok ? 'ok' : 'FAILED'}: ${falsePromotions} false promotions, ${megabytes} MB checked`,
    ...watches.map((one) => {
      const minutes = (one.observedMs / 60_000).toFixed(1);
      const expected = one.falsePerHour.map(({ timeoutMs, perHour }) => `${perHour.toPrecision(2)} at ${timeoutMs} ms`);
      return (
        `${name}: ${one.host} observed ${minutes} min: ${one.suspicions} suspicions, gaps up to ${one.longestGapMs.toFixed(1)} ms, ` +
        `99 % below ${one.p99GapMs.toFixed(2)} ms; expects an hour: ${expected.join(', ')}`
      );
    }),
  ];
}

/** The last line. */
export function vigilLine({ durationMs, parts }: VigilResult): string {
  const promotions = LOADS.reduce((sum, name) => sum + parts[name].falsePromotions, 0);
  const suspicions = LOADS.flatMap((name) => parts[name].watches).reduce((sum, one) => sum + one.suspicions, 0);
  const minutes = (durationMs / 60_000).toFixed(1);
  return `soak: vigil of ${minutes} min, idle and under load, ${promotions} false promotions, ${suspicions} suspicions`;
}
