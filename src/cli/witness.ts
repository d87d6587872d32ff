/** `fttcp witness`: keeps the views of services, on a host that is none of their replicas'. */
import type { Command } from 'commander';
import { loadWitnessConfig } from '../witness/config.ts';

export function registerWitness(program: Command): void {
  program
    .command('witness')
    .description('keep the views of services in the foreground, on a third host, until SIGTERM')
    .requiredOption('-c, --config <file>', 'configuration of the witness')
    .action(async (options: { config: string }) => {
      const config = loadWitnessConfig(options.config);
      // Loaded when it is needed: it opens the FFI.
      const { runWitness } = await import('../witness/witness.ts');
      await runWitness(config);
    });
}
