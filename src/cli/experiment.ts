/** `fttcp experiment`: the experiments of the FT-TCP paper on hosts inside this machine, and what goes beyond them. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { FttcpError } from '../errors.ts';
import type { ExperimentName } from '../experiments/experiments.ts';
import type { ExperimentsOutcome } from '../experiments/run.ts';
import { ensurePrograms, LAB_PROGRAMS } from './debian-programs.ts';
import { wholeNumber } from './program.ts';

interface Flags {
  quick?: boolean;
  repetitions?: string;
  service?: string;
  json?: boolean;
  write?: boolean;
  out?: string;
  from?: string;
  detectTimeout: string;
  congestion?: string;
}

const DOCUMENTS = fileURLToPath(new URL('../../../docs/paper', import.meta.url));
const OUT = path.join('out', 'paper');

export function registerExperiment(program: Command): void {
  program
    .command('experiment')
    .description('Repeat the experiments of the FT-TCP paper, on hosts inside this machine')
    .argument('<name...>', 'which ones, or all; a wrong name lists them')
    .option('--quick', 'fewer repetitions')
    .option('--repetitions <number>', 'of whatever an experiment repeats')
    .option(
      '--service <name>',
      'of overhead: transfers of this one alone, which --write puts in the place of those that are there; a wrong name lists them',
    )
    .option('--json', 'print one JSON object on standard output')
    .option('--write', 'put results and pictures under docs/paper; of all experiments, the page docs/paper.md too')
    .option('--from <dir>', 'measure nothing: take the JSON of an earlier run')
    .option('--out <dir>', `put them there (default: ${OUT})`)
    .option(
      '--congestion <name>',
      'congestion control of all ends (default: cubic where it is allowed, otherwise reno)',
    )
    .option('--detect-timeout <time>', 'silence after which the primary is taken for dead', 'auto')
    .action(experiment);
}

async function experiment(words: readonly string[], flags: Flags): Promise<void> {
  const { EXPERIMENT_NAMES } = await import('../experiments/experiments.ts');
  const names = namesOf(words, EXPERIMENT_NAMES);
  const all = names.length === EXPERIMENT_NAMES.length;
  if (flags.write && flags.out !== undefined) throw new FttcpError('usage', 'say --write or --out, not both');
  if (flags.from !== undefined) checkFrom(flags, all);
  const { copyResults, readResults, writePage } = await import('../experiments/written-results.ts');
  const { results, failures } =
    flags.from === undefined ? await measure(names, flags) : { results: readResults(flags.from, names), failures: [] };
  if (flags.from !== undefined) {
    if (flags.write) copyResults(flags.from, DOCUMENTS, results);
    const { told } = await import('../experiments/run.ts');
    for (const name of names) if (results[name] !== undefined) show(told(name, results[name]), flags);
  }
  if (flags.write && all) process.stderr.write(`experiment: written: ${writePage(DOCUMENTS, results)}\n`);
  const [name, ...others] = names;
  const result = others.length > 0 ? results : name && results[name];
  if (flags.json && result !== undefined) process.stdout.write(`${JSON.stringify(result)}\n`);
  for (const failure of failures) process.stderr.write(`fttcp: ${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

/** @throws FttcpError `usage` */
function checkFrom({ write, out, quick, repetitions, service }: Flags, all: boolean): void {
  if (out !== undefined || quick || repetitions !== undefined || service !== undefined) {
    throw new FttcpError('usage', '--from measures nothing: it goes with --write and --json alone');
  }
  if (write && !all) {
    throw new FttcpError('usage', '--from with --write makes the page, which is about all experiments: say all');
  }
}

async function measure(names: readonly ExperimentName[], flags: Flags): Promise<ExperimentsOutcome> {
  const [
    { programsFor },
    { SERVICES },
    { runExperiments },
    { checkCongestion, congestionOfThePaper },
    { parseTimeMs },
    { interruptible },
    { enterUserNamespace },
    { checkTunDevice },
    { readResults },
  ] = await Promise.all([
    import('../experiments/experiments.ts'),
    import('../experiments/transfer-services.ts'),
    import('../experiments/run.ts'),
    import('../experiments/congestion.ts'),
    import('../lab/clock.ts'),
    import('../lab/interruption.ts'),
    import('../lab/user-namespace.ts'),
    import('../linux/tun.ts'),
    import('../experiments/written-results.ts'),
  ]);
  if (flags.detectTimeout !== 'auto') parseTimeMs(flags.detectTimeout);
  const repetitions = flags.repetitions === undefined ? undefined : wholeNumber(flags.repetitions, '--repetitions', 1);
  const service = serviceOf(names, flags, SERVICES);
  await ensurePrograms({ ...LAB_PROGRAMS, ...programsFor(names, { service }) }, 'experiments need programs');
  enterUserNamespace(process.argv);
  checkTunDevice();
  return interruptible((signal) =>
    runExperiments({
      names,
      out: flags.write ? DOCUMENTS : (flags.out ?? OUT),
      written: flags.write && service !== undefined ? readResults(DOCUMENTS, names) : undefined,
      settings: {
        quick: flags.quick ?? false,
        repetitions,
        service,
        congestion: checkCongestion(flags.congestion ?? congestionOfThePaper()),
        detectTimeout: flags.detectTimeout,
        environment: process.env,
        signal,
        tell: (line) => process.stderr.write(`experiment: ${line}\n`),
      },
      show: (text) => show(text, flags),
    }),
  );
}

/** @throws FttcpError `usage` */
function serviceOf<Known extends string>(
  names: readonly ExperimentName[],
  { service }: Flags,
  known: readonly Known[],
): Known | undefined {
  if (service === undefined) return undefined;
  const found = known.find((one) => one === service);
  if (found === undefined) throw new FttcpError('usage', `--service ${service}: there are ${known.join(', ')}`);
  if (!names.includes('overhead')) throw new FttcpError('usage', '--service is about overhead, which is not asked for');
  return found;
}

function show(text: string, { json }: Flags): void {
  process[json ? 'stderr' : 'stdout'].write(`${text}\n\n`);
}

/** In the order of the list, each once. @throws FttcpError `usage` */
function namesOf(words: readonly string[], known: readonly ExperimentName[]): ExperimentName[] {
  const wrong = words.find((word) => word !== 'all' && !known.some((name) => name === word));
  if (wrong !== undefined) {
    throw new FttcpError(
      'usage',
      `there is no experiment '${wrong}'; there are ${known.join(', ')}, and all of them: all`,
    );
  }
  return known.filter((name) => words.includes('all') || words.includes(name));
}
