/**
 * What a lab run gives back, and how it follows from what was observed. Pure.
 */
import { type FlowReport, survived } from './flow.ts';
import type { Office, Voices } from './voices.ts';

export interface ClientResult {
  /** 128 + the signal's number if it was killed. */
  exitCode: number;
  /** The last 64 KB of each. */
  stdout: string;
  stderr: string;
  durationMs: number;
}

export interface FaultResult {
  /** From the client's start, as it really happened. */
  atMs: number;
  action: string;
  host: string;
}

/** A promotion. Times count from the fault before it. */
export interface FailoverResult {
  detectedAfterMs: number;
  promotedAfterMs: number;
  /** When the recovery was over, of those that were told of. */
  recoveredAfterMs?: number;
  epoch: number;
}

export interface ConnectionResult {
  /** `ip:port` */
  client: string;
  service: string;
  /** Client → service. */
  bytesIn: number;
  bytesOut: number;
  /** When the client's first packet was seen, from the client's start. */
  openedMs: number;
  /** See flow.ts. */
  stallMs: number;
  /** From the first promotion to the next data that the client sent; null: it sent none, or there was none. */
  resumedMs: number | null;
  survived: boolean;
}

/** The JSON object of `fttcp lab run --json`. */
export interface LabResult {
  /** The client exited 0, every connection survived and none diverged, no host took over before any fault, never two spoke. */
  ok: boolean;
  client: ClientResult;
  faults: FaultResult[];
  failovers: FailoverResult[];
  connections: ConnectionResult[];
  voices: Voices;
  /** Takeovers of a primary that had suffered nothing. */
  falsePromotions: number;
  /** Connections on which the two servers answered differently. */
  divergences: number;
}

/** A line of a daemon's log that the lab understands. */
export interface DaemonEvent {
  host: string;
  /** Wall clock. */
  atMs: number;
  event: string;
  epoch: number;
  reason?: string;
  /** Of `replayed`: the log, and how long it took. */
  replayed?: { bytes: number; connections: number; afterMs: number };
  /** Of `diverged`: connections so far. */
  divergences?: number;
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;

/** @param faultsAtMs wall clock */
export function failoversOf(events: readonly DaemonEvent[], faultsAtMs: readonly number[]): FailoverResult[] {
  const promotions = events.filter((one) => one.event === 'promoted').sort((one, other) => one.atMs - other.atMs);
  return promotions.flatMap((promoted) => {
    const faultAtMs = faultsAtMs.filter((atMs) => atMs <= promoted.atMs).at(-1);
    if (faultAtMs === undefined) return [];
    const suspicions = events.filter(
      (one) => one.event === 'suspected' && one.host === promoted.host && one.atMs <= promoted.atMs,
    );
    const detectedAtMs = suspicions.map((one) => one.atMs).filter((atMs) => atMs >= faultAtMs)[0] ?? promoted.atMs;
    const { host, epoch } = promoted;
    const recovered = events.find((one) => one.event === 'recovered' && one.host === host && one.epoch === epoch);
    return [
      {
        detectedAfterMs: round(detectedAtMs - faultAtMs),
        promotedAfterMs: round(promoted.atMs - faultAtMs),
        ...(recovered === undefined ? {} : { recoveredAfterMs: round(recovered.atMs - faultAtMs) }),
        epoch,
      },
    ];
  });
}

/** Who was the primary, and from when on. */
export function officesOf(events: readonly DaemonEvent[]): Office[] {
  const kinds = ['primary', 'promoted', 'admitted', 'solo'];
  return events.filter(({ event }) => kinds.includes(event)).map(({ host, epoch, atMs }) => ({ host, epoch, atMs }));
}

export function divergencesOf(events: readonly DaemonEvent[]): number {
  return Math.max(0, ...events.map((one) => one.divergences ?? 0));
}

/** @param events of the daemons. @param startMs of the client, by the wall clock */
export function connectionsOf(
  flows: readonly FlowReport[],
  events: readonly DaemonEvent[],
  clientExitCode: number,
  startMs: number,
): ConnectionResult[] {
  const promotedMs = Math.min(...events.filter(({ event }) => event === 'promoted').map(({ atMs }) => atMs));
  return flows.map((flow) => ({
    client: flow.client,
    service: flow.service,
    bytesIn: flow.bytesIn,
    bytesOut: flow.bytesOut,
    openedMs: round(flow.startMs - startMs),
    stallMs: round(flow.stallMs),
    resumedMs: resumedMs(flow, promotedMs),
    survived: survived(flow, clientExitCode === 0),
  }));
}

function resumedMs({ sentMs }: FlowReport, promotedMs: number): number | null {
  const next = sentMs.find((atMs) => atMs >= promotedMs);
  return next === undefined ? null : round(next - promotedMs);
}

/** A few lines for a person. */
export function summarize(result: LabResult): string {
  const { client, connections, failovers, faults, divergences } = result;
  const lost = connections.filter((one) => !one.survived).length;
  const bytes = (pick: (one: ConnectionResult) => number) => size(connections.reduce((sum, one) => sum + pick(one), 0));
  const lines = [
    `${result.ok ? 'OK' : 'FAILED'}: the client exited ${client.exitCode} after ${seconds(client.durationMs)}`,
    `connections: ${connections.length}, ${lost === 0 ? 'all survived' : `${lost} LOST`}; ` +
      `${bytes((one) => one.bytesIn)} in, ${bytes((one) => one.bytesOut)} out`,
  ];
  if (divergences > 0) lines.push(`DIVERGED: the two servers answered differently on ${divergences} of them`);
  if (faults.length > 0) {
    const stallMs = Math.max(0, ...connections.map((one) => one.stallMs));
    lines.push(`faults: ${faults.map((one) => `${one.action} ${one.host} at ${seconds(one.atMs)}`).join(', ')}`);
    lines.push(`longest stall: ${stallMs.toFixed(1)} ms`);
  }
  for (const { detectedAfterMs, promotedAfterMs, recoveredAfterMs, epoch } of failovers) {
    const recovered = recoveredAfterMs === undefined ? '' : `recovered after ${recoveredAfterMs.toFixed(1)} ms, `;
    lines.push(
      `failover: detected after ${detectedAfterMs.toFixed(1)} ms, promoted after ${promotedAfterMs.toFixed(1)} ms, ` +
        `${recovered}epoch ${epoch}`,
    );
  }
  if (result.falsePromotions > 0) {
    lines.push(
      `FALSE PROMOTIONS: ${result.falsePromotions}; the primary was replaced although it had suffered nothing`,
    );
  }
  if (result.voices.violations > 0) lines.push(`TWO VOICES: ${voicesInWords(result.voices)}`);
  return lines.join('\n');
}

function voicesInWords({ violations, speakers }: Voices): string {
  const spans = speakers.map(
    ({ host, firstMs, lastMs, frames }) => `${host} ${seconds(firstMs)} to ${seconds(lastMs)} (${frames} frames)`,
  );
  return `${violations} frames of a host that another one had replaced; ${spans.join(', ')}`;
}

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}
