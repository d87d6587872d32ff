/** `fttcp up`: runs this host's replica of a service until it is told to stop. */
import type { Command } from 'commander';
import { loadConfig } from '../daemon/config.ts';
import { FttcpError } from '../errors.ts';

export function registerUp(program: Command): void {
  program
    .command('up')
    .description("run this host's replica of a service in the foreground, until SIGTERM")
    .requiredOption('-c, --config <file>', 'configuration of the service')
    .option('--as-primary', 'start as the primary without the other replica, whose host is known to be down', false)
    .option('--replay-log', 'with --as-primary: go on from the log that this host retained as a cold backup', false)
    .action(async (options: { config: string; asPrimary: boolean; replayLog: boolean }) => {
      const config = loadConfig(options.config);
      if (options.replayLog && !(options.asPrimary && config.backup === 'cold')) {
        throw new FttcpError('usage', '--replay-log is for a service with backup: cold, and goes with --as-primary');
      }
      // Loaded when it is needed: it opens the FFI, which no other command has a use for.
      const { runDaemon } = await import('../daemon/daemon.ts');
      await runDaemon(config, options);
    });
}
