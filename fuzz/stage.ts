/**
 * A host without its I/O: the south-side wrap between a LAN, a kernel and a log that are nothing but memory. It looks at every
 * packet that the wrap emits, counts them, and knows what must hold of every connection whatever comes.
 */
import { equal, ok } from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import type { Random } from '../src/lab/random.ts';
import { ByteQueue } from '../src/log/byte-queue.ts';
import { LINK_FRAME } from '../src/log/entry.ts';
import { FrameView } from '../src/log/frame.ts';
import { LogWriter } from '../src/log/log-writer.ts';
import type { Connection } from '../src/south/connection.ts';
import { NO_CHOICES, NO_NORTH } from '../src/south/context.ts';
import { FRAME_IP, LAN_FRAME_MAX, ReleaseQueue, TUN_HEADROOM } from '../src/south/release-queue.ts';
import { SouthWrap } from '../src/south/south-wrap.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, etherType } from '../src/wire/ethernet.ts';
import { Segment } from '../src/wire/segment.ts';
import { type Seq, seq, seqAdd } from '../src/wire/seq.ts';
import { ACK, PSH, SYN } from '../src/wire/tcp.ts';
import {
  GSO_NONE,
  VIRTIO_DATA_VALID,
  VIRTIO_HEADER,
  VIRTIO_NEEDS_CSUM,
  virtioFlags,
  virtioGsoSize,
  virtioGsoType,
} from '../src/wire/virtio.ts';
import { Kernel } from './kernel.ts';
import {
  CLIENT_ISS,
  CLIENT_PORT,
  CLIENT_TSVAL,
  type Family,
  frameOf,
  pattern,
  SERVER_ISS,
  SERVICE_MAC,
  serviceIp,
  tcp,
  upwards,
} from './packets.ts';

export const LIMITS = {
  connections: 8,
  halfOpen: 4,
  connectionBytes: 128 << 10,
  totalBytes: 512 << 10,
  snoopBytes: 64 << 10,
};
/** The least that a configuration may set. */
const QUEUE_BYTES = 256 << 10;
/** Packets that the wrap emits because of one. More than a few, where a connection that waits is let go on. */
const EMITTED_MAX = 64;
/** `ClientSide` takes no segment with more holes before it. */
const HOLES_MAX = 257;
const UNCOMPARED_MAX = 512;
/** Turns until the kernel has no more to say, in one step: it answers answers. */
const ROUNDS_MAX = 8;
const TICK_MS = 1;

/** What a byte before each input says of the circumstances. */
export const CIRCUMSTANCES = 1;
const WAITS_MS = [0, 1, 45, 700];
const LONG_WAIT = 0x04;
const LONG_WAIT_MS = 70_000;
const ACKNOWLEDGED = 0x08;
const KERNEL_ANSWERS = 0x10;
/** The network card has verified the checksum. */
const VOUCHED = 0x20;
const FED = 0x40;

/** Mostly what goes on all the time, seldom a long wait, after which tables are empty. */
export function randomCircumstances(random: Random): number {
  const waits = random.chance(0.02) ? LONG_WAIT : random.pick([0, 0, 0, 1, 1, 2, 3]);
  const acknowledged = random.chance(0.9) ? ACKNOWLEDGED : 0;
  const answers = random.chance(0.9) ? KERNEL_ANSWERS : 0;
  const vouched = random.chance(0.3) ? VOUCHED : 0;
  return waits | acknowledged | answers | vouched | (random.chance(0.3) ? FED : 0);
}

export interface StageOptions {
  readonly family: Family;
  /** Whether a backup is there to hold what is said. */
  readonly logged: boolean;
  readonly serverIss?: Seq;
  readonly onDivergence?: 'reset' | 'continue';
}

export class Stage {
  readonly family: Family;
  readonly log = new LogWriter(new ByteQueue(new Uint8Array(QUEUE_BYTES)));
  readonly release = new ReleaseQueue(new Uint8Array(QUEUE_BYTES));
  readonly south: SouthWrap;
  /** Frames of the log, as a backup would get them. */
  readonly entries: Uint8Array[] = [];
  nowMs = 1000.25;
  #emitted = 0;
  readonly #kernel: Kernel;
  readonly #frame = new Uint8Array(LAN_FRAME_MAX);
  readonly #segment = new Segment();
  readonly #entry = new FrameView();

  constructor({ family, logged, serverIss = SERVER_ISS, onDivergence = 'reset' }: StageOptions) {
    this.family = family;
    this.#kernel = new Kernel(serverIss);
    this.south = new SouthWrap({
      config: {
        serviceIp: serviceIp(family),
        serviceMac: SERVICE_MAC,
        hashKey: Uint32Array.of(1, 2),
        limits: LIMITS,
        catchUpTimeoutMs: 5_000,
        onDivergence,
        nudge: true,
      },
      serverFate: () => ({ is: 'alive' }),
      retains: false,
      ports: {
        lan: (bytes, offset, length) => {
          this.#look(bytes, offset, length, FRAME_IP);
          return true;
        },
        tun: (bytes, offset, length) => this.#toKernel(bytes, offset, length),
        tunApart: (head, headLength, payload, offset, length) => {
          const bytes = new Uint8Array(headLength + length);
          bytes.set(head.subarray(0, headLength));
          bytes.set(payload.subarray(offset, offset + length), headLength);
          this.#toKernel(bytes, 0, bytes.length);
        },
      },
      log: this.log,
      release: this.release,
      north: NO_NORTH,
      choices: NO_CHOICES,
      checksum: (seed, bytes, offset, length) => crc32(bytes.subarray(offset, offset + length), seed),
      reassembled: new Uint8Array(LAN_FRAME_MAX),
      scratch: new Uint8Array(LAN_FRAME_MAX),
    });
    if (logged) this.log.start();
  }

  speak(): this {
    this.south.speak(this.nowMs, false);
    this.#settle(ACKNOWLEDGED | KERNEL_ANSWERS);
    return this;
  }

  /** A client opens a connection, says something and is answered. @param mss that it offers; 0: none. */
  converse(port: number = CLIENT_PORT, iss: Seq = CLIENT_ISS, mss = 1460): this {
    const ends = { ...upwards(this.family), sourcePort: port, hasTimestamps: true, tsVal: CLIENT_TSVAL };
    const options = { mss, windowScale: 7, sackPermitted: true };
    this.lan(frameOf(tcp({ ...ends, ...options, flags: SYN, seq: iss, window: 64_240 }), this.family));
    const opened = [...this.south.connections].find(({ clientPort }) => clientPort === port);
    ok(opened, 'a valid client is taken');
    const numbers = { seq: seqAdd(iss, 1), ack: seqAdd(opened.issWire, 1), window: 500 };
    this.lan(frameOf(tcp({ ...ends, ...numbers, flags: ACK }), this.family));
    this.lan(frameOf(tcp({ ...ends, ...numbers, flags: ACK | PSH }, pattern(100)), this.family));
    return this;
  }

  /** A frame of the LAN, from its Ethernet header on. */
  lan(frame: Uint8Array, circumstances = ACKNOWLEDGED | KERNEL_ANSWERS | 1): void {
    this.#wait(circumstances);
    if (this.south.canReadLan && frame.length + VIRTIO_HEADER <= LAN_FRAME_MAX) {
      this.#frame.fill(0, 0, VIRTIO_HEADER);
      this.#frame[0] = (circumstances & VOUCHED) === 0 ? 0 : VIRTIO_DATA_VALID;
      this.#frame.set(frame, VIRTIO_HEADER);
      this.#bounded(() => this.south.fromLan(this.#frame, VIRTIO_HEADER + frame.length, this.nowMs));
    }
    this.#settle(circumstances);
  }

  /** A packet of the server's kernel, from its IP header on. */
  tun(packet: Uint8Array, circumstances: number): void {
    this.#wait(circumstances);
    this.#fromKernel(packet);
    this.#settle(circumstances);
  }

  /** A frame of the log. @returns why it was refused, or ''. */
  entry(bytes: Uint8Array, circumstances = ACKNOWLEDGED | KERNEL_ANSWERS | 1): string {
    this.#wait(circumstances);
    let refusal = 'no frame';
    if (this.#entry.set(bytes, 0, bytes.length) === bytes.length && this.#entry.type < LINK_FRAME.CHALLENGE) {
      this.#bounded(() => {
        refusal = this.south.fromLog(this.#entry, this.nowMs);
      });
    }
    this.#settle(circumstances);
    return refusal;
  }

  /** What must hold of every connection, and of the tables. */
  check(): void {
    const { south } = this;
    ok(south.connectionCount <= LIMITS.connections + LIMITS.halfOpen, 'the table of connections is bounded');
    ok(south.keptBytes >= 0 && south.keptBytes <= 2 * LIMITS.totalBytes, 'what all connections keep is bounded');
    for (const [name, count] of Object.entries(south.counters)) ok(Number.isSafeInteger(count) && count >= 0, name);
    for (const connection of south.connections) this.#checkConnection(connection);
  }

  #checkConnection(connection: Connection): void {
    for (const [name, value] of Object.entries(connection)) {
      ok(typeof value !== 'number' || Number.isFinite(value), `${name} of a connection is ${value}`);
    }
    const { input, output, uncompared, inWireNxt, inEnd } = connection;
    ok(inWireNxt <= inEnd || !this.south.speaking, 'nothing is acknowledged that is not logged (rule 1)');
    for (const { ring, holes } of [input, output]) {
      ok(ring.length <= 2 * LIMITS.connectionBytes, 'buffers are bounded');
      ok(holes <= HOLES_MAX || !this.south.speaking, 'holes are bounded');
    }
    ok(uncompared.length <= UNCOMPARED_MAX, 'entries to be compared are bounded');
  }

  #wait(circumstances: number): void {
    this.nowMs += (circumstances & LONG_WAIT) === 0 ? (WAITS_MS[circumstances & 3] ?? 0) : LONG_WAIT_MS;
    this.south.tick(this.nowMs);
    this.#drain(circumstances);
  }

  /** All that follows from what has come. */
  #settle(circumstances: number): void {
    this.south.appendNotes();
    this.south.reportProgress(() => undefined);
    this.south.reportDiverged(() => undefined);
    if ((circumstances & FED) !== 0) {
      for (const { id, inEnd, outLocalNxt } of this.south.connections) {
        this.south.backupProgress(id, { fed: inEnd, said: outLocalNxt }, this.nowMs);
      }
    }
    for (let round = 0; round < ROUNDS_MAX && (circumstances & KERNEL_ANSWERS) !== 0; round++) {
      const said = this.#kernel.said.splice(0);
      if (said.length === 0) break;
      for (const packet of said) this.#fromKernel(packet);
    }
    this.#kernel.said.length = 0;
    this.nowMs += TICK_MS;
    this.south.tick(this.nowMs);
    this.#drain(circumstances);
  }

  #fromKernel(packet: Uint8Array): void {
    if (!this.south.canReadServer) return;
    const offset = this.release.reserve();
    const at = offset + TUN_HEADROOM;
    this.release.bytes.fill(0, at, at + VIRTIO_HEADER);
    this.release.bytes[at] = VIRTIO_DATA_VALID;
    this.release.bytes.set(packet, at + VIRTIO_HEADER);
    this.#bounded(() => this.south.fromTun(offset, VIRTIO_HEADER + packet.length, this.nowMs));
  }

  /** What is queued for the link is held by a backup, and frames that wait for that may leave. */
  #drain(circumstances: number): void {
    const { queue } = this.log;
    if ((circumstances & ACKNOWLEDGED) === 0) return;
    while (queue.used > 0) {
      const { readOffset, readable } = queue;
      for (let at = 0; at < readable; at += this.#entry.length) {
        ok(this.#entry.set(queue.bytes, readOffset + at, readable - at) > 0, 'what is logged is a sequence of frames');
        this.entries.push(queue.bytes.slice(readOffset + at, readOffset + at + this.#entry.length));
      }
      queue.consume(readable);
    }
    this.log.acknowledge(this.log.position);
    while (this.south.releaseNext(this.log.active ? this.log.acknowledged : Number.POSITIVE_INFINITY));
    if (this.entries.length > ENTRIES_MAX) this.entries.splice(0, this.entries.length - ENTRIES_MAX);
  }

  #bounded(step: () => void): void {
    this.#emitted = 0;
    step();
    ok(this.#emitted <= EMITTED_MAX, `${this.#emitted} packets because of one`);
  }

  #toKernel(bytes: Uint8Array, offset: number, length: number): void {
    this.#look(bytes, offset, length, VIRTIO_HEADER);
    this.#kernel.take(bytes, offset, length);
  }

  /** A packet that the wrap emits. @param ip offset of its IP header, if it has one, after `offset`. */
  #look(bytes: Uint8Array, offset: number, length: number, ip: number): void {
    this.#emitted++;
    ok(offset >= 0 && length <= LAN_FRAME_MAX && offset + length <= bytes.length, 'a packet lies in its memory');
    const type = ip === FRAME_IP ? etherType(bytes, offset + VIRTIO_HEADER) : ETHERTYPE_IPV4;
    if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return;
    const segment = this.#segment;
    equal(segment.parse(bytes, offset + ip, length - ip), '', 'what is emitted is well formed');
    if (!segment.isTcp || virtioGsoType(bytes, offset) === GSO_NONE) return;
    ok((virtioFlags(bytes, offset) & VIRTIO_NEEDS_CSUM) !== 0, 'a large segment has a partial checksum');
    const size = virtioGsoSize(bytes, offset);
    ok(size > 0 && size < segment.dataLength, `a segment of ${segment.dataLength} bytes is cut at ${size}`);
  }
}

/** Kept of the log, for whoever plays the backup. */
const ENTRIES_MAX = 64;

export const OTHER_ISS: Seq = seq(0x7fff_fff8);
