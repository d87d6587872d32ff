/** The handshake of an encrypted link: two hosts of one service have the same keys in the end, and all others have none. */
import { deepEqual, equal, match, notDeepEqual, ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { TlsConfig } from '../../src/daemon/config.ts';
import { type HandshakeNews, LinkHandshakes, type LinkKeys } from '../../src/daemon/link-handshake.ts';
import { KEY_BYTES } from '../../src/linux/aes-gcm.ts';
import { until } from '../linux/own-network.ts';
import { SERVICE, TestKeys } from './link-test-keys.ts';

const KEYS = new TestKeys();
let ours: (replica: string) => TlsConfig;
let others: (replica: string) => TlsConfig;
let namesakes: (replica: string) => TlsConfig;

before(async () => {
  ours = await KEYS.authority('ours', ['a', 'b', 'c']);
  others = await KEYS.authority('others', ['a', 'b']);
  namesakes = await KEYS.authority('mail', ['a', 'b'], 'mail');
});
after(() => KEYS.remove());

/** The main thread of one host, and what it says to its data worker. */
class End {
  readonly handshakes: LinkHandshakes;
  keys: LinkKeys | undefined;
  failure = '';
  sentBytes = 0;
  /** What was told, in order. */
  readonly told: string[] = [];
  onBytes: (bytes: Uint8Array) => void = () => {};

  constructor(tls: TlsConfig, self: string, peer: string) {
    this.handshakes = new LinkHandshakes(tls, { service: SERVICE, self, peer }, (news) => this.#take(news));
  }

  give(bytes: Uint8Array): void {
    this.handshakes.take({ connection: 1, ask: 'take', bytes });
  }

  get isOver(): boolean {
    return this.keys !== undefined || this.failure !== '';
  }

  #take(news: HandshakeNews): void {
    this.told.push(news.news);
    if (news.news === 'keys') this.keys = news.keys;
    if (news.news === 'failed') this.failure = news.reason;
    if (news.news !== 'send') return;
    this.sentBytes += news.bytes.length;
    this.onBytes(news.bytes);
  }
}

function between(primary: End, joiner: End): void {
  primary.onBytes = (bytes) => joiner.give(bytes);
  joiner.onBytes = (bytes) => primary.give(bytes);
  primary.handshakes.take({ connection: 1, ask: 'begin', side: 'primary' });
  joiner.handshakes.take({ connection: 1, ask: 'begin', side: 'joiner' });
}

async function met(primary: End, joiner: End): Promise<void> {
  between(primary, joiner);
  await until(
    'one of them has failed, or both have keys',
    () => [primary, joiner].some(({ failure }) => failure !== '') || (primary.isOver && joiner.isOver),
  );
  primary.handshakes.end();
  joiner.handshakes.end();
}

test('two hosts of a service have the same keys, one for each direction, and other ones the next time', async () => {
  const [primary, joiner, again] = [
    new End(ours('a'), 'a', 'b'),
    new End(ours('b'), 'b', 'a'),
    new End(ours('a'), 'a', 'b'),
  ];
  await met(primary, joiner);
  deepEqual([primary.failure, joiner.failure], ['', '']);
  deepEqual(primary.keys, joiner.keys);
  equal(primary.keys?.joiner.length, KEY_BYTES);
  notDeepEqual(primary.keys?.joiner, primary.keys?.primary);
  await met(again, new End(ours('b'), 'b', 'a'));
  notDeepEqual(again.keys, primary.keys);
  ok(primary.sentBytes < 4096 && joiner.sentBytes < 4096);
});

test('the joiner has its keys before it says what gives the primary its own, which says no more then', async () => {
  const [primary, joiner] = [new End(ours('a'), 'a', 'b'), new End(ours('b'), 'b', 'a')];
  await met(primary, joiner);
  deepEqual(joiner.told, ['send', 'keys', 'send']);
  deepEqual(primary.told, ['send', 'keys']);
});

const STRANGERS: readonly [
  what: string,
  primary: () => TlsConfig,
  joiner: () => TlsConfig,
  who: 'primary' | 'joiner',
  RegExp,
][] = [
  [
    'a joiner of another authority',
    () => ours('a'),
    () => others('b'),
    'joiner',
    /^TLS with a has failed on b: .*certificate/,
  ],
  [
    'another replica of the service',
    () => ours('a'),
    () => ours('c'),
    'primary',
    /^TLS with b has failed on a: the certificate is for DNS:c\.files\.fttcp, not for DNS:b\.files\.fttcp$/,
  ],
  [
    'a primary that is another replica',
    () => ours('c'),
    () => ours('b'),
    'joiner',
    /is for DNS:c\.files\.fttcp, not for DNS:a/,
  ],
];

for (const [what, ofPrimary, ofJoiner, who, reason] of STRANGERS) {
  test(`no keys come of ${what}`, async () => {
    const [primary, joiner] = [new End(ofPrimary(), 'a', 'b'), new End(ofJoiner(), 'b', 'a')];
    await met(primary, joiner);
    match((who === 'primary' ? primary : joiner).failure, reason);
    ok(primary.keys === undefined || joiner.keys === undefined);
  });
}

test('a joiner that trusts anybody is not trusted for that', async () => {
  const joiner = new End({ ...others('b'), authority: ours('a').authority }, 'b', 'a');
  const primary = new End(ours('a'), 'a', 'b');
  await met(primary, joiner);
  equal(primary.keys, undefined);
  match(primary.failure, /^TLS with b has failed on a: .*(UNABLE|SELF_SIGNED|unable|certificate)/);
});

test('a certificate for the replica of another service, of an authority that is trusted, is not enough', async () => {
  const mixed = { ...namesakes('b'), authority: ours('a').authority };
  const trusting = { ...ours('a'), authority: namesakes('b').authority };
  const primary = new End(trusting, 'a', 'b');
  await met(primary, new End(mixed, 'b', 'a'));
  equal(primary.keys, undefined);
  match(primary.failure, /is for DNS:b\.mail\.fttcp, not for DNS:b\.files\.fttcp$/);
});

test('while the authority changes, a host that trusts both meets one with either', async () => {
  const both = path.join(KEYS.directory, 'both.crt');
  writeFileSync(both, readFileSync(others('b').authority, 'utf8') + readFileSync(ours('a').authority, 'utf8'));
  for (const theirs of [ours, others]) {
    const primary = new End({ ...ours('a'), authority: both }, 'a', 'b');
    await met(primary, new End({ ...theirs('b'), authority: both }, 'b', 'a'));
    deepEqual([primary.failure, primary.keys !== undefined], ['', true]);
  }
});

test('files that cannot be read are a handshake that fails, not a daemon', async () => {
  const primary = new End({ ...ours('a'), key: '/nonexistent' }, 'a', 'b');
  await met(primary, new End(ours('b'), 'b', 'a'));
  match(primary.failure, /^TLS with b has failed on a: ENOENT/);
});

test('bytes that are no TLS, and a handshake that breaks off, end in a reason or in silence', async () => {
  const primary = new End(ours('a'), 'a', 'b');
  primary.handshakes.take({ connection: 1, ask: 'begin', side: 'primary' });
  primary.give(new TextEncoder().encode('GET / HTTP/1.0\r\n\r\n'));
  await until('it has failed', () => primary.failure !== '');
  primary.give(randomBytes(200));
  primary.handshakes.end();
  primary.give(randomBytes(200));
  for (let round = 0; round < 100; round++) {
    const other = new End(ours('a'), 'a', 'b');
    other.handshakes.take({ connection: 1, ask: 'begin', side: round % 2 === 0 ? 'primary' : 'joiner' });
    other.give(round % 4 < 2 ? randomBytes(round) : Uint8Array.of(22, 3, 3, 0, round, ...randomBytes(round)));
    await new Promise((resolve) => setImmediate(resolve));
    other.handshakes.end();
    equal(other.keys, undefined);
  }
  for (const share of [0.1, 0.5, 0.9]) {
    const [server, joiner] = [new End(ours('a'), 'a', 'b'), new End(ours('b'), 'b', 'a')];
    between(server, joiner);
    joiner.onBytes = (bytes) => server.give(bytes.subarray(0, share * bytes.length));
    await new Promise((resolve) => setImmediate(resolve));
    joiner.handshakes.end();
    server.handshakes.end();
    equal(server.keys, undefined);
  }
});

test('bits that are changed on the way never lead to keys on both sides that differ', async () => {
  for (let at = 0; at < 40; at++) {
    const [primary, joiner] = [new End(ours('a'), 'a', 'b'), new End(ours('b'), 'b', 'a')];
    between(primary, joiner);
    primary.onBytes = (bytes) => {
      const changed = bytes.slice();
      const place = Math.floor((at / 40) * changed.length);
      changed[place] = (changed[place] ?? 0) ^ 1;
      joiner.give(changed);
    };
    await until('somebody has noticed', () => primary.failure !== '' || joiner.failure !== '' || at < 5);
    ok(primary.keys === undefined || joiner.keys === undefined);
    primary.handshakes.end();
    joiner.handshakes.end();
  }
});

test('what belongs to an earlier connection is passed over', async () => {
  const primary = new End(ours('a'), 'a', 'b');
  primary.handshakes.take({ connection: 1, ask: 'begin', side: 'primary' });
  primary.handshakes.take({ connection: 2, ask: 'begin', side: 'primary' });
  primary.give(randomBytes(200));
  primary.handshakes.take({ connection: 1, ask: 'end' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(primary.failure, '');
  primary.handshakes.end();
});
