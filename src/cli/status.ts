/** `fttcp status`: asks the daemon on this host how its service is doing. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../daemon/config.ts';
import { requestStatus } from '../daemon/control.ts';
import { formatStatus } from '../daemon/status.ts';
import { FttcpError } from '../errors.ts';

interface StatusOptions {
  readonly config?: string;
  readonly control?: string;
  readonly json?: boolean;
}

/** Where `control` of a configuration points by default. */
const CONTROL_DIRECTORY = '/run/fttcp';

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('show how the service on this host is doing')
    .option('-c, --config <file>', 'configuration of the service')
    .option('--control <socket>', "the daemon's control socket, instead of a configuration")
    .option('--json', 'one JSON object on standard output')
    .action(async (options: StatusOptions) => {
      const status = await requestStatus(controlPath(options));
      process.stdout.write(`${options.json ? JSON.stringify(status) : formatStatus(status)}\n`);
    });
}

function controlPath({ config, control }: StatusOptions): string {
  if (config !== undefined && control !== undefined) {
    throw new FttcpError('usage', 'say --config or --control, not both');
  }
  if (control !== undefined) return control;
  return config === undefined ? onlySocket() : loadConfig(config).control;
}

/** Most hosts run one service. */
function onlySocket(): string {
  const sockets = socketsIn(CONTROL_DIRECTORY);
  const [only] = sockets;
  if (only !== undefined && sockets.length === 1) return only;
  const which = sockets.length === 0 ? `there is none in ${CONTROL_DIRECTORY}` : `there are ${sockets.join(', ')}`;
  throw new FttcpError('usage', `say which service with --config FILE or --control SOCKET: ${which}`);
}

function socketsIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.sock'))
      .map((name) => path.join(directory, name));
  } catch {
    return [];
  }
}
