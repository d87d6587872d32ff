/** `npm run sim`: reads the command line, runs the seeds, sums up. docs/simulation.md. */
import { execFileSync } from 'node:child_process';
import type { Command } from 'commander';
import { newProgram, runProgram, seedOf, wholeNumber } from '../src/cli/program.ts';
import { type Plan, planOf, STEPS } from './plan.ts';
import { type Outcome, simulate } from './run.ts';
import { Tracer } from './trace.ts';

interface Flags {
  seeds: string;
  seed?: string;
  steps: string;
  trace?: boolean;
  json?: boolean;
}

const EXIT_FAILED = 1;

interface Failure {
  readonly seed: number;
  readonly step: number;
  readonly problem: string;
  readonly again: string;
}

/** What became of it is `process.exitCode`. */
export async function main(argv: string[]): Promise<void> {
  const program = newProgram(
    'sim',
    'The pure rooms in simulated worlds: a seed decides clients, network and faults, and checkers watch every rule',
  )
    .option('--seeds <number>', 'how many, counted from the first', '100')
    .option('--seed <number>', 'the first one; random if it is left out')
    .option('--steps <number>', 'length of the phase in which faults happen', String(STEPS))
    .option('--trace', 'print every packet; of one seed, unless --seeds is given')
    .option('--json', 'print one JSON object on standard output')
    .action((flags: Flags, command: Command) => sim(flags, command.getOptionValueSource('seeds') === 'cli'));
  await runProgram(program, argv);
}

function sim(flags: Flags, countGiven: boolean): void {
  const { trace = false, json = false } = flags;
  const first = seedOf(flags.seed);
  const seeds = trace && !countGiven ? 1 : wholeNumber(flags.seeds, '--seeds', 1);
  const steps = wholeNumber(flags.steps, '--steps', 1);
  const tell = (line: string) => (json ? process.stderr : process.stdout).write(`${line}\n`);
  const failures: Failure[] = [];
  const sum = { steps: 0, connections: 0, takeovers: 0 };
  for (let seed = first; seed < first + seeds; seed++) {
    const plan = planOf(seed, steps);
    if (trace) tell(JSON.stringify(plan));
    const outcome = simulate(plan, trace ? new Tracer(tell) : undefined);
    sum.steps += outcome.steps;
    sum.connections += outcome.connections;
    sum.takeovers += outcome.takeovers;
    if (outcome.problem === '') continue;
    failures.push(failureOf(plan, outcome));
    for (const line of failureText(plan, outcome)) tell(line);
  }
  const ok = failures.length === 0;
  const facts = `${sum.steps} steps, ${sum.connections} connections, ${sum.takeovers} takeovers`;
  tell(`sim: ${seeds} seeds from ${first}, ${facts}, ${failures.length} failures`);
  if (json) process.stdout.write(`${JSON.stringify({ ok, seeds, seed: first, ...sum, failures })}\n`);
  if (!ok) process.exitCode = EXIT_FAILED;
}

function failureOf(plan: Plan, { steps, problem }: Outcome): Failure {
  return { seed: plan.seed, step: steps, problem, again: repeatCommand(plan) };
}

function failureText(plan: Plan, { steps, problem }: Outcome): string[] {
  return [
    `FAILED: seed ${plan.seed}, step ${steps}, commit ${commit()}`,
    `  ${problem}`,
    `  again: ${repeatCommand(plan)}`,
  ];
}

/** Repeats one seed, packet by packet. */
export function repeatCommand({ seed, steps }: Pick<Plan, 'seed' | 'steps'>): string {
  return `npm run sim -- --seed ${seed}${steps === STEPS ? '' : ` --steps ${steps}`} --trace`;
}

function commit(): string {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: [...stdio] }).trim();
  } catch {
    return 'unknown';
  }
}
