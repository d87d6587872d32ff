// Snooping (FT-TCP, DSN'03, Figures 5 and 6): a backup hears what the clients send to the primary, and keeps what its log does not hold.
// It says nothing. At the takeover what is left goes the way of every client segment, as if it came just then.
import { ByteQueue } from '../log/byte-queue.ts';
import { getU32, setU32 } from '../wire/bytes.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, etherType } from '../wire/ethernet.ts';
import { ipIs } from '../wire/ip-address.ts';
import { Segment } from '../wire/segment.ts';
import { ACK, RST, SYN } from '../wire/tcp.ts';
import { VIRTIO_HEADER } from '../wire/virtio.ts';
import type { SouthContext } from './context.ts';
import { FRAME_IP } from './release-queue.ts';

/** Before each frame in the ring stands its length. */
const LENGTH = 4;

export class Snooping {
  readonly #context: SouthContext;
  readonly #kept: ByteQueue;
  readonly #segment = new Segment();

  constructor(context: SouthContext) {
    this.#context = context;
    this.#kept = new ByteQueue(new Uint8Array(context.config.limits.snoopBytes));
  }

  /** A frame of the LAN at offset 0 of `bytes`. Where there is no room, the oldest give way. */
  hear(bytes: Uint8Array, length: number): void {
    if (LENGTH + length > this.#kept.capacity || !this.#isOfClient(bytes, length)) return;
    const { counters } = this.#context;
    let at = this.#kept.reserve(LENGTH + length);
    for (; at < 0; at = this.#kept.reserve(LENGTH + length)) {
      this.#dropOldest();
      counters.snoopOverrun++;
    }
    setU32(this.#kept.bytes, at, length);
    this.#kept.bytes.set(bytes.subarray(0, length), at + LENGTH);
    this.#kept.commit(at, LENGTH + length);
    counters.snooped++;
  }

  /** Drops what the log has come to hold. */
  trim(): void {
    while (this.#kept.used > 0 && this.#isLogged(this.#oldest())) this.#dropOldest();
  }

  /** Hands over what the log does not hold, in the order in which it was heard, and forgets everything. */
  takeAll(take: (frame: Uint8Array) => void): void {
    for (; this.#kept.used > 0; this.#dropOldest()) {
      const frame = this.#oldest();
      if (this.#isLogged(frame)) continue;
      this.#context.counters.snoopTaken++;
      take(frame);
    }
  }

  forget(): void {
    this.#kept.clear();
  }

  #oldest(): Uint8Array {
    const { bytes, readOffset } = this.#kept;
    return bytes.subarray(readOffset + LENGTH, readOffset + LENGTH + getU32(bytes, readOffset));
  }

  #dropOldest(): void {
    this.#kept.consume(LENGTH + getU32(this.#kept.bytes, this.#kept.readOffset));
  }

  /** Of a connection that may exist. A SYN is left to be repeated: nobody has answered it. */
  #isOfClient(bytes: Uint8Array, length: number): boolean {
    if (length < FRAME_IP) return false;
    const type = etherType(bytes, VIRTIO_HEADER);
    if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return false;
    const segment = this.#segment;
    if (segment.parse(bytes, FRAME_IP, length - FRAME_IP) !== '' || segment.isFragment || !segment.isTcp) return false;
    if ((segment.flags & (SYN | ACK)) === SYN) return false;
    return ipIs(this.#context.config.serviceIp, bytes, segment.destinationOffset, segment.family);
  }

  /** Whether the log holds all that it says. Of an unknown connection it may still come to. */
  #isLogged(frame: Uint8Array): boolean {
    const segment = this.#segment;
    segment.parse(frame, FRAME_IP, frame.length - FRAME_IP);
    const { sourceOffset, sourcePort, destinationPort, family } = segment;
    const { connections } = this.#context;
    const connection = connections.find(frame, sourceOffset, family === 4 ? 4 : 16, sourcePort, destinationPort);
    if (connection === undefined || (segment.flags & RST) !== 0) return false;
    if (connection.inSeqToPosition(segment.seq) + segment.segLen > connection.inEnd) return false;
    return connection.outWireToPosition(segment.ack) <= connection.outUna;
  }
}
