/**
 * The demonstration: an ordinary file server under fttcp, an ordinary client that uploads and downloads at once, and the
 * primary's power-off in the middle. Here is what is run and what is asked of it; demo-display.ts shows it to a person.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { mkdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { FttcpError } from '../errors.ts';
import { parseTimeMs } from './clock.ts';
import { parseRate } from './rate.ts';
import { type LabResult, size } from './result.ts';
import { type LabEvent, runLab } from './run.ts';
import { makeScratchDirectory } from './scratch.ts';

export interface DemoOptions {
  /** Of each transfer, for example `300MB`. */
  size: string;
  /** For example `1gbit`. */
  rate: string;
  /** Time of the power-off from the client's start, for example `1s`; absent: about the middle, at most 1 s. */
  at?: string | undefined;
  /** Folder for the picture and the capture files. */
  out: string;
  /** The caller's, for server and client. */
  environment: NodeJS.ProcessEnv;
  display: DemoDisplay;
  signal?: AbortSignal | undefined;
}

/** What a display is told while the demonstration runs. */
export interface DemoDisplay {
  plan(plan: DemoPlan): void;
  /** A step of the preparations. */
  step(line: string): void;
  /** Both from 0 to the size in bytes. */
  progress(uploaded: number, downloaded: number): void;
  event(event: Exclude<LabEvent, { kind: 'client-output' }>): void;
}

export interface DemoPlan {
  sizeBytes: number;
  rate: string;
  atMs: number;
}

export interface DemoResult extends LabResult {
  /** Both transfers arrived as the bytes that were sent. */
  sha256Match: boolean;
}

/** The three sums in hexadecimal; empty: the client did not come to say it. */
export interface DemoSums {
  source: string;
  upload: string;
  download: string;
}

export interface DemoOutcome {
  /** `ok` is the lab's, and `sha256Match`, and one failover. */
  result: DemoResult;
  sums: DemoSums;
  /** Sentences; none: it succeeded. */
  failures: string[];
  /** What can be looked at afterwards. */
  picture: string;
  capture: string;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PORT = 8000;
const LATEST_AT_MS = 1000;
const CLIENT_START_MS = 150;
const TIMEOUT_MS = 60_000;
/** The source, a copy for each host, and what each host receives. */
const COPIES = 5;
const SPARE_BYTES = 100e6;
const PIECE_BYTES = 8 << 20;
const SIZE_UNITS: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** @throws FttcpError `usage`, `interrupted`, `demo-space`, or `lab-…` */
export async function runDemo(options: DemoOptions): Promise<DemoOutcome> {
  const plan = planOf(options);
  const { out, display, environment, signal } = options;
  display.plan(plan);
  const picture = path.join(out, 'sequence.svg');
  const capture = path.join(out, 'client.pcapng');
  // Those of an earlier run must not pass for this one's.
  for (const file of [picture, capture]) rmSync(file, { force: true });
  const scratch = makeScratchDirectory();
  try {
    checkSpace(scratch, plan.sizeBytes);
    const state = path.join(scratch, 'state');
    mkdirSync(state);
    const file = path.join(state, 'random.bin');
    display.step(`making a file of ${size(plan.sizeBytes)} of random bytes`);
    const source = await writeRandomFile(file, plan.sizeBytes, signal);
    let unprovoked = 0;
    const observed = observer(display);
    const result = await runLab({
      server: nodeCommand('file-server.js'),
      client: nodeCommand('transfer-client.js', file),
      port: PORT,
      state,
      at: [`${plan.atMs}ms:power-off:primary`],
      rate: options.rate,
      pcap: out,
      plot: picture,
      timeoutMs: Math.max(TIMEOUT_MS, 10 * idealMs(plan.sizeBytes, options.rate)),
      environment,
      progress: (line) => display.step(line),
      observe: (event) => {
        if (event.kind === 'daemon' && event.afterMs === undefined) unprovoked++;
        observed(event);
      },
      signal,
    });
    const sums = sumsOf(result.client.stdout);
    const sha256Match = [sums.source, sums.upload, sums.download].every((sum) => sum === source);
    const failures = failuresOf(result, sha256Match, unprovoked);
    return { result: { ...result, ok: failures.length === 0, sha256Match }, sums, failures, picture, capture };
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** @throws FttcpError `usage` */
function planOf({ size: sizeText, rate, at }: DemoOptions): DemoPlan {
  const sizeBytes = parseTransferSize(sizeText);
  const middleMs = CLIENT_START_MS + idealMs(sizeBytes, rate) / 2;
  const atMs = at === undefined ? Math.round(Math.min(LATEST_AT_MS, middleMs)) : parseTimeMs(at);
  return { sizeBytes, rate, atMs };
}

/** `300MB` → 3e8. @throws FttcpError `usage` */
export function parseTransferSize(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmg]?i?b)$/i.exec(text) ?? [];
  const bytes = Math.round(Number(number) * (SIZE_UNITS[unit.toUpperCase()] ?? Number.NaN));
  if (bytes >= 1) return bytes;
  throw new FttcpError('usage', `The size "${text}" is not understood: write for example 300MB or 1GB.`);
}

/** Of one transfer at the full rate. */
function idealMs(sizeBytes: number, rate: string): number {
  return (sizeBytes * 8 * 1000) / parseRate(rate);
}

function checkSpace(directory: string, sizeBytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  const needed = COPIES * sizeBytes + SPARE_BYTES;
  if (bavail * bsize >= needed) return;
  throw new FttcpError(
    'demo-space',
    `The demo needs ${size(needed)} for a while and ${path.dirname(directory)} has ${size(bavail * bsize)}: ` +
      'choose a smaller --size, or set TMPDIR.',
  );
}

/** Returns its SHA-256. */
async function writeRandomFile(file: string, bytes: number, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytes));
  const target = await open(file, 'w');
  try {
    for (let written = 0; written < bytes; written += piece.length) {
      if (signal?.aborted) throw new FttcpError('interrupted', 'The demo was interrupted; nothing is left of it.');
      const part = piece.subarray(0, bytes - written);
      randomFillSync(part);
      hash.update(part);
      await target.write(part);
    }
  } finally {
    await target.close();
  }
  if (statSync(file).size !== bytes) throw new FttcpError('demo-space', `${file} could not be written whole.`);
  return hash.digest('hex');
}

function nodeCommand(example: string, ...args: string[]): string {
  const words = [process.execPath, path.join(ROOT, 'dist', 'examples', example), ...args];
  return `exec ${words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')}`;
}

/** Reads the client's progress from its own lines. */
function observer(display: DemoDisplay): (event: LabEvent) => void {
  let partial = '';
  return (event) => {
    if (event.kind !== 'client-output') {
      display.event(event);
      return;
    }
    const lines = (partial + event.bytes.toString('utf8')).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) {
      const [, uploaded, downloaded] = /^uploaded (\d+) downloaded (\d+)$/.exec(line) ?? [];
      if (uploaded !== undefined) display.progress(Number(uploaded), Number(downloaded));
    }
  };
}

function sumsOf(said: string): DemoSums {
  const sum = (what: string) => new RegExp(`^sha256 ${what} ([0-9a-f]{64})$`, 'm').exec(said)?.[1] ?? '';
  return { source: sum('source'), upload: sum('upload'), download: sum('download') };
}

/** @param unprovoked what the daemons told before any fault: then the one host that is left goes down */
function failuresOf(result: LabResult, sha256Match: boolean, unprovoked: number): string[] {
  const { client, connections, faults, failovers } = result;
  const failures: string[] = [];
  const lost = connections.filter((one) => !one.survived).length;
  if (unprovoked > 0) {
    failures.push(
      'the hosts parted before the power-off: a busy machine kept a heartbeat back for too long; try again',
    );
  }
  if (faults.length === 0 && client.exitCode === 0) {
    failures.push('the transfers ended before the power-off: choose a larger --size or an earlier --at');
  } else if (failovers.length !== 1 && unprovoked === 0) {
    failures.push(`there were ${failovers.length} failovers instead of one`);
  }
  if (client.exitCode !== 0)
    failures.push(`the client exited ${client.exitCode}${client.stderr === '' ? '' : `: ${client.stderr.trim()}`}`);
  if (lost > 0) failures.push(`${lost} of ${connections.length} connections did not survive`);
  if (connections.length < 2) failures.push(`${connections.length} connections were seen instead of two`);
  if (!sha256Match) failures.push('the SHA-256 sums differ from that of the source');
  if (!result.ok && failures.length === 0) failures.push('the lab found fault with the run');
  return failures;
}
