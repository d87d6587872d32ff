/** `npm run fuzz`: reads the command line, watches over the campaign, sums up. docs/fuzzing.md. */
import { fork } from 'node:child_process';
import { newProgram, runProgram, seedOf, wholeNumber } from '../src/cli/program.ts';
import { FttcpError } from '../src/errors.ts';
import { type CampaignResult, type Failure, repeatCommand } from './campaign.ts';
import type { Orders, Report } from './child.ts';
import { TARGETS } from './targets.ts';

interface Flags {
  inputs: string;
  seed?: string;
  target?: string;
  episode?: string;
  json?: boolean;
}

const EXIT_FAILED = 1;
/** No episode takes so long, its failure shrunk, on however slow a machine. */
const HANGS_AFTER_MS = 240_000;
/** Whatever is fuzzed lives in less. */
const HEAP_MAX_MB = 512;

/** What became of it is `process.exitCode`. */
export async function main(argv: string[]): Promise<void> {
  const program = newProgram(
    'fuzz',
    'Mutated messages to every decoder of foreign bytes: none throws, none hangs, none grows',
  )
    .option('--inputs <number>', 'how many, for all targets together', '200000')
    .option('--seed <number>', 'decides everything; random if it is left out')
    .option('--target <name>', `only this one of ${TARGETS.map(({ name }) => name).join(', ')}`)
    .option('--episode <number>', 'only this one of the seed and target')
    .option('--json', 'print one JSON object on standard output')
    .action(run);
  await runProgram(program, argv);
}

async function run({ json, target, ...flags }: Flags): Promise<void> {
  const seed = seedOf(flags.seed);
  const inputs = wholeNumber(flags.inputs, '--inputs', 1);
  const episode = flags.episode === undefined ? undefined : wholeNumber(flags.episode, '--episode', 0);
  const targets = TARGETS.map(({ name }) => name).filter((name) => target === undefined || name === target);
  if (targets.length === 0)
    throw new FttcpError('usage', `--target is one of ${TARGETS.map(({ name }) => name).join(', ')}`);
  if (episode !== undefined && target === undefined) throw new FttcpError('usage', '--episode needs a --target');

  const tell = (line: string) => (json ? process.stderr : process.stdout).write(`${line}\n`);
  tell(`seed ${seed}: ${targets.join(', ')}`);
  const startedMs = performance.now();
  const result = await watched({ targets, inputs, seed, ...(episode === undefined ? {} : { episode }) });
  for (const failure of result.failures) for (const line of failureText(failure)) tell(line);
  tell(summaryLine(result, performance.now() - startedMs));
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (!result.ok) process.exitCode = EXIT_FAILED;
}

/** Runs the campaign; where it does not come to its end, that is a failure of the episode it was at. */
function watched(orders: Orders): Promise<CampaignResult> {
  const child = fork(new URL('./child.js', import.meta.url), [JSON.stringify(orders)], {
    execArgv: ['--enable-source-maps', `--max-old-space-size=${HEAP_MAX_MB}`],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  let at = { target: '', episode: 0, inputs: 0 };
  return new Promise((resolve) => {
    const end = (result: CampaignResult) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      resolve(result);
    };
    const fail = (problem: string) => {
      const { target, episode, inputs } = at;
      const command = repeatCommand(target, orders.seed, episode);
      const failures = [{ target, episode, problem, inputs: [], command }];
      end({ ok: false, seed: orders.seed, inputs, targets: { [target]: inputs }, failures });
    };
    const timer = setTimeout(() => fail('an input is never done with'), HANGS_AFTER_MS);
    child.on('message', (report: Report) => {
      if ('result' in report) return end(report.result);
      at = report;
      timer.refresh();
    });
    child.on('exit', (code, signal) => fail(`the process ended: ${signal ?? `exit code ${code}`}`));
  });
}

function failureText({ target, problem, inputs, command }: Failure): string[] {
  const told = inputs.map((input, i) => `  input ${i + 1}: ${input === '' ? '(nothing)' : input}`);
  return [`FAILED ${target}: ${problem}`, ...told, `  again: ${command}`];
}

/** The last line. */
export function summaryLine({ inputs, targets, seed, failures }: CampaignResult, durationMs: number): string {
  const failed = `${failures.length} failure${failures.length === 1 ? '' : 's'}`;
  const seconds = (durationMs / 1000).toFixed(0);
  return `fuzz: ${inputs} inputs to ${Object.keys(targets).length} targets, seed ${seed}, ${failed}, ${seconds} s`;
}
