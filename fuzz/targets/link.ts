/**
 * Bytes of the replication link, to a whole replica: who has just been connected to, or has connected, and has proved nothing; and a
 * peer that has. A stranger changes nothing, takes up no room however much it says, and is not answered without end.
 */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { RECOVERY } from '../../sim/host.ts';
import type { Random } from '../../src/lab/random.ts';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import { ENTRY, FRAME_HEADER, FRAME_MAX, LINK_FRAME } from '../../src/log/entry.ts';
import { FrameView, setU64, writeFrameHeader } from '../../src/log/frame.ts';
import { type Health, NO_PEER, type PeerHealth } from '../../src/replica/health.ts';
import { LinkSession, NONCE_BYTES, PROOF_BYTES, type Prove } from '../../src/replica/link-session.ts';
import { Replica } from '../../src/replica/replica.ts';
import { setU32 } from '../../src/wire/bytes.ts';
import { CIRCUMSTANCES, Stage } from '../stage.ts';
import type { Target } from '../target.ts';

const SERVICE = 7;
/** Frames at once of somebody who does not wait for an answer. */
const FLOOD = 50;
const OWN_NONCE = new Uint8Array(NONCE_BYTES).fill(3);
const PEER_NONCE = new Uint8Array(NONCE_BYTES).fill(4);
const HELLO_PROOF = FRAME_HEADER + 16 + NONCE_BYTES;
const WELCOME_PROOF = FRAME_HEADER + 4;
/** Far less than the queue that the link's frames share with the log. */
const STRANGERS_FRAMES_MAX_BYTES = 512;

/** Where the link stands, as the first byte of an input says: from time to time it is connected anew, read, or time passes. */
const CONNECTED_ANEW = 1;
const READ_BY_PEER = 2;
const TURN = 4;

const KINDS = ['joining', 'alone', 'serving', 'primary', 'backup'] as const;

export const link: Target = {
  name: 'link',
  weight: 4,
  bytesMax: 4_000,
  subject(random) {
    const kind = random.pick(KINDS);
    let host = new Host(kind);
    return {
      corpus: corpusOf(host).map((bytes) => Uint8Array.of(0, ...bytes)),
      prepare: (input, numbers) => prepare(input, numbers),
      take(input) {
        if (host.isAlone) host = new Host(kind);
        host.take(input[0] ?? 0, input.subarray(CIRCUMSTANCES));
      },
      check: () => host.check(),
    };
  },
};

/** A replica as it stands when the link is connected, and everything that `daemon/replication-link.ts` does for it. */
class Host {
  readonly stage: Stage;
  readonly replica: Replica;
  readonly #kind: (typeof KINDS)[number];
  #nowMs = 1000;
  #received = new Uint8Array(0);
  #connected = false;
  #events = 0;
  #health: Health = { peer: NO_PEER, lanUp: true };

  constructor(kind: (typeof KINDS)[number]) {
    this.#kind = kind;
    this.stage = new Stage({ family: 4, logged: false });
    const self = { index: 0, life: 1 };
    const startAsPrimary = kind === 'alone' || kind === 'serving' || kind === 'primary';
    this.replica = new Replica(
      {
        self,
        witnessed: false,
        peerIndex: 1,
        startAsPrimary,
        service: SERVICE,
        timeoutMs: 1e9,
        ackTimeoutMs: 1e9,
        catchUpTimeoutMs: 1e9,
        ...RECOVERY,
      },
      this.stage.south,
      this.stage.log,
      {
        event: () => {
          this.#events++;
        },
        flushLink: () => undefined,
        closeLink: () => {
          this.#connected = false;
        },
        listen: () => undefined,
        askWitness: () => undefined,
        logBegins: () => {},
        refusesJoiner: () => '',
        lagMs: () => 0,
      },
      prove,
      this.#nowMs,
    );
    if (kind === 'joining' || kind === 'backup') this.#health = { peer: peerIs('primary'), lanUp: true };
    this.#turn();
    if (kind === 'serving') this.stage.converse();
    this.#connect();
  }

  /** Nobody can connect to it any more, nor does it connect. */
  get isAlone(): boolean {
    return !this.#connected && !this.#wantsLink;
  }

  get #wantsLink(): boolean {
    return this.replica.takesLink || this.replica.wantsLink(this.#health.peer);
  }

  take(circumstances: number, bytes: Uint8Array): void {
    if (!this.#connected || (circumstances & CONNECTED_ANEW) !== 0) this.#connect();
    if ((circumstances & READ_BY_PEER) !== 0) this.#read();
    const stranger = !this.replica.linked;
    const before = this.#known();
    const events = this.#events;
    this.#receive(bytes);
    if (this.replica.linked) this.#read();
    else if (stranger) {
      ok(this.stage.log.queue.used <= STRANGERS_FRAMES_MAX_BYTES, 'who has proved nothing takes up no room');
      ok(this.#events - events <= 1, 'who has proved nothing has no more than one thing told of it');
      if (this.#kind === 'serving') deepEqual(this.#known(), before, 'who has proved nothing changes nothing');
    }
    if ((circumstances & TURN) !== 0) this.#turn();
  }

  check(): void {
    this.stage.check();
    ok(this.#received.length < FRAME_MAX, 'no more than a frame is left');
  }

  /** What the other side would be sent when it has just connected. */
  get greeting(): Uint8Array {
    const { queue } = this.stage.log;
    return queue.bytes.slice(queue.readOffset, queue.readOffset + queue.readable);
  }

  /** Of a service with connections, what a stranger must not change. */
  #known(): unknown {
    const connections = [...this.stage.south.connections];
    return [
      this.replica.role,
      this.replica.epoch,
      connections.map(({ divergedAt, inBackupNxt, outBackupNxt }) => [divergedAt, inBackupNxt, outBackupNxt]),
    ];
  }

  #connect(): void {
    const { replica } = this;
    if (this.#connected) replica.linkDown('connected anew');
    this.#received = new Uint8Array(0);
    this.#connected = this.#wantsLink;
    if (!this.#connected) return;
    replica.linkUp(OWN_NONCE);
    if (this.#kind === 'primary') this.#receive(hello());
    if (this.#kind !== 'backup' || replica.role !== 'starting') return;
    this.#receive(challenge());
    this.#receive(welcome());
    equal(replica.role, 'backup', 'a primary that has proved itself is joined');
  }

  /** As `ReplicationLink.#consume` does. */
  #receive(bytes: Uint8Array): void {
    const received = new Uint8Array(this.#received.length + bytes.length);
    received.set(this.#received);
    received.set(bytes, this.#received.length);
    let done = 0;
    while (this.#connected && done < received.length) {
      const taken = this.replica.fromLink(received, done, received.length - done, this.#nowMs);
      ok(taken <= received.length - done, 'no more is consumed than has come');
      if (taken < 0) {
        this.#connected = false;
        this.replica.linkDown('the peer does not speak the replication protocol');
      }
      if (!this.#connected) {
        this.#received = new Uint8Array(0);
        return;
      }
      if (taken === 0) break;
      done += taken;
    }
    this.#received = received.slice(done);
  }

  #turn(): void {
    this.#nowMs += 500;
    this.replica.tick(this.#nowMs, 0, this.#health);
    while (this.replica.releaseNext(this.#nowMs, 0));
    if (this.replica.linked) this.#read();
  }

  #read(): void {
    const { queue } = this.stage.log;
    while (queue.used > 0) queue.consume(queue.readable);
  }
}

function peerIs(role: PeerHealth['role']): PeerHealth {
  return { ...NO_PEER, heard: true, role, epoch: 1, life: 2, lanUp: true };
}

const prove: Prove = (label, parts) => {
  const hmac = createHmac('sha256', 'key').update(label);
  for (const part of parts) hmac.update(part);
  return new Uint8Array(hmac.digest());
};

/** Frames as the other side of the conversation writes them. */
function written(write: (session: LinkSession) => void): Uint8Array {
  const queue = new ByteQueue(new Uint8Array(1024));
  write(new LinkSession(queue, prove, SERVICE, { index: 1, life: 2 }, PEER_NONCE));
  return queue.bytes.slice(0, queue.used);
}

function challenge(): Uint8Array {
  return written((session) => session.sendChallenge());
}

function hello(): Uint8Array {
  const frame = new FrameView();
  const asked = new Uint8Array(FRAME_HEADER + NONCE_BYTES);
  writeFrameHeader(asked, 0, asked.length, LINK_FRAME.CHALLENGE, 0, 0);
  asked.set(OWN_NONCE, FRAME_HEADER);
  frame.set(asked, 0, asked.length);
  return written((session) => session.sendHello(frame));
}

function welcome(): Uint8Array {
  const frame = new Uint8Array(WELCOME_PROOF + PROOF_BYTES);
  writeFrameHeader(frame, 0, frame.length, LINK_FRAME.WELCOME, 0, 0);
  setU32(frame, FRAME_HEADER, 2);
  signWelcome(frame);
  return frame;
}

function signWelcome(frame: Uint8Array): void {
  frame.set(prove('welcome', [OWN_NONCE, PEER_NONCE, frame.subarray(FRAME_HEADER, WELCOME_PROOF)]), WELCOME_PROOF);
}

function signHello(frame: Uint8Array): void {
  frame.set(prove('hello', [OWN_NONCE, frame.subarray(FRAME_HEADER, HELLO_PROOF)]), HELLO_PROOF);
}

function position(type: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER + 8);
  writeFrameHeader(frame, 0, frame.length, type, 0, 1);
  setU64(frame, FRAME_HEADER, 50);
  return frame;
}

function bare(type: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER);
  writeFrameHeader(frame, 0, frame.length, type, 0, 0);
  return frame;
}

const LOGGED = new Stage({ family: 4, logged: true }).speak().converse().entries;

function corpusOf(host: Host): Uint8Array[] {
  const conversation = [challenge(), hello(), welcome(), written((session) => session.sendRefuse('another key'))];
  const positions = [LINK_FRAME.ACK, LINK_FRAME.DIVERGED, ENTRY.URGENT].map(position);
  const progress = written((session) => session.sendProgress(1, 50, 70));
  const others = [LINK_FRAME.HANDOVER, LINK_FRAME.LEAVE, ENTRY.NOOP].map(bare);
  const floods = [bare(LINK_FRAME.HELLO), challenge()].map(repeated);
  return [...conversation, ...positions, progress, ...others, ...LOGGED, ...floods, host.greeting].filter(
    ({ length }) => length > 0,
  );
}

function repeated(frame: Uint8Array): Uint8Array {
  return Uint8Array.from(Array.from({ length: FLOOD }, () => [...frame]).flat());
}

function prepare(input: Uint8Array, random: Random): void {
  const anew = random.chance(0.05) ? CONNECTED_ANEW : 0;
  input[0] = anew | (random.chance(0.1) ? READ_BY_PEER : 0) | (random.chance(0.3) ? TURN : 0);
  const frame = input.subarray(CIRCUMSTANCES);
  if (frame.length < FRAME_HEADER) return;
  if (random.chance(0.7)) setU32(frame, 0, frame.length);
  if (random.chance(0.5)) return;
  if (frame[4] === LINK_FRAME.HELLO && frame.length === HELLO_PROOF + PROOF_BYTES) signHello(frame);
  if (frame[4] === LINK_FRAME.WELCOME && frame.length === WELCOME_PROOF + PROOF_BYTES) signWelcome(frame);
}
