/** What `fttcp keygen` makes, looked at by somebody else's code. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { certifiedName, credentialProblems, isCertifiedFor } from '../../src/daemon/link-credentials.ts';
import { type CertifiedKey, certify, makeAuthority } from '../../src/daemon/link-keys.ts';

const DAY_MS = 24 * 3600 * 1000;

function parsed({ certificate }: CertifiedKey): X509Certificate {
  return new X509Certificate(certificate);
}

test('a certificate is for one replica of one service, signed by the authority, and signs nothing itself', async () => {
  const authority = await makeAuthority('files', 20);
  const made = await certify(authority, 'files', 'a', 10);
  const [ca, certificate] = [parsed(authority), parsed(made)];
  ok(ca.ca && !certificate.ca);
  ok(certificate.verify(ca.publicKey) && certificate.checkIssued(ca));
  ok(certificate.checkPrivateKey(createPrivateKey(made.key)));
  equal(certificate.subjectAltName, 'DNS:a.files.fttcp');
  equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  deepEqual(
    ['a.files.fttcp', 'b.files.fttcp', 'a.mail.fttcp', 'x.a.files.fttcp', '*.files.fttcp', 'a'].map((name) =>
      isCertifiedFor(certificate, name),
    ),
    [true, false, false, false, false, false],
  );
  const credentials = { certificate: made.certificate, key: made.key, authority: authority.certificate };
  deepEqual([...credentialProblems(credentials, certifiedName('files', 'a'))], []);
});

test('it is valid from the day before on, for as long as was asked, in this century and the next', async () => {
  for (const days of [1, 365, 20_000, 36_500]) {
    const { validFrom, validTo } = parsed(await makeAuthority('files', days));
    ok(Math.abs(Date.parse(validFrom) - (Date.now() - DAY_MS)) < 60_000, validFrom);
    ok(Math.abs(Date.parse(validTo) - (Date.now() + days * DAY_MS)) < 60_000, validTo);
  }
});

test('the longest names fit, and no two certificates have the same number or key', async () => {
  const name = 'n'.repeat(32);
  const authority = await makeAuthority(name, 2);
  const [one, other] = [await certify(authority, name, name, 1), await certify(authority, name, name, 1)];
  ok(isCertifiedFor(parsed(one), certifiedName(name, name)));
  ok(parsed(one).serialNumber !== parsed(other).serialNumber && one.key !== other.key);
});

test('an authority that signed before goes on: a bundle of it and a new one covers both', async () => {
  const [old, next] = [await makeAuthority('files', 2), await makeAuthority('files', 2)];
  const authority = old.certificate + next.certificate;
  for (const by of [old, next]) {
    const { certificate, key } = await certify(by, 'files', 'a', 1);
    deepEqual([...credentialProblems({ certificate, key, authority }, certifiedName('files', 'a'))], []);
  }
});
