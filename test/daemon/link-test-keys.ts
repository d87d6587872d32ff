/** Keys of services that exist in tests only, as files: made once for each test file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TlsConfig } from '../../src/daemon/config.ts';
import { type CertifiedKey, certify, makeAuthority } from '../../src/daemon/link-keys.ts';

export const SERVICE = 'files';

export class TestKeys {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'fttcp-keys-'));

  /** A new authority with certificates for these replicas; files of its own. */
  async authority(
    name: string,
    replicas: readonly string[],
    service = SERVICE,
  ): Promise<(replica: string) => TlsConfig> {
    const directory = path.join(this.directory, name);
    mkdirSync(directory);
    const authority = await makeAuthority(service, 2);
    this.#write(directory, 'ca', authority);
    for (const replica of replicas) this.#write(directory, replica, await certify(authority, service, replica, 1));
    return (replica) => ({
      certificate: path.join(directory, `${replica}.crt`),
      key: path.join(directory, `${replica}.key`),
      authority: path.join(directory, 'ca.crt'),
    });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }

  #write(directory: string, name: string, { certificate, key }: CertifiedKey): void {
    writeFileSync(path.join(directory, `${name}.crt`), certificate);
    writeFileSync(path.join(directory, `${name}.key`), key, { mode: 0o600 });
  }
}
