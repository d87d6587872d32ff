/** What all of this project's programs have in common: how they read a command line, say what is wrong with it, and end. */
import { Command, CommanderError } from 'commander';
import { FttcpError } from '../errors.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** Of numbers on a command line. */
const NUMBER_MAX = 2 ** 31 - 1;
const USAGE_CODES: ReadonlySet<string> = new Set(['usage', 'config-invalid', 'config-unreadable']);

/** A program to be given its options or commands; commands that are made of it have the same manners. */
export function newProgram(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'fttcp: ')) })
    .exitOverride();
}

/** Runs it; what became of it is `process.exitCode`: 0 done, 1 failed, 2 wrong usage. */
export async function runProgram(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    report(error);
  }
}

/** @throws FttcpError `usage` */
export function wholeNumber(text: string, option: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= NUMBER_MAX) return number;
  throw new FttcpError('usage', `${option} is a whole number from ${least} to ${NUMBER_MAX}, not "${text}"`);
}

/** What `--seed` says; random where it is left out. @throws FttcpError `usage` */
export function seedOf(text: string | undefined): number {
  return text === undefined ? Math.floor(Math.random() * NUMBER_MAX) : wholeNumber(text, '--seed', 0);
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
