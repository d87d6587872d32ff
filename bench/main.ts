/** `npm run bench`: reads the command line, measures, shows what came of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { newProgram, runProgram } from '../src/cli/program.ts';
import { VERSION } from '../src/daemon/version.ts';
import { FttcpError } from '../src/errors.ts';
import { checkCongestion, defaultCongestion } from '../src/experiments/congestion.ts';
import { machine } from '../src/experiments/machine.ts';
import type { MeasureSettings } from '../src/experiments/measured-run.ts';
import { LOADS } from '../src/experiments/stall-round.ts';
import { plainText } from '../src/experiments/table.ts';
import { parseTimeMs } from '../src/lab/clock.ts';
import { interruptible } from '../src/lab/interruption.ts';
import { benchmarksDocument } from './document.ts';
import { measureFailover } from './failover.ts';
import { measureLatency } from './latency.ts';
import { measureNorthCalls } from './north-calls.ts';
import { measureNorthLoads } from './north-loads.ts';
import { measureNudge } from './nudge.ts';
import { measureProfile } from './profile.ts';
import type { BenchResults, NorthResult } from './results.ts';
import { allTables } from './tables.ts';
import { measureThroughput } from './throughput.ts';

interface Flags {
  quick?: boolean;
  json?: boolean;
  profile?: boolean;
  write?: boolean;
  from?: string;
  congestion?: string;
  detectTimeout: string;
}

const PARTS = ['throughput', 'latency', 'failover', 'nudge', 'north'] as const;
type Part = (typeof PARTS)[number];

const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

/** What became of it is `process.exitCode`. */
export async function main(argv: string[]): Promise<void> {
  const program = newProgram('bench', 'Measure fttcp against the same server without it, on hosts inside this machine')
    .argument('[parts...]', `any of ${PARTS.join(', ')}; all when none is named`)
    .option('--quick', 'fewer repetitions')
    .option('--json', 'print one JSON object on standard output')
    .option('--profile', 'also where the time goes')
    .option('--write', 'write docs/benchmarks.md: everything, profile included')
    .option('--from <file>', 'measure nothing: take the JSON of an earlier run')
    .option('--congestion <name>', "congestion control of all ends (default: this machine's own)")
    .option('--detect-timeout <time>', 'silence after which the primary is taken for dead', 'auto')
    .action(bench);
  await runProgram(program, argv);
}

async function bench(names: string[], flags: Flags): Promise<void> {
  const parts = partsOf(names, flags);
  const results =
    flags.from === undefined ? await interruptible((signal) => measure(parts, flags, signal)) : readResults(flags.from);
  if (flags.write) {
    writeFileSync(DOCUMENT, benchmarksDocument(results));
    tell(`written: ${DOCUMENT}`);
  }
  process.stdout.write(
    flags.json ? `${JSON.stringify(results)}\n` : `${allTables(results).map(plainText).join('\n\n')}\n`,
  );
  const { failover, nudge } = results;
  const stalls = failover === undefined ? [] : LOADS.map((load) => failover[load]);
  const resumptions = nudge?.outages.flatMap(({ auto, off }) => [auto, off]) ?? [];
  if ([...stalls, ...resumptions].every(({ failed }) => failed === 0)) return;
  process.stderr.write('fttcp: connections were lost, or bytes were wrong, in a failover\n');
  process.exitCode = 1;
}

/** @throws FttcpError `usage` */
function partsOf(names: readonly string[], { write, from }: Flags): ReadonlySet<Part> {
  const wrong = names.find((name) => !isPart(name));
  if (wrong !== undefined) throw new FttcpError('usage', `'${wrong}' is not measured: name ${PARTS.join(', ')}`);
  if (names.length > 0 && (write || from !== undefined)) {
    throw new FttcpError('usage', '--write and --from are about all that is measured: name no part of it');
  }
  return new Set(names.length === 0 ? PARTS : names.filter(isPart));
}

function isPart(name: string): name is Part {
  return (PARTS as readonly string[]).includes(name);
}

/** @throws FttcpError `usage` */
function readResults(file: string): BenchResults {
  let found: Partial<BenchResults>;
  try {
    found = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new FttcpError('usage', `--from ${file}: ${(cause as Error).message}`, { cause });
  }
  const { machine: on, run } = found;
  if (on === undefined || run === undefined)
    throw new FttcpError('usage', `--from ${file}: no results of bench --json`);
  return { ...found, machine: on, run };
}

async function measure(parts: ReadonlySet<Part>, flags: Flags, signal: AbortSignal): Promise<BenchResults> {
  if (flags.detectTimeout !== 'auto') parseTimeMs(flags.detectTimeout);
  const settings: MeasureSettings = {
    quick: flags.quick ?? false,
    congestion: checkCongestion(flags.congestion ?? defaultCongestion()),
    detectTimeout: flags.detectTimeout,
    environment: process.env,
    signal,
    tell,
  };
  const startedIso = new Date().toISOString();
  const throughput = parts.has('throughput') ? await measureThroughput(settings) : undefined;
  const latency = parts.has('latency') ? await measureLatency(settings) : undefined;
  const failover = parts.has('failover') ? await measureFailover(settings) : undefined;
  const nudge = parts.has('nudge') ? await measureNudge(settings) : undefined;
  const north = parts.has('north') ? await measureNorth(settings) : undefined;
  const profile = flags.profile || flags.write ? await measureProfile(settings) : undefined;
  const repeated = [throughput, latency, north, profile].map((one) => one?.falsePromotions ?? 0);
  return {
    ...(throughput === undefined ? {} : { throughput: throughput.throughput }),
    ...(latency === undefined ? {} : { latency: latency.latency }),
    ...(failover === undefined ? {} : { failover }),
    ...(nudge === undefined ? {} : { nudge }),
    ...(north === undefined ? {} : { north: north.north }),
    ...(profile === undefined ? {} : { profile: profile.profile }),
    machine: machine(settings.congestion),
    run: {
      version: VERSION,
      startedIso,
      quick: settings.quick,
      detectTimeout: settings.detectTimeout,
      falsePromotions: repeated.reduce((sum, count) => sum + count, 0),
    },
  };
}

async function measureNorth(settings: MeasureSettings): Promise<{ north: NorthResult; falsePromotions: number }> {
  const calls = await measureNorthCalls(settings);
  const { loads, falsePromotions } = await measureNorthLoads(settings);
  return { north: { calls, loads }, falsePromotions };
}

function tell(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}
