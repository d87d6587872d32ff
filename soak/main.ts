/** `npm run soak`: reads the command line, carries the rounds out, sums up. docs/soak.md. */
import path from 'node:path';
import { Option } from 'commander';
import { newProgram, runProgram, seedOf, wholeNumber } from '../src/cli/program.ts';
import { FttcpError } from '../src/errors.ts';
import { parseTimeMs } from '../src/lab/clock.ts';
import { interruptible } from '../src/lab/interruption.ts';
import { isInterruption } from '../src/lab/judged-run.ts';
import { serverPath } from '../src/lab/needs.ts';
import { size } from '../src/lab/result.ts';
import { parseUnkindness } from '../src/lab/unkindness.ts';
import { enterUserNamespace } from '../src/lab/user-namespace.ts';
import { checkTunDevice } from '../src/linux/tun.ts';
import { type RoundOutcome, repeatCommand, soakResult, summaryLine } from './judgement.ts';
import { BACKUPS, FAMILIES, planRound, planText, RANDOM_CABLE } from './plan.ts';
import { runRound } from './round.ts';
import { serversThere } from './servers.ts';
import { keepVigil, vigilLine } from './vigil.ts';

interface Flags {
  rounds: string;
  seed?: string;
  round?: string;
  detectTimeout: string;
  cable?: string;
  family: (typeof FAMILIES)[number];
  backup: (typeof BACKUPS)[number];
  vigil?: string;
  out: string;
  json?: boolean;
}

const EXIT_FAILED = 1;

/** What became of it is `process.exitCode`; interrupted is failed. */
export async function main(argv: string[]): Promise<void> {
  const program = newProgram(
    'soak',
    'Random servers, clients and faults, a fresh lab each round: every byte is checked, every voice heard',
  )
    .option('--rounds <number>', 'how many', '100')
    .option('--seed <number>', 'decides everything; random if it is left out')
    .option('--round <number>', 'only this one of the seed')
    .option('--detect-timeout <time>', 'silence after which the primary is taken for dead', 'auto')
    .option(
      '--cable <unkindness>',
      "what the clients' cable does, as lab run --cable has it; random: something else in each round",
    )
    .addOption(new Option('--family <number>', 'IP version of clients and service').choices(FAMILIES).default('4'))
    .addOption(new Option('--backup <kind>', 'hot, cold, or one of them in each round').choices(BACKUPS).default('hot'))
    .option(
      '--vigil <time>',
      'instead of rounds: no fault at all for so long, idle and under load; counts false alarms',
    )
    .option('--out <dir>', 'where rounds that failed leave their folders', path.join('out', 'soak'))
    .option('--json', 'print one JSON object on standard output')
    .action(soak);
  await runProgram(program, argv);
}

async function soak(flags: Flags): Promise<void> {
  const { detectTimeout, vigil, json } = flags;
  if (detectTimeout !== 'auto') parseTimeMs(detectTimeout);
  const tell = (line: string) => (json ? process.stderr : process.stdout).write(`${line}\n`);
  const start = vigil === undefined ? planRounds(flags) : planVigil(vigil);
  enterUserNamespace(process.argv);
  checkTunDevice();
  const { result, last } = await interruptible((signal) =>
    start({ detectTimeout, environment: process.env, signal, tell }),
  );
  tell(last);
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (!result.ok) process.exitCode = EXIT_FAILED;
}

/** What every kind of run is given. */
interface Run {
  readonly detectTimeout: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/** Starts it. The last line sums up. */
type Start = (run: Run) => Promise<{ readonly result: { readonly ok: boolean }; readonly last: string }>;

/** @throws FttcpError `usage` */
function planVigil(time: string): Start {
  const durationMs = parseTimeMs(time);
  if (durationMs <= 0) throw new FttcpError('usage', 'A vigil is longer than nothing, for example 60m.');
  return async (run) => {
    const result = await keepVigil({ ...run, durationMs });
    return { result, last: vigilLine(result) };
  };
}

/** @throws FttcpError `usage` */
function planRounds({ cable, family, backup, out, ...flags }: Flags): Start {
  const seed = seedOf(flags.seed);
  const only = flags.round === undefined ? undefined : wholeNumber(flags.round, '--round', 1);
  const last = wholeNumber(flags.rounds, '--rounds', 1);
  if (cable !== undefined && cable !== RANDOM_CABLE) parseUnkindness(cable);
  const rounds = only === undefined ? Array.from({ length: last }, (_, index) => index + 1) : [only];
  return async ({ tell, ...run }) => {
    const { there, missing } = serversThere(serverPath(process.env.PATH ?? ''));
    if (missing.length > 0) tell(`not installed, and left out: ${missing.join(', ')} (the plan depends on it)`);
    const outcomes: RoundOutcome[] = [];
    try {
      for (const round of rounds) {
        if (run.signal.aborted) break;
        const plan = planRound(seed, round, there, { cable, family, backup });
        tell(planText(plan));
        const outcome = await runRound(plan, { out, ...run });
        outcomes.push(outcome);
        for (const line of outcomeText(outcome)) tell(`  ${line}`);
      }
    } catch (error) {
      if (!isInterruption(error)) throw error;
    }
    const result = soakResult(seed, outcomes, run.signal.aborted);
    return { result, last: summaryLine(result) };
  };
}

function outcomeText(outcome: RoundOutcome): string[] {
  const { plan, problems, folder, failovers, bytes, stallsMs, durationMs } = outcome;
  const stallMs = Math.max(0, ...stallsMs);
  const facts = [
    `${failovers} failover${failovers === 1 ? '' : 's'}`,
    `${size(bytes)} checked`,
    ...(stallsMs.length === 0 ? [] : [`stall ${stallMs.toFixed(1)} ms`]),
    `${(durationMs / 1000).toFixed(1)} s`,
  ].join(', ');
  if (problems.length === 0) return [`ok: ${facts}`];
  return [`FAILED: ${facts}`, ...problems, `evidence: ${folder}`, `again:    ${repeatCommand(plan)}`];
}
