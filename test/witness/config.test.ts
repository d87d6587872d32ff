import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { schemaKeys } from '../../src/daemon/config-keys.ts';
import { FttcpError } from '../../src/errors.ts';
import { loadWitnessConfig, parseWitnessConfig, WITNESS_SCHEMA } from '../../src/witness/config.ts';

/** Compiled, this file is in dist/test/witness. */
const EXAMPLE = new URL('../../../examples/witness.yaml', import.meta.url).pathname;

const MINIMAL = `listen: 10.78.0.9:7402
state: /var/lib/fttcp-witness
services:
  - { service: files, key: 000102030405060708090a0b0c0d0e0f }
  - { service: mail, key: 101112131415161718191a1b1c1d1e1f }
`;

function problemsWith(from: string | RegExp, to: string): string {
  const text = MINIMAL.replace(from, to);
  ok(text !== MINIMAL);
  try {
    parseWitnessConfig(text, 'w.yaml');
  } catch (error) {
    ok(error instanceof FttcpError && error.code === 'config-invalid', String(error));
    return error.message;
  }
  throw new Error('no problem was found');
}

test('a minimal file has its defaults', () => {
  const { listen, state, services, log } = parseWitnessConfig(MINIMAL, 'w.yaml');
  deepEqual(
    { listen, state, log },
    { listen: { host: '10.78.0.9', port: 7402 }, state: '/var/lib/fttcp-witness', log: { level: 'info' } },
  );
  deepEqual(
    services.map(({ service, key }) => [service, key[0], key.length]),
    [
      ['files', 0x00, 16],
      ['mail', 0x10, 16],
    ],
  );
});

test('the example is valid, has the key of the service example, and shows every key but those with a counterpart', () => {
  const [service] = loadWitnessConfig(EXAMPLE).services;
  equal(service?.service, 'files');
  const text = readFileSync(EXAMPLE, 'utf8');
  ok(
    readFileSync(EXAMPLE.replace('witness.yaml', 'service.yaml'), 'utf8').includes(
      Buffer.from(service?.key ?? []).toString('hex'),
    ),
  );
  for (const { path } of schemaKeys(WITNESS_SCHEMA)) {
    if (!['services.keyFile', 'log.file'].includes(path))
      match(text, new RegExp(`\\b${path.split('.').at(-1)}:`), path);
  }
});

const WRONG: readonly (readonly [what: string, from: string | RegExp, to: string, problem: RegExp])[] = [
  ['no address', /listen: .*/, 'listen:', /^w.yaml:1:8: listen: found nothing; allowed: an IPv4 address and a port/],
  ['a relative state directory', '/var', 'var', /^w.yaml:2:8: state: found "var.*; allowed: an absolute path/],
  [
    'no services',
    /services:[\s\S]*/,
    'services: []\n',
    /^w.yaml:3:11: services: found a list of none; allowed: at least one/,
  ],
  [
    'a service twice',
    'mail',
    'files',
    /^w.yaml:5:16: services\[1\].service: found "files"; allowed: .* not in the list/,
  ],
  [
    'a service without a key',
    /, key: 1.*(?= })/,
    '',
    /^w.yaml:5:5: services\[1\].key: is missing; allowed: key or keyFile/,
  ],
  ['a key file that is not there', /key: 1.*(?= })/, 'keyFile: /none', /^w.yaml:5:31: services\[1\].keyFile: .*ENOENT/],
  ['an unknown key of a service', 'mail, key', 'mail, kee', /services\[1\].kee: unknown key \(did you mean 'key'\?\)/],
  [
    'the file of a service',
    /[\s\S]*/,
    'service: files\n',
    /^w.yaml:1:1: this is .* of a service, for: fttcp up -c w.yaml$/,
  ],
];

for (const [what, from, to, problem] of WRONG) {
  test(`${what} is refused`, () => {
    match(problemsWith(from, to), problem);
  });
}

test('a file that cannot be read has a code of its own', () => {
  throws(() => loadWitnessConfig('/nonexistent'), { code: 'config-unreadable' });
});
