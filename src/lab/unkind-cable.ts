/**
 * An unkind cable between the client and the switch: a thread that carries the frames from one veth to another, and does to them what
 * unkindness.ts says. It is no part of the kernel, because netem is not in every one.
 */
import { Worker } from 'node:worker_threads';
import { FttcpError } from '../errors.ts';
import { READY_TIMEOUT_MS, until } from './clock.ts';
import type { Unkindness } from './unkindness.ts';

/** The ends of the cable in the switch's namespace: towards the switch's port, and towards the client. */
export const CABLE_ENDS = ['cable-switch', 'cable-client'] as const;

export interface CableOrder {
  /** 0 not yet, 1 carries frames, 2 asked to stop. */
  readonly state: SharedArrayBuffer;
  readonly networkNamespace: string;
  readonly unkindness: Unkindness;
}

export class UnkindCable {
  readonly #worker: Worker;
  readonly #state: Int32Array;
  readonly #exited: Promise<unknown>;

  private constructor(worker: Worker, state: Int32Array) {
    this.#worker = worker;
    this.#state = state;
    this.#exited = new Promise((resolve) => worker.once('exit', resolve));
  }

  /** @param networkNamespace of the switch. Resolves once frames pass. @throws FttcpError `lab-cable` */
  static async start(networkNamespace: string, unkindness: Unkindness): Promise<UnkindCable> {
    const state = new SharedArrayBuffer(4);
    const order: CableOrder = { state, networkNamespace, unkindness };
    const worker = new Worker(new URL('./unkind-cable-worker.js', import.meta.url), {
      workerData: order,
      execArgv: [],
    });
    let failure: unknown;
    worker.once('error', (error) => {
      failure = error;
    });
    const words = new Int32Array(state);
    const cable = new UnkindCable(worker, words);
    await until(() => Atomics.load(words, 0) === 1 || failure !== undefined, {
      timeoutMs: READY_TIMEOUT_MS,
      everyMs: 1,
    });
    if (Atomics.load(words, 0) === 1) return cable;
    await worker.terminate();
    throw new FttcpError('lab-cable', `The lab has no unkind cable: ${String(failure ?? 'no answer')}`, {
      cause: failure,
    });
  }

  async stop(): Promise<void> {
    Atomics.store(this.#state, 0, 2);
    await this.#exited;
    await this.#worker.terminate();
  }
}
