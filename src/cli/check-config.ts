/** `fttcp check-config`: reads a configuration as `up` or `witness` would and says what is wrong with it. */
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { loadConfig, type ServiceConfig } from '../daemon/config.ts';
import { configKind } from '../daemon/config-file.ts';
import { loadWitnessConfig, type WitnessConfig } from '../witness/config.ts';

interface Checked {
  readonly text: string;
  /** A key stands in the file itself. */
  readonly holdsKey: boolean;
}

export function registerCheckConfig(program: Command): void {
  program
    .command('check-config')
    .description('check the configuration of a service or of a witness')
    .requiredOption('-c, --config <file>', 'configuration to check')
    .action(({ config: file }: { config: string }) => {
      const { text, holdsKey } = configKind(file) === 'witness' ? checkWitness(file) : checkService(file);
      if (holdsKey && (statSync(file).mode & 0o004) !== 0) {
        process.stderr.write(`fttcp: warning: ${file} holds a key and others can read it: use keyFile\n`);
      }
      process.stdout.write(`${file}: ok, ${text}\n`);
    });
}

function checkService(file: string): Checked {
  const config = loadConfig(file);
  return { text: serviceInWords(config), holdsKey: config.keyFile === undefined };
}

function checkWitness(file: string): Checked {
  const config = loadWitnessConfig(file);
  return { text: witnessInWords(config), holdsKey: config.services.some(({ keyFile }) => keyFile === undefined) };
}

function serviceInWords({ service, self, selfIndex, peer, address }: ServiceConfig): string {
  const role = selfIndex === 0 ? 'starts as the primary' : 'starts as the backup';
  const other = peer === undefined ? 'alone, so unprotected' : `with ${peer.name}`;
  return `service ${service} at ${address.ip}/${address.prefix}, replica ${self} ${role}, ${other}`;
}

function witnessInWords({ listen, services }: WitnessConfig): string {
  return `witness at ${listen.host}:${listen.port} for ${services.map(({ service }) => service).join(', ')}`;
}
