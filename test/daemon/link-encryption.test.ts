/**
 * An encrypted link over real sockets: two hosts that belong together, hosts that do not, and strangers who say what they like. Each
 * host here has the socket, the encryption and the handshakes, as data loop and main thread have them; what a replica would say are
 * frames of no meaning.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import type { Endpoint, TlsConfig } from '../../src/daemon/config.ts';
import type { Consume } from '../../src/daemon/frame-intake.ts';
import { LinkEncryption } from '../../src/daemon/link-encryption.ts';
import { LinkHandshakes, type LinkSide } from '../../src/daemon/link-handshake.ts';
import { ReplicationLink } from '../../src/daemon/replication-link.ts';
import { Poller } from '../../src/linux/io.ts';
import { ip } from '../../src/linux/ip.ts';
import { allocate } from '../../src/linux/memory.ts';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import { ENTRY, FRAME_HEADER, FRAME_MAX, LINK_FRAME } from '../../src/log/entry.ts';
import { FrameView, writeFrameHeader } from '../../src/log/frame.ts';
import { LinkSession, writeRefuse } from '../../src/replica/link-session.ts';
import { ownNetwork, until } from '../linux/own-network.ts';
import { SERVICE, TestKeys } from './link-test-keys.ts';

const skip = ownNetwork();
if (skip === false) ip(['link', 'set', 'dev', 'lo', 'up']);

const PORT = 7400;
const ENDPOINT = { host: '127.0.0.1', port: PORT };
const KEYS = new TestKeys();
let ours: (replica: string) => TlsConfig;
let others: (replica: string) => TlsConfig;

before(async () => {
  ours = await KEYS.authority('ours', ['a', 'b']);
  others = await KEYS.authority('others', ['a', 'b']);
});
after(() => KEYS.remove());

interface HostOptions {
  readonly self: string;
  readonly peer: string;
  /** Absent: a host with a plain link. */
  readonly tls?: TlsConfig;
  readonly port?: number;
}

class Host {
  readonly outgoing = new ByteQueue(allocate(4 << 20));
  readonly received: Buffer[] = [];
  readonly refusals: string[] = [];
  isUp = false;
  ended = '';
  takesLink = true;
  /** Added to the clock. */
  lateMs = 0;
  readonly #poller = new Poller(4);
  readonly #link: ReplicationLink;
  readonly #encryption: LinkEncryption | undefined;
  readonly #handshakes: LinkHandshakes | undefined;
  readonly #consume: Consume;
  readonly #frame = new FrameView();

  constructor({ self, peer, tls, port = PORT }: HostOptions) {
    const take: Consume = (bytes, offset, length) => this.#take(bytes, offset, length);
    if (tls !== undefined) {
      const names = { service: SERVICE, self, peer };
      this.#encryption = new LinkEncryption(this.outgoing, take, names, {
        ask: (ask) => setImmediate(() => this.#handshakes?.take(ask)),
        secured: () => {
          this.isUp = true;
        },
        refused: (reason) => this.refusals.push(reason),
      });
      this.#handshakes = new LinkHandshakes(tls, names, (news) => this.#encryption?.takeNews(news));
    }
    this.#consume = this.#encryption?.consume ?? take;
    this.#link = new ReplicationLink(this.#poller, { ...ENDPOINT, port }, this.#encryption?.wire ?? this.outgoing);
  }

  get receivedBytes(): number {
    return this.received.reduce((sum, { length }) => sum + length, 0);
  }

  connect(to: Endpoint = ENDPOINT): void {
    this.#link.connect(to);
  }

  say(bytes: Uint8Array): void {
    const at = this.outgoing.reserve(bytes.length);
    ok(at >= 0);
    this.outgoing.bytes.set(bytes, at);
    this.outgoing.commit(at, bytes.length);
  }

  turn(): void {
    this.#poller.wait(0);
    this.#end(this.#encryption?.turn(performance.now() + this.lateMs) ?? '');
    if (this.#link.accept(this.takesLink)) this.#connected('primary');
    if (this.#link.finishConnecting() > 0) this.#connected('joiner');
    this.#end(this.#link.receive(this.#consume));
    this.#end(this.#encryption?.flush(this.#link) ?? this.#link.flush());
  }

  close(): void {
    this.#link.end();
    this.#encryption?.end();
    this.#handshakes?.end();
  }

  #connected(side: LinkSide): void {
    this.takesLink = false;
    this.ended = '';
    this.#encryption?.begin(side, performance.now());
    if (this.#encryption === undefined) this.isUp = true;
  }

  #end(reason: string): void {
    if (reason === '') return;
    this.ended = this.#encryption?.problem || reason;
    if (this.#encryption?.problem) this.#link.flush();
    this.#link.close();
    this.#encryption?.end();
    this.isUp = false;
  }

  #take(bytes: Uint8Array, offset: number, length: number): number {
    const taken = this.#frame.set(bytes, offset, length);
    if (taken <= 0) return taken;
    if (this.#frame.type === LINK_FRAME.TLS) return -1;
    if (this.#frame.type === LINK_FRAME.REFUSE) {
      this.refusals.push(LinkSession.readRefuse(this.#frame));
      return -1;
    }
    this.received.push(Buffer.from(this.#frame.copy(0, taken)));
    return taken;
  }
}

let hosts: Host[] = [];
let strangers: Socket[] = [];
let server: Server | undefined;
afterEach(() => {
  server?.close();
  for (const host of hosts) host.close();
  for (const stranger of strangers) stranger.destroy();
  hosts = [];
  strangers = [];
});

function started(...all: HostOptions[]): Host[] {
  hosts.push(...all.map((options) => new Host(options)));
  return hosts;
}

/** Hosts a, which listens, and b, which connects to it. */
function pair(a?: TlsConfig, b?: TlsConfig): [Host, Host] {
  const of = (tls?: TlsConfig) => (tls === undefined ? {} : { tls });
  const [primary, joiner] = started(
    { self: 'a', peer: 'b', ...of(a) },
    { self: 'b', peer: 'a', port: PORT + 1, ...of(b) },
  );
  ok(primary !== undefined && joiner !== undefined);
  joiner.connect();
  return [primary, joiner];
}

function soon(what: string, condition: () => boolean): Promise<void> {
  return until(what, () => {
    for (const host of hosts) host.turn();
    return condition();
  });
}

function frameOf(type: number, body: Uint8Array): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER + body.length);
  writeFrameHeader(frame, 0, frame.length, type, 0, 1);
  frame.set(body, FRAME_HEADER);
  return frame;
}

const bytesFrame = (length: number) => frameOf(ENTRY.BYTES, randomBytes(length));

/** Somebody at the port who speaks no TLS. */
async function stranger(): Promise<Socket> {
  const socket = createConnection(PORT, '127.0.0.1');
  strangers.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

test('two hosts of a service understand each other, frames of all lengths, both ways', { skip }, async () => {
  const [a, b] = pair(ours('a'), ours('b'));
  await soon('both are up', () => a.isUp && b.isUp);
  const small = Array.from({ length: 100 }, (_, index) => bytesFrame(1 + 13 + index));
  const large = Array.from({ length: 30 }, () => bytesFrame(FRAME_MAX - FRAME_HEADER));
  for (const frame of [...small, ...large]) a.say(frame);
  await soon('all is there', () => b.received.length === 130);
  deepEqual(b.received, [...small, ...large]);
  for (const frame of small) {
    b.say(frame);
    b.turn();
  }
  await soon('all is there too', () => a.received.length === 100);
  deepEqual(a.received, small);
  deepEqual([a.refusals, b.refusals, a.ended, b.ended], [[], [], '', '']);
});

test('a connection after another one has keys of its own, and leaves nothing of the first', { skip }, async () => {
  const [a, b] = pair(ours('a'), ours('b'));
  for (let round = 0; round < 3; round++) {
    await soon('both are up', () => a.isUp && b.isUp);
    const frame = bytesFrame(500);
    a.say(frame);
    await soon('it is there', () => b.received.at(-1)?.equals(frame) ?? false);
    a.isUp = b.isUp = false;
    a.takesLink = true;
    b.connect();
  }
});

test('both hosts are told of a certificate that is not accepted', { skip }, async () => {
  const [a, b] = pair(ours('a'), others('b'));
  await soon('both know', () => a.refusals.length > 0 && b.refusals.length > 0);
  match(b.refusals[0] ?? '', /^TLS with a has failed on b: /);
  deepEqual(a.refusals, b.refusals);
  await soon('the connection is over', () => a.ended !== '' && b.ended !== '');
  ok(!a.isUp && !b.isUp);
});

test('a host that encrypts says nothing to one that does not, and both are told', { skip }, async () => {
  const [a, b] = pair(undefined, ours('b'));
  const challenge = frameOf(LINK_FRAME.CHALLENGE, randomBytes(16));
  await soon('a is connected', () => a.isUp);
  a.say(challenge);
  await soon('both know', () => a.ended !== '' && b.refusals.length > 0);
  match(b.refusals[0] ?? '', /^b encrypts the link and a does not: give tls to both, or to neither$/);
  ok(!b.isUp);
});

test('a plain joiner is waited for no longer than any other, and told why it was in vain', { skip }, async () => {
  const [a, b] = pair(ours('a'));
  await soon('b is connected', () => b.isUp);
  await soon('a has looked for a while', () => a.ended === '');
  a.lateMs = 5000;
  await soon('both know', () => a.refusals.length > 0 && b.refusals.length > 0);
  match(a.refusals[0] ?? '', /^b has not made itself known by TLS within 5 s: does it have tls too\?$/);
  deepEqual(b.refusals, a.refusals);
});

/** Between the two hosts, on the way from `b` to `a` or back. */
async function listeningBetween(change: (bytes: Buffer, fromJoiner: boolean) => Buffer): Promise<void> {
  server = createServer((joiner) => {
    const primary = createConnection(PORT, '127.0.0.1');
    strangers.push(joiner, primary);
    for (const socket of [joiner, primary]) socket.on('error', () => {});
    joiner.on('data', (bytes) => primary.write(change(bytes, true))).on('close', () => primary.destroy());
    primary.on('data', (bytes) => joiner.write(change(bytes, false))).on('close', () => joiner.destroy());
  });
  server.listen(PORT + 2, '127.0.0.1');
  await once(server, 'listening');
}

test('whoever sits between them reads nothing, and changes nothing unnoticed', { skip }, async () => {
  let meddles = false;
  const heard: Buffer[] = [];
  await listeningBetween((bytes) => {
    heard.push(bytes);
    if (!meddles) return bytes;
    const changed = Buffer.from(bytes);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    return changed;
  });
  const [a, b] = started(
    { self: 'a', peer: 'b', tls: ours('a') },
    { self: 'b', peer: 'a', tls: ours('b'), port: PORT + 1 },
  );
  ok(a !== undefined && b !== undefined);
  b.connect({ host: '127.0.0.1', port: PORT + 2 });
  await soon('both are up', () => a.isUp && b.isUp);
  const secret = Buffer.from('what the server has drawn as a random number');
  a.say(frameOf(ENTRY.BYTES, secret));
  await soon('it is there', () => b.received.length === 1);
  ok(!Buffer.concat(heard).includes(secret.subarray(0, 8)));
  meddles = true;
  a.say(frameOf(ENTRY.BYTES, secret));
  await soon('b has noticed', () => b.ended !== '');
  match(b.ended, /^what came over the link was not sealed by the peer$/);
  equal(b.received.length, 1);
});

test('plain frames behind sealed ones end the link', { skip }, async () => {
  let injected: Buffer | undefined;
  await listeningBetween((bytes, fromJoiner) =>
    injected === undefined || fromJoiner ? bytes : Buffer.concat([bytes, injected]),
  );
  const [a, b] = started(
    { self: 'a', peer: 'b', tls: ours('a') },
    { self: 'b', peer: 'a', tls: ours('b'), port: PORT + 1 },
  );
  ok(a !== undefined && b !== undefined);
  b.connect({ host: '127.0.0.1', port: PORT + 2 });
  await soon('both are up', () => a.isUp && b.isUp);
  a.say(bytesFrame(100));
  await soon('it is there', () => b.received.length === 1);
  injected = bytesFrame(50);
  a.say(bytesFrame(100));
  await soon('b has noticed', () => b.ended !== '');
  match(b.ended, /not sealed by the peer/);
});

test('a stranger who floods the handshake is turned away, and one who says something else', { skip }, async () => {
  const [a] = started({ self: 'a', peer: 'b', tls: ours('a') });
  ok(a !== undefined);
  const all: Buffer[][] = [
    // A TLS record that is announced and never ends, in frames of one byte and in large ones.
    [
      frameOf(LINK_FRAME.TLS, Uint8Array.of(22, 3, 1, 0x40, 0)),
      ...Array.from({ length: 6_000 }, () => frameOf(LINK_FRAME.TLS, Uint8Array.of(0))),
    ],
    Array.from({ length: 3 }, () => frameOf(LINK_FRAME.TLS, new Uint8Array(30_000))),
    [frameOf(LINK_FRAME.TLS, randomBytes(500))],
    [frameOf(LINK_FRAME.SEALED, randomBytes(500))],
    [frameOf(LINK_FRAME.HELLO, randomBytes(64))],
    [frameOf(LINK_FRAME.TLS, new Uint8Array(0)), frameOf(LINK_FRAME.SEALED, new Uint8Array(0))],
    [Buffer.from('GET / HTTP/1.0\r\n\r\n')],
    [randomBytes(100_000)],
  ];
  for (const [index, frames] of all.entries()) {
    a.takesLink = true;
    a.ended = '';
    const socket = await stranger();
    await soon('a has taken it', () => !a.takesLink);
    for (const frame of frames) socket.write(frame);
    await soon(`a has ended ${index}`, () => a.ended !== '');
    equal(a.isUp, false);
    equal(a.receivedBytes, 0);
  }
});

test('a handshake that stops in the middle ends when its time is over', { skip }, async () => {
  const [a] = started({ self: 'a', peer: 'b', tls: ours('a') });
  ok(a !== undefined);
  const socket = await stranger();
  await soon('a has taken it', () => !a.takesLink);
  socket.write(frameOf(LINK_FRAME.TLS, Uint8Array.of(22, 3, 1, 2, 0, 1)));
  for (let turns = 0; turns < 20; turns++) await soon('a turn', () => true);
  equal(a.ended, '');
  a.lateMs = 5000;
  await soon('a has ended', () => a.ended !== '');
  match(a.refusals[0] ?? '', /within 5 s/);
});

test('a refusal is shown, whoever says it, as text', { skip }, async () => {
  const [a] = started({ self: 'a', peer: 'b', tls: ours('a') });
  ok(a !== undefined);
  const socket = await stranger();
  await soon('a has taken it', () => !a.takesLink);
  const queue = new ByteQueue(new Uint8Array(100));
  writeRefuse(queue, 'no\u001b[2J');
  socket.write(queue.bytes.subarray(0, queue.used));
  await soon('a has ended', () => a.ended !== '');
  deepEqual(a.refusals, ['no?[2J']);
});
