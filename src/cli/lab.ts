/** `fttcp lab run`: hands the caller's environment to the lab, which passes it on to servers and clients. */
import type { Command } from 'commander';
import { registerLab as register } from '../lab/command.ts';

export function registerLab(program: Command): void {
  register(program, process.env);
}
