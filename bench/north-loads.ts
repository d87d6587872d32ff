/** What requests cost a server whose calls are recorded: nginx over TLS and redis, direct and under fttcp by turns, hot and cold. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { FttcpError } from '../src/errors.ts';
import { type CpuSeconds, medianCpu, runCounted } from '../src/experiments/counted-run.ts';
import { EXAMPLES, prepareExample } from '../src/experiments/example-state.ts';
import { filesInMemory } from '../src/experiments/large-transfer.ts';
import { type MeasuredRun, type MeasureSettings, nodeCommand, outputOf } from '../src/experiments/measured-run.ts';
import { median, round } from '../src/experiments/statistics.ts';
import { inTurn, SYSTEM_LAB, SYSTEMS, type System } from '../src/experiments/systems.ts';
import { serverPath } from '../src/lab/needs.ts';
import { makeScratchDirectory } from '../src/lab/scratch.ts';
import { NORTH_LOADS, type NorthLoad, type NorthLoadResult, type NorthSystem, type NorthUnit } from './results.ts';

interface Load {
  readonly unit: NorthUnit;
  readonly units: number;
  /** @param directory for what the server starts from; to be made */
  run(directory: string, settings: MeasureSettings): MeasuredRun;
  /** What the client counted. @param printed by it; @returns NaN if it did not */
  secondsOf(printed: string): number;
}

export interface LoadSample {
  readonly perSecond: number;
  readonly cpuS: CpuSeconds;
}

/** One of each system. */
export type LoadRound = ReadonlyMap<System, LoadSample>;

const REDIS_PORT = 6379;
const HTTPS_PORT = 8443;
const CONNECTIONS = 8;
/** Fewer than nginx allows one connection. */
const REQUESTS_EACH = 900;
const DOWNLOAD_BYTES = 400_000_000;
const SMALL_BYTES = 1000;
const REDIS_CLIENTS = 50;
const REDIS_REQUESTS = 20_000;
const PIPELINED_REQUESTS = 200_000;
const PIPELINE = 16;
/** SET and GET. */
const REDIS_TESTS = 2;

const https = (directory: string, { environment }: MeasureSettings, client: string): MeasuredRun => {
  prepareExample('nginx-tls/prepare.sh', [directory, 'localhost'], environment);
  const small = `truncate -s ${SMALL_BYTES} html/small && touch -d @0 html/small`;
  return {
    state: directory,
    server: `${filesInMemory(DOWNLOAD_BYTES, 'html')} && ${small} && exec ./start.sh 2 root`,
    port: HTTPS_PORT,
    client,
  };
};

const redis = (requests: number, pipeline: number): Load => ({
  unit: 'requests',
  units: REDIS_TESTS * requests,
  run: () => ({
    state: path.join(EXAMPLES, 'redis'),
    server: 'exec ./start.sh',
    port: REDIS_PORT,
    client: `exec redis-benchmark -h "$FTTCP_ADDRESS" -p ${REDIS_PORT} -t set,get -n ${requests} -c ${REDIS_CLIENTS} -P ${pipeline} --csv`,
  }),
  secondsOf: (printed) => redisSeconds(printed, requests),
});

const LOADS: Readonly<Record<NorthLoad, Load>> = {
  'https-requests': {
    unit: 'requests',
    units: CONNECTIONS * REQUESTS_EACH,
    run: (directory, settings) => {
      const client = nodeCommand('bench/clients/https-requests.js', '/small', CONNECTIONS, REQUESTS_EACH);
      return https(directory, settings, client);
    },
    secondsOf: (printed) => Number(/"seconds":([\d.]+)/.exec(printed)?.[1]),
  },
  'https-download': {
    unit: 'megabytes',
    units: DOWNLOAD_BYTES / 1e6,
    run: (directory, settings) => {
      const url = `https://$FTTCP_ADDRESS:${HTTPS_PORT}/given`;
      return https(
        directory,
        settings,
        `exec curl -sSk --fail -o /dev/null -w '%{time_pretransfer} %{time_total}' ${url}`,
      );
    },
    secondsOf: (printed) => {
      const [from = Number.NaN, to = Number.NaN] = printed.split(' ').map(Number);
      return to - from;
    },
  },
  redis: redis(REDIS_REQUESTS, 1),
  'redis-pipelined': redis(PIPELINED_REQUESTS, PIPELINE),
};

/** @returns also how many measurements were repeated */
export async function measureNorthLoads(
  settings: MeasureSettings,
): Promise<{ loads: NorthLoadResult[]; falsePromotions: number }> {
  const count = settings.quick ? 3 : 7;
  const rounds: Record<NorthLoad, LoadRound[]> = {
    'https-requests': [],
    'https-download': [],
    redis: [],
    'redis-pipelined': [],
  };
  let falsePromotions = 0;
  for (let index = 0; index < count; index++) {
    for (const load of NORTH_LOADS) {
      const round = new Map<System, LoadSample>();
      for (const system of inTurn(SYSTEMS, index)) {
        const { sample, repeated } = await measureOnce(load, system, settings);
        falsePromotions += repeated;
        round.set(system, sample);
      }
      rounds[load].push(round);
      settings.tell(`north ${load} ${index + 1}/${count}: ${roundInWords(round, LOADS[load].unit)}`);
    }
  }
  const loads = NORTH_LOADS.map((load): NorthLoadResult => {
    const { unit, units } = LOADS[load];
    return { load, unit, rounds: count, systems: northSystemsOf(rounds[load], units) };
  });
  return { loads, falsePromotions };
}

async function measureOnce(
  load: NorthLoad,
  system: System,
  settings: MeasureSettings,
): Promise<{ sample: LoadSample; repeated: number }> {
  const { units, run, secondsOf } = LOADS[load];
  const scratch = makeScratchDirectory();
  try {
    const environment = { ...settings.environment, PATH: serverPath(settings.environment.PATH ?? '') };
    const what = run(path.join(scratch, 'state'), settings);
    const counted = await runCounted({ ...SYSTEM_LAB[system], level: 'recorded', environment, ...what }, settings);
    const printed = outputOf(counted.lab, `${load} ${system}`);
    const seconds = secondsOf(printed);
    if (!(seconds > 0)) throw new FttcpError('bench-north', `${load}: the client printed: ${printed.slice(-200)}`);
    return {
      sample: { perSecond: units / seconds, cpuS: counted.cpuS },
      repeated: counted.falsePromotions,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export function northSystemsOf(rounds: readonly LoadRound[], units: number): NorthSystem[] {
  return SYSTEMS.map((system) => {
    const samples = rounds.flatMap((one) => one.get(system) ?? []);
    const ratios = rounds.map((one) => ratioOf(one, system));
    const cpu = medianCpu(samples.map(({ cpuS }) => cpuS));
    const each = (seconds: number) => round((seconds / units) * 1e6, 1);
    return {
      system,
      perSecond: round(median(samples.map(({ perSecond }) => perSecond)), 1),
      ratio: round(median(ratios), 4),
      ratioMin: round(Math.min(...ratios), 4),
      ratioMax: round(Math.max(...ratios), 4),
      cpuUsPerUnit: { primary: each(cpu.primary), backup: cpu.backup === null ? null : each(cpu.backup) },
    };
  });
}

function ratioOf(one: LoadRound, system: System): number {
  return (one.get(system)?.perSecond ?? Number.NaN) / (one.get('direct')?.perSecond ?? Number.NaN);
}

function roundInWords(one: LoadRound, unit: NorthUnit): string {
  return [...one]
    .map(
      ([system, { perSecond }]) => `${system} ${perSecond.toFixed(0)} ${unit}/s (${ratioOf(one, system).toFixed(3)})`,
    )
    .join(', ');
}

/** What all its requests of both kinds took. @param printed by `redis-benchmark --csv`: `"SET","48543.69",…` */
export function redisSeconds(printed: string, requests: number): number {
  const rates = [...printed.matchAll(/^"(?:SET|GET)","([\d.]+)"/gm)].map(([, rate]) => Number(rate));
  if (rates.length !== REDIS_TESTS) return Number.NaN;
  return rates.reduce((sum, rate) => sum + requests / rate, 0);
}
