/** `fttcp keygen`: makes the keys by which the hosts of a service know each other, and of which their link's encryption is made. */
import path from 'node:path';
import type { Command } from 'commander';
import { name as nameSchema } from '../daemon/config-values.ts';
import { certificateExpiry } from '../daemon/link-credentials.ts';
import { FttcpError } from '../errors.ts';
import { wholeNumber } from './program.ts';

interface KeygenOptions {
  readonly service: string;
  readonly replicas: string;
  readonly out?: string;
  readonly days: string;
  readonly renew: boolean;
  readonly force: boolean;
  readonly json?: boolean;
}

/** Of whom forgets them: a certificate that expires lets no backup join. */
const DEFAULT_DAYS = 3650;
const DAYS_MAX = 36_500;

interface Made {
  readonly service: string;
  /** Absolute. */
  readonly directory: string;
  readonly files: readonly string[];
  /** When the certificates end. */
  readonly expiresIso: string | null;
  /** Which of these files each replica's host needs. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
  readonly witness: readonly string[];
}

export function registerKeygen(program: Command): void {
  program
    .command('keygen')
    .description('make the keys of a service: an authority, a certificate for each replica, and the shared key')
    .requiredOption('--service <name>', 'name of the service')
    .requiredOption('--replicas <names>', 'names of its replicas, for example a,b')
    .option('--out <dir>', 'where they go; default: a directory called as the service')
    .option('--days <n>', 'for how long the certificates are valid', String(DEFAULT_DAYS))
    .option('--renew', 'new certificates only, of the authority in that directory', false)
    .option('--force', 'replace what is there', false)
    .option('--json', 'one JSON object on standard output')
    .action(async (options: KeygenOptions) => {
      const made = await keygen(options);
      process.stdout.write(`${options.json ? JSON.stringify(made) : inWords(made)}\n`);
    });
}

async function keygen({ service, replicas: list, out, days: daysText, renew, force }: KeygenOptions): Promise<Made> {
  const replicas = list.split(',');
  for (const name of [service, ...replicas]) {
    if (!nameSchema.safeParse(name).success) {
      throw new FttcpError('usage', `"${name}" is no name of a service or replica: up to 32 of a-z, 0-9 and -`);
    }
  }
  if (new Set(replicas).size < replicas.length) throw new FttcpError('usage', `--replicas ${list} names one twice`);
  const days = wholeNumber(daysText, '--days', 1);
  if (days > DAYS_MAX) throw new FttcpError('usage', `--days is at most ${DAYS_MAX}`);
  const directory = path.resolve(out ?? service);
  // Loaded when it is needed: it brings a library along that no other command has a use for.
  const { certificateFile, filesOfReplica, makeKeyFiles, SHARED_KEY_FILE } = await import(
    '../daemon/link-key-files.ts'
  );
  const files = await makeKeyFiles(directory, { service, replicas, days, renew, force });
  const made = (names: readonly string[]) => names.filter((name) => files.includes(name));
  return {
    service,
    directory,
    files,
    expiresIso: certificateExpiry(path.join(directory, certificateFile(replicas[0] ?? '')))?.toISOString() ?? null,
    hosts: Object.fromEntries(replicas.map((replica) => [replica, made(filesOfReplica(replica))])),
    witness: made([SHARED_KEY_FILE]),
  };
}

function inWords({ directory, files, expiresIso, hosts, witness }: Made): string {
  const isNew = witness.length > 0;
  return [
    `written to ${directory}, for their owner only: ${files.join(', ')}`,
    ...Object.entries(hosts).map(([replica, needed]) => `  to the host of ${replica}: ${needed.join(', ')}`),
    ...(isNew ? [`  to the witness: ${witness.join(', ')}`] : []),
    isNew
      ? '  ca.key to no host: whoever has it can make certificates; keep it for --renew'
      : '  the hosts take them at the next join, without a restart',
    `the certificates end on ${expiresIso}`,
    ...(isNew ? ['', ...configuration(directory, hosts)] : []),
  ].join('\n');
}

/** What the service's configuration says then, if the files lie at the same place there. */
function configuration(directory: string, hosts: Made['hosts']): string[] {
  return [
    'in the configuration of the service:',
    `keyFile: ${directory}/shared.key`,
    ...Object.keys(hosts).map((replica) => {
      const [certificate, key] = [`${directory}/${replica}.crt`, `${directory}/${replica}.key`];
      return `tls: { certificate: ${certificate}, key: ${key}, authority: ${directory}/ca.crt }   # on the host of ${replica}`;
    }),
  ];
}
