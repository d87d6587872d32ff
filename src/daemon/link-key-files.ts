/** The files of `fttcp keygen`: what the replicas of a service know each other by, and what makes more of it. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FttcpError } from '../errors.ts';
import { type CertifiedKey, certify, makeAuthority } from './link-keys.ts';

/** Certificate and key of the authority: `ca.crt` signs for all replicas, `ca.key` makes more of them. */
export const AUTHORITY = 'ca';
/** What heartbeats, link and witness are authenticated by: `keyFile` in a configuration. */
export const SHARED_KEY_FILE = 'shared.key';
const SHARED_KEY_BYTES = 32;
/** The authority outlives the certificates, so that they can be renewed in time. */
const AUTHORITY_LIVES = 2;

export interface KeyFilesOptions {
  readonly service: string;
  readonly replicas: readonly string[];
  /** For how long the certificates are valid. */
  readonly days: number;
  /** New certificates only, of the authority that is there. */
  readonly renew: boolean;
  /** Replaces what is there. */
  readonly force: boolean;
}

export const certificateFile = (name: string) => `${name}.crt`;
export const privateKeyFile = (name: string) => `${name}.key`;

/** What a host with this replica needs. */
export function filesOfReplica(replica: string): string[] {
  return [certificateFile(replica), privateKeyFile(replica), certificateFile(AUTHORITY), SHARED_KEY_FILE];
}

/** Writes them, for the owner only. @returns their names. @throws FttcpError `usage`, `keys-exist`, `no-authority`, `keys-failed` */
export async function makeKeyFiles(directory: string, options: KeyFilesOptions): Promise<string[]> {
  const { service, replicas, days, renew, force } = options;
  for (const name of [AUTHORITY, path.parse(SHARED_KEY_FILE).name]) {
    if (replicas.includes(name))
      throw new FttcpError('usage', `the files of a replica called ${name} have names that are taken`);
  }
  const files = new Map<string, string>();
  const add = (name: string, { certificate, key }: CertifiedKey) =>
    files.set(certificateFile(name), certificate).set(privateKeyFile(name), key);
  const authority = renew ? readAuthority(directory) : await makeAuthority(service, AUTHORITY_LIVES * days);
  if (!renew) {
    add(AUTHORITY, authority);
    files.set(SHARED_KEY_FILE, `${randomBytes(SHARED_KEY_BYTES).toString('hex')}\n`);
  }
  for (const replica of replicas) add(replica, await certify(authority, service, replica, days));
  const there = [...files.keys()].filter((name) => existsSync(path.join(directory, name)));
  if (there.length > 0 && !renew && !force) {
    const what =
      'new certificates of the same authority: --renew; to replace everything, on all hosts at once: --force';
    throw new FttcpError('keys-exist', `${directory} has ${there.join(', ')} already (${what})`);
  }
  write(directory, files);
  return [...files.keys()];
}

function readAuthority(directory: string): CertifiedKey {
  const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');
  try {
    return { certificate: read(certificateFile(AUTHORITY)), key: read(privateKeyFile(AUTHORITY)) };
  } catch (cause) {
    const needed = `${certificateFile(AUTHORITY)} and ${privateKeyFile(AUTHORITY)} of the first fttcp keygen`;
    throw new FttcpError('no-authority', `--renew needs ${needed} in ${directory}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** A daemon that reads a file meanwhile finds the old one or the new one. */
function write(directory: string, files: ReadonlyMap<string, string>): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const [name, content] of files) {
      const file = path.join(directory, name);
      writeFileSync(`${file}.new`, content, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    }
  } catch (cause) {
    throw new FttcpError('keys-failed', `cannot write to ${directory}: ${(cause as Error).message}`, { cause });
  }
}
