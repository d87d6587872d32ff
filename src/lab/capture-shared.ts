/** What the capturing thread and its owner share. */
import type { FlowReport } from './flow.ts';
import type { VoicePort } from './voice-tap.ts';
import type { Run } from './voices.ts';

export interface CaptureTap {
  host: string;
  networkNamespace: string;
  interfaces: readonly string[];
}

/** Where to listen to who speaks for the service: the switch. */
export interface VoiceOrder {
  networkNamespace: string;
  ports: readonly VoicePort[];
  serviceMac: Uint8Array;
}

export interface CaptureOrder {
  board: SharedArrayBuffer;
  /** The first one is the client, whose connections are followed. */
  taps: readonly CaptureTap[];
  voices: VoiceOrder;
  clientAddress: string;
  serviceAddress: string;
  port: number;
  pcapDirectory: string | undefined;
}

export interface CaptureMark {
  atMs: number;
  label: string;
}

export interface CaptureReport {
  flows: FlowReport[];
  packets: number;
  /** Lost because the capture did not keep up: with any, the flows or runs may be wrong. */
  dropped: number;
  /** Who spoke for the service. */
  runs: Run[];
}

const FAULTS_MAX = 1024;
const STATE = 0;
const FAULTS = 1;
const OPEN_FLOWS = 2;
const WORDS = 4;

/**
 * Shared memory, so that a fault's time is known to the thread before it looks at a packet that came after it: the time
 * is written before the fault is done, and any packet that the fault influenced is read later.
 */
export class CaptureBoard {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #faults: Float64Array;

  constructor(memory = new SharedArrayBuffer(WORDS * 4 + FAULTS_MAX * 8)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, WORDS);
    this.#faults = new Float64Array(memory, WORDS * 4, FAULTS_MAX);
  }

  get running(): boolean {
    return Atomics.load(this.#words, STATE) === 1;
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, STATE) === 2;
  }

  start(): void {
    Atomics.compareExchange(this.#words, STATE, 0, 1);
  }

  stop(): void {
    Atomics.store(this.#words, STATE, 2);
  }

  get openFlows(): number {
    return Atomics.load(this.#words, OPEN_FLOWS);
  }

  set openFlows(count: number) {
    Atomics.store(this.#words, OPEN_FLOWS, count);
  }

  get faultCount(): number {
    return Atomics.load(this.#words, FAULTS);
  }

  faultAt(index: number): number {
    return this.#faults[index] ?? Number.POSITIVE_INFINITY;
  }

  addFault(atMs: number): void {
    const count = this.faultCount;
    if (count >= FAULTS_MAX) return;
    this.#faults[count] = atMs;
    Atomics.store(this.#words, FAULTS, count + 1);
  }
}
