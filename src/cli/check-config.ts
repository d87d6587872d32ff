/** `fttcp check-config`: reads a configuration as `up` would and says what is wrong with it. */
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { loadConfig, type ServiceConfig } from '../daemon/config.ts';

export function registerCheckConfig(program: Command): void {
  program
    .command('check-config')
    .description('check the configuration of a service')
    .requiredOption('-c, --config <file>', 'configuration of the service')
    .action((options: { config: string }) => {
      const config = loadConfig(options.config);
      if (holdsReadableKey(options.config, config)) {
        process.stderr.write(`fttcp: warning: ${options.config} holds the key and others can read it: use keyFile\n`);
      }
      process.stdout.write(`${options.config}: ${inWords(config)}\n`);
    });
}

function inWords({ service, self, selfIndex, peer, address }: ServiceConfig): string {
  const role = selfIndex === 0 ? 'starts as the primary' : 'starts as the backup';
  const other = peer === undefined ? 'alone, so unprotected' : `with ${peer.name}`;
  return `ok, service ${service} at ${address.ip}/${address.prefix}, replica ${self} ${role}, ${other}`;
}

function holdsReadableKey(file: string, config: ServiceConfig): boolean {
  return config.keyFile === undefined && (statSync(file).mode & 0o004) !== 0;
}
