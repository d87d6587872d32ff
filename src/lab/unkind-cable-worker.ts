/** The thread of an unkind cable. Read unkind-cable.ts first. */
import { workerData } from 'node:worker_threads';
import { monotonicMs } from '../linux/clock.ts';
import { POLLIN, Poller, read, write } from '../linux/io.ts';
import { allocate } from '../linux/memory.ts';
import { enterNetworkNamespace } from '../linux/namespaces.ts';
import { openPacketSocket } from '../linux/packet-socket.ts';
import { ETHERNET_HEADER } from '../wire/ethernet.ts';
import { markCongestion } from '../wire/ip.ts';
import { VIRTIO_HEADER } from '../wire/virtio.ts';
import { raisePriority } from './cables.ts';
import { CABLE_ENDS, type CableOrder } from './unkind-cable.ts';
import { UnkindQueue } from './unkindness.ts';

/** Behind its virtio header: what the kernel has not cut into segments is longer than the MTU. */
const FRAME_MAX = 65_600;
/** Frames on the cable, 50 ms of a Gb/s; what comes when it is full is lost. The kernel gives memory only to what is used of it. */
const SLOTS = 4096;
const PACKET = VIRTIO_HEADER + ETHERNET_HEADER;
const BATCH = 64;
const POLL_MS = 20;

class CableLoop {
  readonly #state: Int32Array;
  readonly #poller = new Poller(CABLE_ENDS.length);
  readonly #ends: readonly { readonly fd: number; readonly slot: number }[];
  /** By the end that its frames come from. */
  readonly #queues: readonly UnkindQueue[];
  readonly #frames = allocate(SLOTS * FRAME_MAX);
  readonly #lengths = new Int32Array(SLOTS);
  /** How often a frame is still to be taken out of its slot. */
  readonly #uses = new Uint8Array(SLOTS);
  readonly #free = Int32Array.from({ length: SLOTS }, (_, slot) => slot);
  #freeCount = SLOTS;

  constructor({ state, networkNamespace, unkindness }: CableOrder) {
    this.#state = new Int32Array(state);
    enterNetworkNamespace(networkNamespace);
    this.#ends = CABLE_ENDS.map((name) => {
      const { fd } = openPacketSocket({ interface: name, filter: undefined, receiveBufferBytes: 64 << 20 });
      return { fd, slot: this.#poller.add(fd, POLLIN) };
    });
    this.#queues = CABLE_ENDS.map((_, direction) => new UnkindQueue(unkindness, direction));
  }

  run(): void {
    raisePriority(0);
    Atomics.compareExchange(this.#state, 0, 0, 1);
    while (Atomics.load(this.#state, 0) !== 2) {
      const nextMs = Math.min(...this.#queues.map((queue) => queue.nextMs));
      this.#poller.wait(Math.min(POLL_MS, Math.max(0, nextMs - monotonicMs())));
      const nowMs = monotonicMs();
      this.#ends.forEach(({ fd, slot }, direction) => {
        if (this.#poller.ready(slot) !== 0) this.#receive(fd, direction, nowMs);
      });
      this.#queues.forEach((queue, direction) => {
        this.#deliver(queue, this.#ends[1 - direction]?.fd ?? -1, nowMs);
      });
    }
  }

  #receive(fd: number, direction: number, nowMs: number): void {
    for (let i = 0; i < BATCH; i++) {
      // A frame that finds the cable full is read over that of the last free slot, and forgotten.
      const slot = this.#free[Math.max(0, this.#freeCount - 1)] ?? 0;
      const length = read(fd, this.#frames, slot * FRAME_MAX, FRAME_MAX);
      if (length <= 0) return;
      if (this.#freeCount <= 1) continue;
      const queue = this.#queues[direction];
      if (queue?.marks()) markCongestion(this.#frames, slot * FRAME_MAX + PACKET, length - PACKET);
      const uses = queue?.add(slot, nowMs) ?? 0;
      if (uses === 0) continue;
      this.#freeCount--;
      this.#lengths[slot] = length;
      this.#uses[slot] = uses;
    }
  }

  #deliver(queue: UnkindQueue, fd: number, nowMs: number): void {
    for (let slot = queue.take(nowMs); slot >= 0; slot = queue.take(nowMs)) {
      write(fd, this.#frames, slot * FRAME_MAX, this.#lengths[slot] ?? 0);
      const left = (this.#uses[slot] ?? 1) - 1;
      this.#uses[slot] = left;
      if (left === 0) this.#free[this.#freeCount++] = slot;
    }
  }
}

new CableLoop(workerData as CableOrder).run();
