/**
 * Listens at the switch's ports for whoever speaks for the service. Each port has a packet socket of its own that takes in what
 * its host sends, so a frame is its sender's beyond doubt, whatever addresses it carries; also one that a cut of the outward
 * direction then loses, which its sender did not know.
 *
 * The sockets filter in the kernel and are read a few times in a hundredth of a second, many frames at once: watching costs
 * little. Frames are put in order by the kernel's stamps, all of one clock: on a veth a frame is stamped by the processor that
 * sends it, before it is queued for anybody. Nothing can hold frames of a dead host back: its port has no queue on this side.
 */

import { DatagramBatch, stampArrivals } from '../linux/datagram-batch.ts';
import { droppedFrames, filterForVoice, openPacketSocket } from '../linux/packet-socket.ts';
import type { CaptureFile } from './capture-file.ts';
import { frameLength } from './frame-length.ts';
import { interfaceDescription } from './pcapng.ts';
import { type Run, Speech } from './voices.ts';

export interface VoicePort {
  host: string;
  /** Of the switch. */
  interface: string;
}

export interface VoiceTapOptions {
  ports: readonly VoicePort[];
  serviceIp: Uint8Array;
  serviceMac: Uint8Array;
  snapBytes: number;
  /** Gets every frame of the service. */
  file: CaptureFile | undefined;
}

const BATCH_FRAMES = 128;
/** So many batches of one port in one go: a flood must not keep the thread from its other work. */
const BATCHES = 16;
const EVERY_MS = 4;
const RECEIVE_BUFFER_BYTES = 64 << 20;

export class VoiceTap {
  readonly #sockets: { host: string; fd: number }[];
  readonly #batch: DatagramBatch;
  readonly #speech = new Speech();
  readonly #file: CaptureFile | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  /** In the calling thread's network namespace, the switch's. */
  constructor({ ports, serviceIp, serviceMac, snapBytes, file }: VoiceTapOptions) {
    this.#batch = new DatagramBatch(BATCH_FRAMES, snapBytes, true);
    this.#file = file;
    const filter = filterForVoice(serviceIp, serviceMac);
    this.#sockets = ports.map((port) => {
      file?.write(interfaceDescription(port.interface, snapBytes));
      const { fd } = openPacketSocket({
        interface: port.interface,
        vnetHeader: false,
        filter,
        snapBytes,
        receiveBufferBytes: RECEIVE_BUFFER_BYTES,
      });
      stampArrivals(fd);
      return { host: port.host, fd };
    });
  }

  /** Call it often; it looks into the sockets when it is time to. */
  turn(nowMs: number): void {
    if (nowMs - this.#readAtMs < EVERY_MS) return;
    this.#readAtMs = nowMs;
    this.#read();
  }

  /** Reads what is left. `dropped` frames were lost because nobody read them in time. */
  finish(): { runs: Run[]; dropped: number } {
    this.#read();
    const dropped = this.#sockets.reduce((sum, { fd }) => sum + droppedFrames(fd), 0);
    return { runs: this.#speech.runs(), dropped };
  }

  #read(): void {
    this.#sockets.forEach(({ host, fd }, port) => {
      for (let i = 0; i < BATCHES; i++) {
        const count = this.#batch.receive(fd);
        // A cut cable is told once, as an error; the socket goes on when it is healed.
        for (let index = 0; index < count; index++) this.#take(host, port, index);
        if (count < BATCH_FRAMES) return;
      }
    });
  }

  #take(host: string, port: number, index: number): void {
    const seconds = this.#batch.seconds(index);
    const nanoseconds = this.#batch.nanoseconds(index);
    this.#speech.hear(host, seconds * 1000 + nanoseconds / 1e6);
    if (this.#file === undefined) return;
    const captured = this.#batch.datagram(index).subarray(0, this.#batch.length(index));
    this.#file.packet(port, seconds, nanoseconds, captured, captured.length, frameLength(captured));
  }
}
