/**
 * `fttcp lab run`: hands the caller's environment and command line to the lab: servers and clients get the one, and without root it
 * starts anew by the other.
 */
import type { Command } from 'commander';
import { registerLab as register } from '../lab/command.ts';

export function registerLab(program: Command): void {
  register(program, process.env, process.argv);
}
