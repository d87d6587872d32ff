/**
 * The capturing thread: a loop around `poll`. It enters each host's network namespace in turn to open a packet socket
 * there, reads the first bytes of every frame with the kernel's own time stamp, follows the client's connections and
 * writes capture files where asked. At the switch it listens to who speaks for the service. Read capture.ts first.
 */
import path from 'node:path';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { DatagramBatch, stampArrivals } from '../linux/datagram-batch.ts';
import { POLLIN, Poller } from '../linux/io.ts';
import { enterNetworkNamespace } from '../linux/namespaces.ts';
import { droppedFrames, openPacketSocket } from '../linux/packet-socket.ts';
import { endpointToString, ipFromString, ipIs } from '../wire/ip-address.ts';
import { Segment } from '../wire/segment.ts';
import { CaptureFile } from './capture-file.ts';
import {
  CaptureBoard,
  type CaptureMark,
  type CaptureOrder,
  type CaptureReport,
  type CaptureTap,
  type VoiceOrder,
} from './capture-shared.ts';
import { wallMs } from './clock.ts';
import { Flows } from './flow.ts';
import { frameLength } from './frame-length.ts';
import { interfaceDescription, mark } from './pcapng.ts';
import { VoiceTap } from './voice-tap.ts';

/** Ethernet, IPv6 and the longest TCP header fit. */
const SNAP_BYTES = 128;
const ETHERNET_HEADER = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const BATCH = 256;
const POLL_MS = 5;
const CATCH_UP_MS = 5000;

interface Tapped {
  fd: number;
  slot: number;
  followed: boolean;
  file: CaptureFile | undefined;
  interfaceIndex: number;
}

/** Only the first bytes of a frame are read, but lengths are checked against the frame's own. */
const whole = new Uint8Array(256 * 1024);
const segment = new Segment();

class CaptureLoop {
  readonly #board: CaptureBoard;
  readonly #flows: Flows;
  readonly #service: Uint8Array;
  readonly #port: number;
  readonly #poller: Poller;
  readonly #batch = new DatagramBatch(BATCH, SNAP_BYTES, true);
  readonly #tapped: Tapped[] = [];
  readonly #files: CaptureFile[] = [];
  readonly #voices: VoiceTap;
  #faultsSeen = 0;
  #packets = 0;

  constructor(order: CaptureOrder) {
    this.#board = new CaptureBoard(order.board);
    this.#flows = new Flows(order.clientAddress, endpointToString(order.serviceAddress, order.port));
    this.#service = ipFromString(order.serviceAddress) ?? new Uint8Array(16);
    this.#port = order.port;
    this.#poller = new Poller(order.taps.reduce((sum, tap) => sum + tap.interfaces.length, 0));
    order.taps.forEach((tap, index) => {
      this.#open(tap, index === 0, order.pcapDirectory);
    });
    this.#voices = this.#listenToVoices(order.voices, order.pcapDirectory);
  }

  run(): CaptureReport {
    this.#board.start();
    while (!this.#board.stopped) this.#once(POLL_MS);
    // On a busy machine much may be waiting to be read; what comes from now on counts no more.
    const stoppedMs = performance.now();
    while (this.#once(0) && performance.now() - stoppedMs < CATCH_UP_MS);
    const dropped = this.#tapped.filter((one) => one.followed).reduce((sum, one) => sum + droppedFrames(one.fd), 0);
    const voices = this.#voices.finish();
    for (const file of this.#files) file.close();
    const endMs = wallMs();
    this.#noticeFaults(endMs);
    return {
      flows: this.#flows.report(endMs),
      packets: this.#packets,
      dropped: dropped + voices.dropped,
      runs: voices.runs,
    };
  }

  #open(tap: CaptureTap, followed: boolean, directory: string | undefined): void {
    enterNetworkNamespace(tap.networkNamespace);
    const file = this.#file(tap.host, directory);
    tap.interfaces.forEach((name, interfaceIndex) => {
      file?.write(interfaceDescription(name, SNAP_BYTES));
      const { fd } = openPacketSocket({
        interface: name,
        vnetHeader: false,
        ignoreOutgoing: false,
        filter: undefined,
        snapBytes: SNAP_BYTES,
        receiveBufferBytes: 64 << 20,
      });
      stampArrivals(fd);
      this.#tapped.push({ fd, slot: this.#poller.add(fd, POLLIN), followed, file, interfaceIndex });
    });
  }

  #listenToVoices({ networkNamespace, ports, serviceMac }: VoiceOrder, directory: string | undefined): VoiceTap {
    enterNetworkNamespace(networkNamespace);
    const file = this.#file('lan', directory);
    return new VoiceTap({ ports, serviceIp: this.#service, serviceMac, snapBytes: SNAP_BYTES, file });
  }

  #file(name: string, directory: string | undefined): CaptureFile | undefined {
    if (directory === undefined) return undefined;
    const file = new CaptureFile(path.join(directory, `${name}.pcapng`));
    this.#files.push(file);
    return file;
  }

  /** Returns whether there may be more to read at once. */
  #once(timeoutMs: number): boolean {
    this.#poller.wait(timeoutMs);
    this.#voices.turn(performance.now());
    let isMore = false;
    for (const tapped of this.#tapped) {
      const ready = this.#poller.ready(tapped.slot);
      if (ready & POLLIN) isMore = this.#read(tapped) || isMore;
      else if (ready !== 0) this.#poller.setFd(tapped.slot, -1); // the host lost its power
    }
    this.#board.openFlows = this.#flows.openCount;
    this.#writeMarks();
    return isMore;
  }

  #read({ fd, followed, file, interfaceIndex }: Tapped): boolean {
    const count = this.#batch.receive(fd);
    for (let i = 0; i < count; i++) {
      const captured = this.#batch.datagram(i).subarray(0, this.#batch.length(i));
      const length = frameLength(captured);
      const seconds = this.#batch.seconds(i);
      const nanoseconds = this.#batch.nanoseconds(i);
      this.#packets++;
      if (followed) this.#follow(captured, length, seconds * 1000 + nanoseconds / 1e6);
      file?.packet(interfaceIndex, seconds, nanoseconds, captured, captured.length, length);
    }
    return count === this.#batch.capacity;
  }

  #follow(frame: Uint8Array, length: number, atMs: number): void {
    const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return;
    whole.set(frame);
    if (segment.parse(whole, ETHERNET_HEADER, length - ETHERNET_HEADER) !== '' || !segment.isTcp) return;
    const { sourcePort, destinationPort, sourceOffset, destinationOffset, family } = segment;
    this.#noticeFaults(atMs);
    if (destinationPort === this.#port && ipIs(this.#service, whole, destinationOffset, family)) {
      this.#flows.packet(atMs, true, sourcePort, segment);
    } else if (sourcePort === this.#port && ipIs(this.#service, whole, sourceOffset, family)) {
      this.#flows.packet(atMs, false, destinationPort, segment);
    }
  }

  #noticeFaults(nowMs: number): void {
    while (this.#faultsSeen < this.#board.faultCount) {
      const atMs = this.#board.faultAt(this.#faultsSeen);
      if (atMs > nowMs) return;
      this.#flows.fault(atMs);
      this.#faultsSeen++;
    }
  }

  /** The loop never returns to Node's, so messages are fetched. */
  #writeMarks(): void {
    for (let got = fetchMark(); got !== undefined; got = fetchMark()) {
      const seconds = Math.floor(got.atMs / 1000);
      const nanoseconds = Math.round((got.atMs - seconds * 1000) * 1e6);
      for (const file of this.#files) file.write(mark(0, seconds, nanoseconds, got.label));
    }
  }
}

function fetchMark(): CaptureMark | undefined {
  const got: { message: CaptureMark } | undefined = parentPort ? receiveMessageOnPort(parentPort) : undefined;
  return got?.message;
}

parentPort?.postMessage(new CaptureLoop(workerData as CaptureOrder).run());
