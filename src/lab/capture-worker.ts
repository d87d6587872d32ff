/**
 * The capturing thread: a loop around `poll`. It enters each host's network namespace in turn to open a packet socket
 * there, reads the first bytes of every frame with the kernel's own time stamp, follows the client's connections and
 * writes capture files where asked. At the switch it listens to who speaks for the service. Read capture.ts first.
 */
import path from 'node:path';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { MSG_DONTWAIT, POLLIN, Poller, recv } from '../linux/io.ts';
import { libc } from '../linux/libc.ts';
import { addressOf, allocate } from '../linux/memory.ts';
import { enterNetworkNamespace } from '../linux/namespaces.ts';
import { droppedFrames, openPacketSocket } from '../linux/packet-socket.ts';
import { ipFromString, ipIs } from '../wire/ip-address.ts';
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
import { interfaceDescription, mark, packet } from './pcapng.ts';
import { VoiceTap } from './voice-tap.ts';

/** Ethernet, IPv6 and the longest TCP header fit. */
const SNAP_BYTES = 128;
const ETHERNET_HEADER = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** socket(7): the kernel's time stamp of the frame last read; the first call switches stamping on. */
const SIOCGSTAMPNS = 0x8907;
const BATCH = 256;
const POLL_MS = 5;

interface Tapped {
  fd: number;
  slot: number;
  followed: boolean;
  file: CaptureFile | undefined;
  interfaceIndex: number;
}

const frame = allocate(256 * 1024); // only its first bytes are there; lengths are checked against the frame's own
const stamp = allocate(16); // struct timespec
const stampWords = new DataView(stamp.buffer);
const segment = new Segment();

class CaptureLoop {
  readonly #board: CaptureBoard;
  readonly #flows: Flows;
  readonly #service: Uint8Array;
  readonly #port: number;
  readonly #poller: Poller;
  readonly #tapped: Tapped[] = [];
  readonly #files: CaptureFile[] = [];
  readonly #voices: VoiceTap;
  #faultsSeen = 0;
  #packets = 0;
  #seconds = 0;
  #nanoseconds = 0;

  constructor(order: CaptureOrder) {
    this.#board = new CaptureBoard(order.board);
    this.#flows = new Flows(order.clientAddress, `${order.serviceAddress}:${order.port}`);
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
    this.#once(0);
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
      libc.ioctl(fd, SIOCGSTAMPNS, addressOf(stamp));
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

  #once(timeoutMs: number): void {
    this.#poller.wait(timeoutMs);
    this.#voices.turn(performance.now());
    for (const tapped of this.#tapped) {
      const ready = this.#poller.ready(tapped.slot);
      if (ready & POLLIN) this.#drain(tapped);
      else if (ready !== 0) this.#poller.setFd(tapped.slot, -1); // the host lost its power
    }
    this.#board.openFlows = this.#flows.openCount;
    this.#writeMarks();
  }

  #drain(tapped: Tapped): void {
    for (let i = 0; i < BATCH; i++) {
      const kept = recv(tapped.fd, frame, 0, SNAP_BYTES, MSG_DONTWAIT);
      if (kept <= 0) return;
      const captured = frame.subarray(0, kept);
      const length = frameLength(captured);
      this.#packets++;
      this.#readStamp(tapped.fd);
      if (tapped.followed) this.#follow(length);
      tapped.file?.write(packet(tapped.interfaceIndex, this.#seconds, this.#nanoseconds, captured, length));
    }
  }

  #readStamp(fd: number): void {
    if (libc.ioctl(fd, SIOCGSTAMPNS, addressOf(stamp)) === 0) {
      this.#seconds = stampWords.getUint32(0, true) + stampWords.getUint32(4, true) * 2 ** 32;
      this.#nanoseconds = stampWords.getUint32(8, true);
      if (this.#seconds > 0) return;
    }
    const nowMs = wallMs();
    this.#seconds = Math.floor(nowMs / 1000);
    this.#nanoseconds = Math.floor((nowMs - this.#seconds * 1000) * 1e6);
  }

  #follow(length: number): void {
    const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return;
    if (segment.parse(frame, ETHERNET_HEADER, length - ETHERNET_HEADER) !== '' || !segment.isTcp) return;
    const { sourcePort, destinationPort, sourceOffset, destinationOffset, family } = segment;
    const atMs = this.#seconds * 1000 + this.#nanoseconds / 1e6;
    this.#noticeFaults(atMs);
    if (destinationPort === this.#port && ipIs(this.#service, frame, destinationOffset, family)) {
      this.#flows.packet(atMs, true, sourcePort, segment);
    } else if (sourcePort === this.#port && ipIs(this.#service, frame, sourceOffset, family)) {
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
