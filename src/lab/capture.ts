/**
 * Capture at the client, at the switch (and, for `--pcap`, at every host): starts the worker thread that listens, tells it of faults and
 * takes its reports. The thread never sleeps behind the main one, so its packets are read and judged in time.
 *
 * What the two share is capture-shared.ts; the thread itself is capture-worker.ts.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { serviceMac } from '../daemon/service-identity.ts';
import { FttcpError } from '../errors.ts';
import { CaptureBoard, type CaptureOrder, type CaptureReport, type CaptureTap } from './capture-shared.ts';
import { READY_TIMEOUT_MS, until } from './clock.ts';
import { type Hosts, lanPort, SERVICE_NAME } from './hosts.ts';

export interface CaptureOptions {
  hosts: Hosts;
  port: number;
  /** Write a capture file per host into this folder. */
  pcapDirectory?: string | undefined;
}

export class Capture {
  readonly #worker: Worker;
  readonly #board: CaptureBoard;
  readonly #report: Promise<CaptureReport>;

  private constructor(worker: Worker, board: CaptureBoard) {
    this.#worker = worker;
    this.#board = board;
    this.#report = once(worker, 'message').then(([report]) => report as CaptureReport);
    this.#report.catch(() => {}); // whoever awaits it will see
  }

  /** Resolves once packets are being captured. @throws FttcpError `lab-capture` */
  static async start({ hosts, port, pcapDirectory }: CaptureOptions): Promise<Capture> {
    const tap = (host: { name: string; networkNamespace: string }, names: string[]): CaptureTap => ({
      host: host.name,
      networkNamespace: host.networkNamespace,
      interfaces: names,
    });
    const replicaInterfaces = hosts.replicas.length > 1 ? ['lan0', 'link0'] : ['lan0'];
    const others = pcapDirectory === undefined ? [] : hosts.replicas.map((host) => tap(host, replicaInterfaces));
    const board = new CaptureBoard();
    const order: CaptureOrder = {
      board: board.memory,
      taps: [tap(hosts.client, ['lan0']), ...others],
      voices: {
        networkNamespace: hosts.lan.networkNamespace,
        ports: hosts.replicas.map((host) => ({ host: host.name, interface: lanPort(host) })),
        serviceMac: serviceMac({ service: SERVICE_NAME, address: { ip: hosts.ends.service } }),
      },
      clientAddress: hosts.ends.client,
      serviceAddress: hosts.ends.service,
      port,
      pcapDirectory,
    };
    const worker = new Worker(new URL('./capture-worker.js', import.meta.url), {
      workerData: order,
      execArgv: [], // the caller's own need not fit a file
    });
    let failure: unknown;
    worker.once('error', (error) => {
      failure = error;
    });
    const capture = new Capture(worker, board);
    await until(() => board.running || failure !== undefined, { timeoutMs: READY_TIMEOUT_MS, everyMs: 1 });
    if (!board.running) {
      await worker.terminate();
      throw new FttcpError('lab-capture', `The lab cannot capture packets: ${String(failure ?? 'no answer')}`, {
        cause: failure,
      });
    }
    return capture;
  }

  /** Call it at the moment of the fault, `atMs` by the wall clock, before doing it. */
  fault(atMs: number, label: string): void {
    this.#board.addFault(atMs);
    this.mark(atMs, label);
  }

  /** A comment in the capture files. */
  mark(atMs: number, label: string): void {
    this.#worker.postMessage({ atMs, label });
  }

  /** Connections that have begun and not ended. */
  get openFlows(): number {
    return this.#board.openFlows;
  }

  async stop(): Promise<CaptureReport> {
    this.#board.stop();
    const report = await this.#report;
    await this.#worker.terminate();
    return report;
  }

  /** Without a report. */
  async abandon(): Promise<void> {
    this.#board.stop();
    await this.#worker.terminate();
  }
}
