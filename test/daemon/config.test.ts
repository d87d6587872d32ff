import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadConfig, parseConfig, type ServiceConfig, type TlsConfig } from '../../src/daemon/config.ts';
import { schemaKeys } from '../../src/daemon/config-keys.ts';
import { SCHEMA } from '../../src/daemon/config-schema.ts';
import { serviceMac, serviceTag } from '../../src/daemon/service-identity.ts';
import { formatBytes, formatDuration, parseDurationMs, parseSizeBytes } from '../../src/daemon/units.ts';
import { FttcpError } from '../../src/errors.ts';
import { WITNESS_SCHEMA } from '../../src/witness/config.ts';
import { TestKeys } from './link-test-keys.ts';

/** Compiled, this file is in dist/test/daemon. */
const ROOT = new URL('../../../', import.meta.url);
const EXAMPLE = new URL('examples/service.yaml', ROOT).pathname;

const MINIMAL = `service: files
address: 10.77.0.100/24
lan: { interface: lan0 }
server: { command: cat }
self: b
replicas:
  - { name: a, link: 10.78.0.11:7400, heartbeat: [10.78.0.11:7401] }
  - { name: b, link: 10.78.0.12:7400, heartbeat: [10.78.0.12:7401] }
witness: none
key: 000102030405060708090a0b0c0d0e0f
`;

/** The example with one change. */
function changed(from: string | RegExp, to: string): () => ServiceConfig {
  ok(from instanceof RegExp ? from.test(MINIMAL) : MINIMAL.includes(from));
  return () => parseConfig(MINIMAL.replace(from, to), 'files.yaml');
}

function problemsOf(parse: () => unknown): string[] {
  try {
    parse();
  } catch (error) {
    ok(error instanceof FttcpError, String(error));
    equal(error.code, 'config-invalid');
    return error.message.split('\n');
  }
  throw new Error('no problem was found');
}

test('what is not said has its default', () => {
  const config = parseConfig(MINIMAL, 'files.yaml');
  equal(config.lan.mtu, 1500);
  deepEqual(config.address, { ip: '10.77.0.100', prefix: 24 });
  deepEqual(config.server, {
    command: 'cat',
    environment: {},
    stopTimeoutMs: 5000,
    lingerTimeoutMs: 30_000,
    catchUpTimeoutMs: 30_000,
  });
  deepEqual(config.detect, {
    intervalMs: 0.5,
    timeoutMs: 'auto',
    removeTimeoutMs: 'auto',
    ackTimeoutMs: 500,
    stallTimeoutMs: 250,
  });
  equal(config.level, 'stream');
  equal(config.control, '/run/fttcp/files.sock');
  deepEqual(config.log, { level: 'info' });
  equal(config.limits.logBytes, 32 * 1024 * 1024);
  equal(config.nudge, 'auto');
  equal(config.realtime, 'auto');
});

test('self and peer are found among the replicas', () => {
  const config = parseConfig(MINIMAL, 'files.yaml');
  equal(config.selfIndex, 1);
  deepEqual(config.peer, {
    name: 'a',
    link: { host: '10.78.0.11', port: 7400 },
    heartbeat: [{ host: '10.78.0.11', port: 7401 }],
  });
});

test('a witness is none, or embedded at an endpoint', () => {
  deepEqual(parseConfig(MINIMAL, 'files.yaml').witness, { kind: 'none' });
  const endpoint = { host: '10.78.0.9', port: 7402 };
  deepEqual(changed('none', '{ embedded: 10.78.0.9:7402 }')().witness, { kind: 'embedded', endpoint });
});

test('a single replica has no peer', () => {
  const config = changed(/ {2}- \{ name: a.*\n/, '')();
  equal(config.peer, undefined);
  ok(!('peer' in config));
  equal(config.selfIndex, 0);
});

test('the example is valid and shows every key but those with a default path or a counterpart', () => {
  const config = loadConfig(EXAMPLE);
  equal(config.service, 'files');
  equal(config.key.length, 32);
  const text = readFileSync(EXAMPLE, 'utf8');
  for (const { path: keyPath } of schemaKeys(SCHEMA)) {
    const name = keyPath.split('.').at(-1) ?? '';
    if (!['keyFile', 'control', 'log.file'].includes(keyPath)) match(text, new RegExp(`\\b${name}:`), keyPath);
  }
});

test('an unknown key is told with its place and the nearest known one', () => {
  deepEqual(problemsOf(changed('interface: lan0', 'interface: lan0, mtuu: 1500')), [
    "files.yaml:3:25: lan.mtuu: unknown key (did you mean 'mtu'?); allowed: interface, mtu",
  ]);
});

test('RFC 5952: an IPv6 address is the same however it is written, and so is what names the service on the wire', () => {
  const written = ['2001:db8::100/64', '2001:DB8:0:0:0:0:0:0100/64', '2001:db8:0::0:100/64'];
  const configs = written.map((address) => changed('10.77.0.100/24', address)());
  for (const config of configs) {
    deepEqual(config.address, { ip: '2001:db8::100', prefix: 64 });
    deepEqual(serviceMac(config), serviceMac(configs[0] ?? config));
    equal(serviceTag(config), serviceTag(configs[0] ?? config));
  }
  deepEqual(changed('10.77.0.100/24', 'fd00::/127')().address, { ip: 'fd00::', prefix: 127 });
});

test('every problem is listed, in the order of the file', () => {
  const text = MINIMAL.replace('/24', '').replace('lan0 }', 'lan0, mtu: 15 }').replace('none', 'maybe');
  const problems = problemsOf(() => parseConfig(text, 'files.yaml'));
  deepEqual(
    problems.map((problem) => problem.split(': ', 2).join(': ')),
    ['files.yaml:2:10: address', 'files.yaml:3:30: lan.mtu', 'files.yaml:9:10: witness'],
  );
});

const WRONG: readonly [what: string, from: string | RegExp, to: string, problem: RegExp][] = [
  ['an address without a prefix', '/24', '', /^files.yaml:2:10: address: found "10.77.0.100" \(add the prefix length/],
  [
    'an IPv6 address without its length',
    '10.77.0.100/24',
    'fd00::1',
    /address: found "fd00::1" \(add the prefix length of the LAN, for example fd00::1\/64\)/,
  ],
  ['an IPv6 prefix of more than 128', '10.77.0.100/24', 'fd00::1/129', /the prefix length is not from 1 to 128/],
  ['no address', '10.77.0.100/24', 'fd00:::1/64', /address: found "fd00:::1\/64"; allowed: an IPv4 or IPv6 address/],
  ['a link-local address', '10.77.0.100/24', 'fe80::1/64', /a link-local address/],
  ['a multicast group', '10.77.0.100/24', 'ff02::1/64', /not the address of a host/],
  ['the loopback address of IPv6', '10.77.0.100/24', '::1/64', /not the address of a host/],
  ['no address at all', '10.77.0.100/24', '::/64', /not the address of a host/],
  [
    'an IPv4 address in the clothes of IPv6',
    '10.77.0.100/24',
    '::ffff:10.0.0.1/120',
    /an IPv4 address: write it as one/,
  ],
  ['the anycast address of routers', '10.77.0.100/24', '2001:db8::/64', /all the network's routers/],
  [
    'the anycast address of routers on an odd boundary',
    '10.77.0.100/24',
    '2001:db8::40/122',
    /all the network's routers/,
  ],
  [
    'a LAN too narrow for IPv6',
    'address: 10.77.0.100/24\nlan: { interface: lan0 }',
    'address: fd00::1/64\nlan: { interface: lan0, mtu: 1279 }',
    /lan.mtu: .*at least 1280 with an IPv6 address/,
  ],
  ['a network address', '10.77.0.100/24', '10.77.0.0/24', /the address of the network itself/],
  ['a broadcast address', '10.77.0.100/24', '10.77.0.255/24', /the broadcast address/],
  [
    'an address as one number',
    '10.77.0.100/24',
    '173867108',
    /address: found "173867108".*allowed: an IPv4 or IPv6 address/,
  ],
  [
    'level recorded over a plain link',
    'witness:',
    'level: recorded\nwitness:',
    /level: found "recorded" \(its randomness would cross the link in plain\); allowed: recorded with tls \(made by: fttcp keygen --service files --replicas a,b\), or with insecure: true/,
  ],
  [
    'insecurity that is no yes or no',
    'witness:',
    'insecure: yes\nwitness:',
    /insecure: found "yes"; allowed: true or false/,
  ],
  [
    'half of tls',
    'witness:',
    'tls: { certificate: /etc/fttcp/b.crt }\nwitness:',
    /tls\.key: is missing; allowed: an absolute path/,
  ],
  [
    'a missing witness',
    'witness: none\n',
    '',
    /files.yaml:1:1: witness: is missing; allowed: \{ embedded: 10.78.0.9:7402 \}, or none, which has to be said/,
  ],
  ['an unknown witness', 'none', 'mongo', /^files.yaml:9:10: witness: found "mongo"; allowed: \{ embedded: /],
  [
    'an embedded witness without its address',
    'none',
    'embedded',
    /^files.yaml:9:10: witness: found "embedded" \(say where it is: \{ embedded: 10.78.0.9:7402 \}\)/,
  ],
  [
    'a list of witnesses',
    'none',
    '[10.78.0.9:7402]',
    /^files.yaml:9:10: witness: found a list; allowed: \{ embedded: /,
  ],
  ['etcd, by name', 'none', 'etcd', /witness: found "etcd" \(not supported yet\)/],
  [
    'etcd, with its address',
    'none',
    '{ etcd: 10.78.0.9:2379 }',
    /witness.embedded: is missing.*\nfiles.yaml:9:12: witness.etcd: not supported yet; allowed: embedded$/,
  ],
  [
    'a witness without a port',
    'none',
    '{ embedded: 10.78.0.9 }',
    /^files.yaml:9:22: witness.embedded: .* \(add a port\)/,
  ],
  [
    'a misspelt kind of witness',
    'none',
    '{ embeded: 10.78.0.9:1 }',
    /witness.embeded: unknown key \(did you mean 'embedded'/,
  ],
  [
    'a witness at the service address',
    'none',
    '{ embedded: 10.77.0.100:7402 }',
    /^files.yaml:9:22: witness.embedded: found .* \(this one is the service's\)/,
  ],
  [
    "a witness on a replica's host",
    'none',
    '{ embedded: 10.78.0.12:7402 }',
    /^files.yaml:9:22: witness.embedded: found .*allowed: an address of a third host \(replica b has it/,
  ],
  [
    'the file of a witness',
    'service: files',
    'listen: 10.78.0.9:7402',
    /^files.yaml:1:1: .* of a witness, for: fttcp witness -c files.yaml$/,
  ],
  ['an unknown self', 'self: b', 'self: c', /^files.yaml:5:7: self: found "c"; allowed: .*a or b/],
  [
    'a duration without a unit',
    'witness:',
    'detect: { timeout: 5 }\nwitness:',
    /detect.timeout: found "5" \(add a unit, .*5ms\)/,
  ],
  [
    'an unknown unit',
    'witness:',
    'limits: { logBytes: 5MB }\nwitness:',
    /limits.logBytes: found "5MB" \(there is no unit 'MB'/,
  ],
  ['a timeout below four intervals', 'witness:', 'detect: { timeout: 1ms }\nwitness:', /allowed: auto or at least 2ms/],
  [
    'an interval too long for auto',
    'witness:',
    'detect: { interval: 2ms }\nwitness:',
    /detect.interval: .*at most 1.25ms/,
  ],
  ['a short key', /key: .*/, 'key: 0011', /^files.yaml:10:6: key: found 4 characters; allowed: at least 32 hex digits/],
  ['no key', /key: .*\n/, '', /key: is missing; allowed: key or keyFile/],
  ['both keys', 'key: ', 'keyFile: /a\nkey: ', /^files.yaml:10:1: keyFile: allowed: key or keyFile, not both/],
  ['a link in use', '10.78.0.12:7400', '10.78.0.11:7400', /replicas\[1\].link: found .* \(a has it\)/],
  ['a link at the service address', '10.78.0.12:7400', '10.77.0.100:7400', /this one is the service's/],
  ['uneven heartbeat paths', '[10.78.0.12:7401]', '[]', /replicas\[1\].heartbeat: found a list of 0/],
  [
    'an unknown key in a list',
    'name: a, link',
    'name: a, lnk',
    /replicas\[0\].lnk: unknown key \(did you mean 'link'\?\); allowed: name, link, heartbeat/,
  ],
  ['a name used twice', 'name: a', 'name: b', /replicas\[1\].name: found "b"/],
  ['a port out of range', '12:7400', '12:74000', /the port is not from 1 to 65535/],
  [
    'a list for a mapping',
    'lan: { interface: lan0 }',
    'lan: [lan0]',
    /^files.yaml:3:6: lan: found a list; allowed: a mapping/,
  ],
  ['nothing for a value', 'command: cat', 'command:', /server.command: found nothing; allowed: a shell command/],
  ['broken YAML', 'lan: {', 'lan: {{', /^files.yaml:\d+:\d+: /],
  ['a key said twice', 'self: b', 'self: b\nself: a', /^files.yaml:6:1: Map keys must be unique/],
  ['an alias without an anchor', 'command: cat', 'command: *x', /^files.yaml:4:20: there is no anchor &x/],
  ['a socket path too long', 'witness:', `control: /${'x'.repeat(107)}\nwitness:`, /control: .* at most 107 bytes/],
];

for (const [what, from, to, problem] of WRONG) {
  test(`${what} is refused`, () => {
    match(problemsOf(changed(from, to)).join('\n'), problem);
  });
}

test('a bound per connection above that of the whole log is refused', () => {
  match(
    problemsOf(changed('witness:', 'limits: { logBytes: 1MiB }\nwitness:')).join('\n'),
    /limits.connectionBytes: 8 MiB is more than the whole log has; allowed: at most limits.logBytes, 1 MiB/,
  );
});

test('a bound for all connections below that of one is refused', () => {
  match(
    problemsOf(changed('witness:', 'limits: { totalBytes: 4MiB }\nwitness:')).join('\n'),
    /limits.totalBytes: 4 MiB is less than one connection may have; allowed: at least limits.connectionBytes, 8 MiB/,
  );
});

test('more than two replicas are refused as not yet supported', () => {
  const third = '  - { name: c, link: 10.78.0.13:7400, heartbeat: [10.78.0.13:7401] }\nwitness:';
  match(problemsOf(changed('witness:', third)).join('\n'), /replicas: found a list of 3 \(more than two are not supp/);
});

test('a key never shows up in a message', () => {
  const secret = 'deadbeefdeadbeefdeadbeefdeadbeefxyz';
  ok(
    !problemsOf(changed(/key: .*/, `key: ${secret}`))
      .join('\n')
      .includes('deadbeef'),
  );
});

test('an empty file and one that is no mapping are refused', () => {
  match(problemsOf(() => parseConfig('', 'files.yaml')).join(), /^files.yaml:1:1: found nothing; allowed: a mapping/);
  match(problemsOf(() => parseConfig('- a', 'files.yaml')).join(), /^files.yaml:1:1: found a list/);
});

test('a value that looks like a number, boolean or float stays what was written', () => {
  const config = changed('command: cat', 'command: "true", environment: { A: 1, B: no, C: 1e3 }')();
  deepEqual(config.server.environment, { A: '1', B: 'no', C: '1e3' });
  equal(changed(/key: .*/, `key: ${'1'.repeat(32)}`)().key[0], 0x11);
});

test('a key file is read, unless others can read it too', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'fttcp-config-'));
  try {
    const keyFile = path.join(directory, 'files.key');
    const parse = changed(/key: .*/, `keyFile: ${keyFile}`);
    match(problemsOf(parse).join(), /keyFile: found .*cannot be read: ENOENT/);
    writeFileSync(keyFile, `${'ab'.repeat(32)}\n`, { mode: 0o640 });
    const config = parse();
    deepEqual(config.key, new Uint8Array(32).fill(0xab));
    equal(config.keyFile, keyFile);
    chmodSync(keyFile, 0o644);
    match(problemsOf(parse).join(), /others can read this file: chmod o-r/);
    chmodSync(keyFile, 0o600);
    writeFileSync(keyFile, 'short');
    match(problemsOf(parse).join(), /its content is not a key/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('level recorded is for an encrypted link, or one that is said to be insecure, or none', () => {
  const insecure = changed('witness:', 'level: recorded\ninsecure: true\nwitness:')();
  deepEqual([insecure.level, insecure.insecure, insecure.tls], ['recorded', true, undefined]);
  const alone = MINIMAL.replace(/ {2}- \{ name: a.*\n/, '').replace('witness:', 'level: recorded\nwitness:');
  equal(parseConfig(alone, 'files.yaml').level, 'recorded');
  equal(parseConfig(MINIMAL, 'files.yaml').insecure, false);
});

test('the files of tls are read, and must belong together, to this replica, and to nobody else', async () => {
  const keys = new TestKeys();
  try {
    const ours = await keys.authority('ours', ['a', 'b']);
    const others = await keys.authority('others', ['b']);
    const said = (tls: Partial<TlsConfig>, more = '') => {
      const { certificate, key, authority } = { ...ours('b'), ...tls };
      const text = `tls: { certificate: ${certificate}, key: ${key}, authority: ${authority} }\n${more}`;
      return () => parseConfig(`${MINIMAL}level: recorded\n${text}`, 'files.yaml');
    };
    const config = said({})();
    deepEqual([config.tls, config.level], [ours('b'), 'recorded']);
    const wrong: [Partial<TlsConfig>, RegExp][] = [
      [
        { certificate: '/nonexistent.crt' },
        /^\S+ tls\.certificate: found "\/nonexistent\.crt" \(cannot be read: ENOENT/,
      ],
      [{ key: '/nonexistent.key' }, /^\S+ tls\.key: found "\/nonexistent\.key" \(cannot be read: ENOENT/],
      [
        { certificate: ours('b').key },
        /tls\.certificate: .*\(it holds no certificate\); allowed: a certificate in PEM/,
      ],
      [{ key: ours('b').certificate }, /tls\.key: .*\(it holds no key\)/],
      [{ authority: ours('b').key }, /tls\.authority: .*\(it holds no certificate\)/],
      [{ key: ours('a').key }, /tls\.key: .*\(it does not belong to the certificate\)/],
      [{ authority: others('b').authority }, /tls\.authority: .*\(it has not signed the certificate\)/],
      [ours('a'), /tls\.certificate: .*\(it is for DNS:a\.files\.fttcp\); allowed: .* for DNS:b\.files\.fttcp/],
    ];
    for (const [tls, problem] of wrong) match(problemsOf(said(tls)).join('\n'), problem);
    chmodSync(ours('b').key, 0o644);
    match(problemsOf(said({})).join(), /tls\.key: .*others can read this file: chmod o-r/);
    chmodSync(ours('b').key, 0o600);
    match(problemsOf(said({}, 'insecure: true\n')).join(), /insecure: found "true"; allowed: false with tls/);
  } finally {
    keys.remove();
  }
});

test('a configuration that cannot be read has a code of its own', () => {
  throws(() => loadConfig('/nonexistent/files.yaml'), { code: 'config-unreadable' });
});

test('no text makes the parser throw anything but its own error', () => {
  const lines = MINIMAL.split('\n');
  const piece = fc.oneof(
    fc.constantFrom(...lines),
    fc.string(),
    fc.constantFrom('&a', '*a', '- ', '!!int 3', '{', ']'),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      try {
        parseConfig(pieces.join('\n'), 'f');
      } catch (error) {
        ok(error instanceof FttcpError, String(error));
      }
    }),
  );
});

test('durations are milliseconds and sizes are bytes', () => {
  const durations = { '5ms': 5, '0.5ms': 0.5, '2s': 2000, '1m': 60_000, '1h': 3_600_000, '250us': 0.25, '0.1s': 100 };
  for (const [text, value] of Object.entries(durations)) deepEqual(parseDurationMs(text), { ok: true, value });
  const sizes = { '32MiB': 33_554_432, '64KiB': 65_536, '1GiB': 1_073_741_824, '100B': 100, '0.5KiB': 512 };
  for (const [text, value] of Object.entries(sizes)) deepEqual(parseSizeBytes(text), { ok: true, value });
  for (const text of ['', '5', 'ms', '-5ms', '5 ms 3', '1e3ms', '5MB']) equal(parseDurationMs(text).ok, false, text);
  equal(parseSizeBytes('0.5B').ok, false);
});

test('durations and sizes are shown in a unit that fits', () => {
  deepEqual([0.5, 12, 1500, 90_000, 7_500_000].map(formatDuration), [
    '0.5 ms',
    '12 ms',
    '1.5 s',
    '1 min 30 s',
    '2 h 5 min',
  ]);
  deepEqual([0, 1023, 1024, 33_554_432].map(formatBytes), ['0 B', '1023 B', '1 KiB', '32 MiB']);
});

test('every key and its default is in docs/configuration.md', () => {
  const page = readFileSync(new URL('docs/configuration.md', ROOT), 'utf8');
  const keys = [...schemaKeys(SCHEMA), ...schemaKeys(WITNESS_SCHEMA)];
  for (const { path: keyPath, default: preset, section } of keys) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${keyPath}\` |`));
    ok(section || row !== undefined, `${keyPath} has no row`);
    if (preset !== undefined) ok(row?.includes(`| \`${preset}\` |`), `the row of ${keyPath} does not say ${preset}`);
  }
  const documented = [...page.matchAll(/^\| `([A-Za-z.]+)` \|/gm)].map(([, name = '']) => name);
  const known = new Set(keys.map(({ path: keyPath }) => keyPath));
  deepEqual(
    documented.filter((name) => !known.has(name)),
    [],
    'these are no keys',
  );
});

test('directories of state are neither in each other nor where the log is kept', () => {
  const withState = (state: string) => () => parseConfig(`${MINIMAL}backup: cold\nstate: ${state}\n`, 'files.yaml');
  deepEqual(withState('[/srv/files, /srv/files-too, "/srv/a, b: c"]')().state, [
    '/srv/files',
    '/srv/files-too',
    '/srv/a, b: c',
  ]);
  for (const [state, other] of [
    ['[/srv/files, /srv/files/in/it]', '/srv/files (of the same list)'],
    ['[/srv/files/in/it, /srv/other/../files/]', '/srv/files/in/it (of the same list)'],
    ['[/srv/files, /srv/files]', '/srv/files (of the same list)'],
    ['[/]', '/var/lib/fttcp/files (retained.directory)'],
    ['[/var/lib/fttcp/files/x]', '/var/lib/fttcp/files (retained.directory)'],
  ] as const) {
    const [problem = '', ...others] = problemsOf(withState(state));
    ok(problem.includes(`allowed: a directory neither in nor around ${other}`), problem);
    deepEqual(others, []);
  }
});
