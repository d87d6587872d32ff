/**
 * What a host shows of itself on an encrypted link, and whom it believes: a certificate that names the replica of this service, its
 * key, and the authority that signs for both replicas. `fttcp keygen` makes them (`link-keys.ts`).
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TlsConfig } from './config-schema.ts';

/** The content of the files, in PEM. */
export type LinkCredentials = Readonly<Record<keyof TlsConfig, string>>;

/** A mistake in one of the files. */
export interface CredentialProblem {
  readonly file: keyof TlsConfig;
  /** For `found …`. */
  readonly reason: string;
  readonly allowed: string;
}

/** The name for which the certificate of a replica is made, which is no host's. */
export function certifiedName(service: string, replica: string): string {
  return `${replica}.${service}.fttcp`;
}

/** Whether a certificate is that replica's: the name must stand among its alternative names, as it is. */
export function isCertifiedFor(certificate: X509Certificate, name: string): boolean {
  return certificate.checkHost(name, { subject: 'never', wildcards: false }) !== undefined;
}

/** @throws what the file system says */
export function readCredentials({ certificate, key, authority }: TlsConfig): LinkCredentials {
  const read = (file: string) => readFileSync(file, 'utf8');
  return { certificate: read(certificate), key: read(key), authority: read(authority) };
}

/** What keeps these files from being a replica's. Their dates are not looked at: the clock may be wrong, and a host must start. */
export function* credentialProblems(credentials: LinkCredentials, name: string): Iterable<CredentialProblem> {
  const certificate = certificatesIn(credentials.certificate)[0];
  const key = keyIn(credentials.key);
  const authorities = certificatesIn(credentials.authority);
  const madeBy = 'made by fttcp keygen';
  if (certificate === undefined) {
    yield { file: 'certificate', reason: 'it holds no certificate', allowed: `a certificate in PEM, ${madeBy}` };
  }
  if (key === undefined) yield { file: 'key', reason: 'it holds no key', allowed: `a private key in PEM, ${madeBy}` };
  if (authorities.length === 0) {
    const allowed = 'the certificate of the authority in PEM, ca.crt of fttcp keygen';
    yield { file: 'authority', reason: 'it holds no certificate', allowed };
  }
  if (certificate === undefined) return;
  if (!isCertifiedFor(certificate, name)) {
    const reason = `it is for ${certificate.subjectAltName ?? 'no name'}`;
    yield { file: 'certificate', reason, allowed: `the certificate of this replica, for DNS:${name}` };
  }
  if (key !== undefined && !certificate.checkPrivateKey(key)) {
    yield { file: 'key', reason: 'it does not belong to the certificate', allowed: 'the key of tls.certificate' };
  }
  if (authorities.length > 0 && !authorities.some((authority) => hasSigned(authority, certificate))) {
    const reason = 'it has not signed the certificate';
    yield { file: 'authority', reason, allowed: 'the authority that both certificates were made by' };
  }
}

/** Until when the certificate that is in the file now is valid; undefined when it cannot be read. */
export function certificateExpiry(file: string): Date | undefined {
  try {
    const [certificate] = certificatesIn(readFileSync(file, 'utf8'));
    return certificate && new Date(certificate.validTo);
  } catch {
    return undefined;
  }
}

function hasSigned(authority: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return [];
  }
}

function keyIn(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
