// The release barrier (rules 1, 2 and 3): every frame that would speak for the service waits here, in order, until each backup
// of the view has acknowledged the log up to the position with which it is stamped.
//
// Frames lie in one preallocated array as `virtio header | Ethernet | IP …`. A packet is read from the TUN right where it will
// be sent from: TUN_HEADROOM bytes after the frame's offset, because only the Ethernet header is missing.
import { assert } from '../errors.ts';
import { ByteQueue } from '../log/byte-queue.ts';
import { ETHERNET_HEADER } from '../wire/ethernet.ts';
import { VIRTIO_HEADER } from '../wire/virtio.ts';

/** Offset of the IP header within a frame. */
export const FRAME_IP = VIRTIO_HEADER + ETHERNET_HEADER;
/** A packet is read from the TUN this far after its frame's offset. */
export const TUN_HEADROOM = ETHERNET_HEADER;
/** Largest frame: 64 KB of IP behind the two headers, rounded up. */
export const LAN_FRAME_MAX = 65_600;

const FRAMES_MAX = 1 << 15;

export class ReleaseQueue {
  readonly #frames: ByteQueue;
  readonly #offsets = new Int32Array(FRAMES_MAX);
  readonly #lengths = new Int32Array(FRAMES_MAX);
  readonly #positions = new Float64Array(FRAMES_MAX);
  #first = 0;
  #count = 0;

  /** @param bytes the memory of the frames; its size is the bound of the queue. */
  constructor(bytes: Uint8Array) {
    this.#frames = new ByteQueue(bytes);
  }

  get bytes(): Uint8Array {
    return this.#frames.bytes;
  }

  get count(): number {
    return this.#count;
  }

  get usedBytes(): number {
    return this.#frames.used;
  }

  /** Log position that the oldest frame waits for. */
  get oldestPosition(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#positions[this.#first] ?? 0);
  }

  /** Offset at which a frame of up to LAN_FRAME_MAX bytes can be made, or -1: then nothing more may be read from the server. */
  reserve(): number {
    return this.#count === FRAMES_MAX ? -1 : this.#frames.reserve(LAN_FRAME_MAX);
  }

  /** Queues the frame of `length` bytes at the offset that `reserve` returned, until `position` is acknowledged. */
  commit(offset: number, length: number, position: number): void {
    assert(length <= LAN_FRAME_MAX && this.#count < FRAMES_MAX, 'a frame is queued where room was reserved');
    this.#frames.commit(offset, length);
    const slot = (this.#first + this.#count) % FRAMES_MAX;
    this.#offsets[slot] = offset;
    this.#lengths[slot] = length;
    this.#positions[slot] = position;
    this.#count++;
  }

  /**
   * Sends the oldest frame, if its position is acknowledged.
   * @param send returns false for lack of room.
   * @returns whether it was sent.
   */
  releaseNext(acknowledged: number, send: (bytes: Uint8Array, offset: number, length: number) => boolean): boolean {
    if (this.#count === 0 || this.oldestPosition > acknowledged) return false;
    const length = this.#lengths[this.#first] ?? 0;
    if (!send(this.#frames.bytes, this.#offsets[this.#first] ?? 0, length)) return false;
    this.#frames.consume(length);
    this.#first = (this.#first + 1) % FRAMES_MAX;
    this.#count--;
    return true;
  }

  /** Drops everything: who steps down emits nothing. */
  clear(): void {
    this.#frames.clear();
    this.#first = this.#count = 0;
  }
}
