/**
 * The `fttcp` command: docs/cli.md. This room alone reads the command line and the environment; each command is a file
 * that registers itself here and loads what it needs when it runs.
 */
import type { Command } from 'commander';
import { VERSION } from '../daemon/version.ts';
import { registerCheckConfig } from './check-config.ts';
import { registerDemo } from './demo.ts';
import { registerExperiment } from './experiment.ts';
import { registerKeygen } from './keygen.ts';
import { registerLab } from './lab.ts';
import { newProgram, runProgram } from './program.ts';
import { registerStatus } from './status.ts';
import { registerUp } from './up.ts';
import { registerWitness } from './witness.ts';

/** Everything `fttcp` can do. A new command is one more line here. */
const COMMANDS: readonly ((program: Command) => void)[] = [
  registerUp,
  registerWitness,
  registerStatus,
  registerCheckConfig,
  registerKeygen,
  registerLab,
  registerDemo,
  registerExperiment,
];

/** Runs one command; what became of it is `process.exitCode`. */
export async function main(argv: string[]): Promise<void> {
  const program = newProgram('fttcp', 'An unmodified TCP server survives the crash of its host')
    .version(VERSION)
    .showHelpAfterError('(fttcp --help lists the commands and their options)');
  // Settings are inherited by the commands that are made after them.
  for (const register of COMMANDS) register(program);
  await runProgram(program, argv);
}
