/**
 * The `fttcp` command: docs/cli.md. This room alone reads the command line and the environment; each command is a file
 * that registers itself here and loads what it needs when it runs.
 */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../daemon/version.ts';
import { FttcpError } from '../errors.ts';
import { registerCheckConfig } from './check-config.ts';
import { registerDemo } from './demo.ts';
import { registerLab } from './lab.ts';
import { registerStatus } from './status.ts';
import { registerUp } from './up.ts';
import { registerWitness } from './witness.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const USAGE_CODES: ReadonlySet<string> = new Set(['usage', 'config-invalid', 'config-unreadable']);

/** Everything `fttcp` can do. A new command is one more line here. */
const COMMANDS: readonly ((program: Command) => void)[] = [
  registerUp,
  registerWitness,
  registerStatus,
  registerCheckConfig,
  registerLab,
  registerDemo,
];

/** Runs one command; what became of it is `process.exitCode`: 0 done, 1 failed, 2 wrong usage. */
export async function main(argv: string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    report(error);
  }
}

function createProgram(): Command {
  const program = new Command('fttcp')
    .description('An unmodified TCP server survives the crash of its host')
    .version(VERSION)
    .showHelpAfterError('(fttcp --help lists the commands and their options)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'fttcp: ')) })
    .exitOverride();
  // Settings are inherited by the commands that are made after them.
  for (const register of COMMANDS) register(program);
  return program;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  return error instanceof FttcpError && USAGE_CODES.has(error.code) ? EXIT_USAGE : EXIT_FAILED;
}

function report(error: unknown): void {
  // Commander has said it already.
  if (error instanceof CommanderError) return;
  const message = error instanceof Error ? error.message : String(error);
  for (const line of message.split('\n')) process.stderr.write(`fttcp: ${line}\n`);
  if (process.env.FTTCP_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}
