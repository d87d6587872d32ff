/**
 * Makes what an encrypted link needs: an authority of the service's own, and a certificate for each replica (`link-credentials.ts` says
 * what one has to be). ECDSA with P-256; X.509 as in RFC 5280.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { BitString, Integer, OctetString, Utf8String } from 'asn1js';
import {
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  Extension,
  ExtKeyUsage,
  GeneralName,
  GeneralNames,
  id_AuthorityKeyIdentifier,
  id_BasicConstraints,
  id_ExtKeyUsage,
  id_KeyUsage,
  id_SubjectAltName,
  id_SubjectKeyIdentifier,
  PublicKeyInfo,
  RelativeDistinguishedNames,
  Time,
} from 'pkijs';
import { certifiedName } from './link-credentials.ts';

/** A certificate and its private key, in PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

const DAY_MS = 24 * 3600 * 1000;
/** The replica's clock may be behind the one of the host where its certificate is made. */
const BACKDATED_MS = DAY_MS;
const SERIAL_BYTES = 16;

const ID_COMMON_NAME = '2.5.4.3';
const ID_SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ID_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const DNS_NAME = 2;
/** RFC 5280 §4.2.1.3: bits from the left, and how many of the octet are not used. */
const DIGITAL_SIGNATURE = { octet: 0x80, unusedBits: 7 };
const KEY_CERT_SIGN = { octet: 0x04, unusedBits: 2 };
/** RFC 5280 §4.1.2.5 */
const FIRST_YEAR_OF_GENERALIZED_TIME = 2050;

/** Signs for the replicas of this service, and for nothing else. */
export function makeAuthority(service: string, days: number): Promise<CertifiedKey> {
  const pair = newPair();
  const subject = named(`fttcp ${service} authority`);
  const extensions = [
    extension(id_BasicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 }).toSchema()),
    extension(id_KeyUsage, true, keyUsage(KEY_CERT_SIGN)),
    extension(id_SubjectKeyIdentifier, false, new OctetString({ valueHex: keyIdentifier(pair.publicKey) })),
  ];
  return signed(pair, subject, days, extensions, { subject, key: pair.key });
}

/** The certificate by which a replica shows the others who it is. */
export function certify(
  authority: CertifiedKey,
  service: string,
  replica: string,
  days: number,
): Promise<CertifiedKey> {
  const pair = newPair();
  const issuer = Certificate.fromBER(new X509Certificate(authority.certificate).raw);
  const name = new GeneralName({ type: DNS_NAME, value: certifiedName(service, replica) });
  const issuerKey = new AuthorityKeyIdentifier({
    keyIdentifier: new OctetString({ valueHex: keyIdentifier(issuer.subjectPublicKeyInfo) }),
  });
  const extensions = [
    extension(id_BasicConstraints, true, new BasicConstraints({ cA: false }).toSchema()),
    extension(id_KeyUsage, true, keyUsage(DIGITAL_SIGNATURE)),
    extension(id_ExtKeyUsage, false, new ExtKeyUsage({ keyPurposes: [ID_SERVER_AUTH, ID_CLIENT_AUTH] }).toSchema()),
    extension(id_SubjectAltName, false, new GeneralNames({ names: [name] }).toSchema()),
    extension(id_AuthorityKeyIdentifier, false, issuerKey.toSchema()),
  ];
  return signed(pair, named(replica), days, extensions, { subject: issuer.subject, key: authority.key });
}

interface Pair {
  /** PEM. */
  readonly key: string;
  readonly publicKey: PublicKeyInfo;
}

function newPair(): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  });
  return { key: privateKey, publicKey: PublicKeyInfo.fromBER(publicKey) };
}

async function signed(
  { key, publicKey }: Pair,
  subject: RelativeDistinguishedNames,
  days: number,
  extensions: Extension[],
  issuer: { subject: RelativeDistinguishedNames; key: string },
): Promise<CertifiedKey> {
  const certificate = new Certificate();
  certificate.version = 2;
  certificate.serialNumber = new Integer({ valueHex: serialNumber() });
  certificate.issuer = issuer.subject;
  certificate.subject = subject;
  certificate.notBefore = time(Date.now() - BACKDATED_MS);
  certificate.notAfter = time(Date.now() + days * DAY_MS);
  certificate.subjectPublicKeyInfo = publicKey;
  certificate.extensions = extensions;
  await certificate.sign(await signingKey(issuer.key), 'SHA-256');
  return { certificate: new X509Certificate(new Uint8Array(certificate.toSchema(true).toBER())).toString(), key };
}

function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const key = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
}

/** RFC 5280 §4.1.2.2: positive, and random enough never to come twice. */
function serialNumber(): Uint8Array {
  const bytes = new Uint8Array(randomBytes(SERIAL_BYTES));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function named(name: string): RelativeDistinguishedNames {
  const value = new Utf8String({ value: name });
  return new RelativeDistinguishedNames({
    typesAndValues: [new AttributeTypeAndValue({ type: ID_COMMON_NAME, value })],
  });
}

function time(ms: number): Time {
  const value = new Date(Math.floor(ms / 1000) * 1000);
  return new Time({ type: value.getUTCFullYear() < FIRST_YEAR_OF_GENERALIZED_TIME ? 0 : 1, value });
}

function extension(extnID: string, critical: boolean, value: { toBER(): ArrayBuffer }): Extension {
  return new Extension({ extnID, critical, extnValue: value.toBER() });
}

function keyUsage({ octet, unusedBits }: { octet: number; unusedBits: number }): BitString {
  return new BitString({ valueHex: Uint8Array.of(octet), unusedBits });
}

/** RFC 7093 §2, method 1: bits that depend on the public key. */
function keyIdentifier({ subjectPublicKey }: PublicKeyInfo): Uint8Array {
  return createHash('sha256').update(subjectPublicKey.valueBlock.valueHexView).digest().subarray(0, 20);
}
