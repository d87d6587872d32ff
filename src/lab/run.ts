/**
 * One run of the lab: hosts, the service, the client, the faults at their times, and what came of it. This is
 * `fttcp lab run`, for commands and tests alike. Whatever happens, nothing is left behind.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import path from 'node:path';
import { FttcpError } from '../errors.ts';
import { raisePriority } from './cables.ts';
import { Capture } from './capture.ts';
import { Client } from './client.ts';
import { until, wallMs } from './clock.ts';
import type { DaemonLog } from './daemon-log.ts';
import { falsePromotions, isBeforeFaults } from './false-promotions.ts';
import { type Fault, inject, parseFault } from './faults.ts';
import type { FlowReport } from './flow.ts';
import { createHosts, type Hosts, type LanKind, REPLICAS_MAX, replicaName } from './hosts.ts';
import { type PlotEvent, plotSequence } from './plot.ts';
import {
  connectionsOf,
  type DaemonEvent,
  divergencesOf,
  type FaultResult,
  failoversOf,
  type LabResult,
  officesOf,
  size,
} from './result.ts';
import { makeScratchDirectory } from './scratch.ts';
import { type RunningReplica, Service, type ServiceSettings } from './service.ts';
import { parseUnkindness, type Unkindness } from './unkindness.ts';
import { judgeVoices } from './voices.ts';

export interface LabOptions extends ServiceSettings {
  /** Shell commands. */
  server: string;
  client: string;
  port: number;
  state?: string | undefined;
  /** Each `TIME:ACTION:HOST`, see faults.ts. */
  at?: readonly string[] | undefined;
  rate?: string | undefined;
  linkRate?: string | undefined;
  /** What the client's cable does to frames, for example `loss=1%,delay=5ms`: unkindness.ts. */
  cable?: string | undefined;
  direct?: boolean | undefined;
  /** The replication link is encrypted; at level recorded it always is. */
  encrypted?: boolean | undefined;
  replicas?: number | undefined;
  /** Who decides who is the primary; `embedded` by default, and none with --direct. */
  witness?: WitnessKind | undefined;
  config?: string | undefined;
  /** Client and service have IPv6 addresses. */
  ipv6?: boolean | undefined;
  /** Of the LAN: 1500 if it is left out. */
  mtu?: number | undefined;
  /** Default: a hub where a backup snoops, otherwise a switch. */
  lan?: LanKind | undefined;
  /** For example `5ms`. */
  detectTimeout?: string | undefined;
  /** Folder for capture files, logs and the sequence plot. */
  pcap?: string | undefined;
  /** File for the sequence plot (SVG) of the connection that carried most. */
  plot?: string | undefined;
  /** False spares the processor time of listening to packets; nothing is known of connections and voices then. Default true. */
  capture?: boolean | undefined;
  /** Called just before the client starts and once it has ended, while the replicas that are left still run. */
  examine?:
    | ((when: 'before' | 'after', replicas: readonly RunningReplica[], hosts: Hosts) => Promise<void>)
    | undefined;
  /** Called at the end with what the result was drawn from. */
  inspect?: ((trace: LabTrace) => void) | undefined;
  /** Of the client's run. */
  timeoutMs?: number | undefined;
  /** The caller's, for server and client. */
  environment: NodeJS.ProcessEnv;
  /** Progress for people, a line at a time. */
  progress?: ((line: string) => void) | undefined;
  /** The same for programs that show the run in a way of their own. */
  observe?: ((event: LabEvent) => void) | undefined;
  /** Tears everything down. */
  signal?: AbortSignal | undefined;
}

/** What was seen of a run. All times are wall clock. */
export interface LabTrace {
  /** Of the client's start. */
  readonly startMs: number;
  readonly faults: readonly { readonly action: string; readonly host: string; readonly wallMs: number }[];
  /** Of the daemons, up to the end of the run. */
  readonly events: readonly DaemonEvent[];
  readonly flows: readonly FlowReport[];
}

/** What happens while the client runs. */
export type LabEvent =
  | { kind: 'client-output'; bytes: Buffer }
  /** `atMs` counts from the client's start. */
  | { kind: 'fault'; fault: FaultResult }
  /** A daemon's log, read some milliseconds after it was written; times count from the latest fault before it. */
  | { kind: 'daemon'; host: string; event: string; epoch: number; afterMs: number | undefined };

export const WITNESS_KINDS = ['embedded', 'none'] as const;
export type WitnessKind = (typeof WITNESS_KINDS)[number];

const TIMEOUT_MS = 120_000;
/** The client's kernel may still be closing connections when the client has ended. */
const CLOSING_MS = 1500;
const LOG_POLL_MS = 20;
const WORTH_TELLING = new Set(['suspected', 'promoted', 'recovered', 'solo', 'removed']);

/** @throws FttcpError `usage`, `interrupted`, or `lab-…` when the run could not be made */
export async function runLab(options: LabOptions): Promise<LabResult> {
  const run = new Run(options);
  try {
    return await run.go();
  } finally {
    await run.tearDown();
  }
}

/** Of a veth. */
const MTU_MAX = 65_535;

/** The checks that need no hosts. @throws FttcpError `usage` */
function plannedFaults(options: LabOptions, replicas: number): Fault[] {
  if (!Number.isInteger(options.port) || options.port < 1 || options.port > 65_535) {
    throw new FttcpError('usage', 'The port is a number from 1 to 65535: the one that the server listens on.');
  }
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > REPLICAS_MAX) {
    throw new FttcpError('usage', `The lab has from 1 to ${REPLICAS_MAX} replicas.`);
  }
  const { mtu = MTU_MAX, ipv6 } = options;
  const least = ipv6 ? 1280 : 576;
  if (!Number.isInteger(mtu) || mtu < least || mtu > MTU_MAX) {
    throw new FttcpError('usage', `The LAN's MTU is a number from ${least} to ${MTU_MAX}.`);
  }
  const names = Array.from({ length: replicas }, (_, index) => replicaName(index));
  return (options.at ?? [])
    .map((text) => parseFault(text, names, witnessOf(options) === 'embedded'))
    .sort((one, other) => one.atMs - other.atMs);
}

function witnessOf({ witness = 'embedded', direct, replicas = 2 }: LabOptions): WitnessKind {
  return direct || replicas < 2 ? 'none' : witness;
}

class Run {
  readonly #options: LabOptions;
  readonly #replicas: number;
  readonly #planned: Fault[];
  readonly #unkindness: Unkindness | undefined;
  readonly #injected: (FaultResult & { wallMs: number })[] = [];
  readonly #events: DaemonEvent[] = [];
  readonly #onAbort = () => void this.#hosts?.close();
  #restorePriority = () => {};
  #scratch: string | undefined;
  #hosts: Hosts | undefined;
  #capture: Capture | undefined;
  #logTimer: NodeJS.Timeout | undefined;

  constructor(options: LabOptions) {
    this.#options = options;
    this.#replicas = options.direct ? 1 : (options.replicas ?? 2);
    this.#planned = plannedFaults(options, this.#replicas);
    this.#unkindness = options.cable === undefined ? undefined : parseUnkindness(options.cable);
  }

  async go(): Promise<LabResult> {
    const { port, server, client: command, environment, signal, pcap } = this.#options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#checkAborted();
    const scratch = makeScratchDirectory();
    this.#scratch = scratch;
    if (pcap !== undefined) mkdirSync(pcap, { recursive: true });

    const hosts = await createHosts({
      ...this.#options,
      lan: this.#options.lan ?? (['reactive', 'permanent'].includes(this.#options.snoop ?? '') ? 'hub' : 'switch'),
      replicas: this.#replicas,
      direct: this.#options.direct ?? false,
      witness: witnessOf(this.#options) === 'embedded',
      unkindness: this.#unkindness,
    });
    this.#hosts = hosts;
    this.#checkAborted();
    const others = hosts.all.filter((host) => host !== hosts.client && host !== hosts.lan);
    this.#tell(`hosts up: client and ${others.map((host) => host.name).join(', ')}`);
    const { state, config, detectTimeout, mtu, direct = false } = this.#options;
    const service = await Service.start(hosts, {
      server,
      port,
      state,
      config,
      detectTimeout,
      settings: this.#options,
      encrypted: this.#options.encrypted ?? this.#options.level === 'recorded',
      mtu,
      direct,
      environment,
      scratch,
      signal,
    });
    await service.listening();
    this.#checkAborted();
    this.#tell(`${direct ? 'server listens' : 'servers listen'} on port ${port}`);
    await service.level();
    this.#checkAborted();
    if (!direct) this.#tell(['backup level', await service.slowDetection()].filter(Boolean).join('; '));
    const capture =
      this.#options.capture === false ? undefined : await Capture.start({ hosts, port, pcapDirectory: pcap });
    this.#capture = capture;
    this.#followLogs(service.logs);
    await this.#options.examine?.('before', service.running, hosts);

    const client = new Client(hosts.client, command, {
      address: hosts.ends.service,
      port,
      environment,
      timeoutMs: this.#options.timeoutMs ?? TIMEOUT_MS,
      cueFile: path.join(scratch, 'cue'),
      onOutput: (bytes) => this.#options.observe?.({ kind: 'client-output', bytes }),
    });
    this.#tell('client started');
    // Of this thread alone; what it starts from here on are tools.
    const priority = getPriority();
    this.#restorePriority = () => setPriority(0, priority);
    raisePriority(0);
    const faults = this.#injectAll(client, service, hosts, capture);
    const clientResult = await client.finished;
    await faults;
    this.#checkAborted();
    if (client.timedOut) this.#tell('the client ran out of time and was killed');
    this.#readLogs(service.logs);
    await this.#options.examine?.('after', service.running, hosts);
    await until(() => capture === undefined || capture.openFlows === 0, { timeoutMs: CLOSING_MS, signal });

    const report = (await capture?.stop()) ?? { flows: [], runs: [], dropped: 0 };
    if (report.dropped > 0) this.#tell(`${report.dropped} packets were lost by the capture: its numbers may be wrong`);
    this.#readLogs(service.logs);
    const faultsAtMs = this.#injected.map((fault) => fault.wallMs);
    const connections = connectionsOf(report.flows, this.#events, clientResult.exitCode, client.startMs);
    const voices = judgeVoices(report.runs, officesOf(this.#events), client.startMs);
    const unfounded = falsePromotions(this.#events, this.#injected);
    const divergences = divergencesOf(this.#events);
    const result: LabResult = {
      ok:
        clientResult.exitCode === 0 &&
        connections.every((one) => one.survived) &&
        !unfounded.some((promotion) => isBeforeFaults(promotion, this.#injected)) &&
        voices.violations === 0 &&
        divergences === 0,
      client: clientResult,
      faults: this.#injected.map(({ atMs, action, host }) => ({ atMs, action, host })),
      failovers: failoversOf(this.#events, faultsAtMs),
      connections,
      voices,
      falsePromotions: unfounded.length,
      divergences,
    };
    this.#keep(service, report.flows, client.startMs);
    const { startMs } = client;
    this.#options.inspect?.({ startMs, faults: this.#injected, events: this.#events, flows: report.flows });
    return result;
  }

  async tearDown(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    clearInterval(this.#logTimer);
    this.#restorePriority();
    await this.#capture?.abandon();
    await this.#hosts?.close();
    if (this.#scratch !== undefined) rmSync(this.#scratch, { recursive: true, force: true, maxRetries: 3 });
  }

  #tell(line: string): void {
    this.#options.progress?.(line);
  }

  #checkAborted(): void {
    if (this.#options.signal?.aborted)
      throw new FttcpError('interrupted', 'The lab was interrupted; nothing is left of it.');
  }

  async #injectAll(client: Client, service: Service, hosts: Hosts, capture: Capture | undefined): Promise<void> {
    const planned = (from: Fault['from']) => this.#planned.filter((fault) => fault.from === from);
    /** One after the other, each when its time has come, for as long as the client runs. */
    const injectEach = async (faults: readonly Fault[], sinceMs: (count: number) => Promise<number | undefined>) => {
      for (const [index, fault] of faults.entries()) {
        const due = ((await sinceMs(index + 1)) ?? 0) + fault.atMs;
        const waited = new Promise((resolve) => setTimeout(resolve, Math.max(0, due - wallMs())));
        await Promise.race([client.finished, waited]);
        if (client.ended || this.#options.signal?.aborted) {
          this.#tell(`the client ended before ${fault.action} ${fault.host} was due`);
          return;
        }
        await this.#inject(fault, client, service, hosts, capture);
      }
    };
    await Promise.all([
      injectEach(planned('start'), async () => client.startMs),
      injectEach(planned('cue'), (count) => client.cued(count)),
    ]);
  }

  async #inject(
    fault: Fault,
    client: Client,
    service: Service,
    hosts: Hosts,
    capture: Capture | undefined,
  ): Promise<void> {
    const host = hosts.byName(fault.host) ?? (await service.resolve(fault.host));
    if (host === undefined || !host.alive) {
      this.#tell(`${fault.action} ${fault.host} left out: there is no such host at this time`);
      return;
    }
    let atWallMs = wallMs();
    const begin = () => {
      atWallMs = wallMs();
      const atMs = Math.round((atWallMs - client.startMs) * 1000) / 1000;
      const injected = { atMs, action: fault.action, host: host.name };
      this.#injected.push({ ...injected, wallMs: atWallMs });
      capture?.fault(atWallMs, nameOf(injected));
      // Whoever looks on must not delay the fault itself.
      setImmediate(() => this.#options.observe?.({ kind: 'fault', fault: injected }));
    };
    try {
      await inject(fault.action, host, hosts, service.programs(host), begin);
    } catch (error) {
      // Half a lab tells nothing: the run ends, and says why.
      await hosts.close();
      throw error;
    }
    const atSeconds = ((atWallMs - client.startMs) / 1000).toFixed(3);
    this.#tell(`${fault.action} ${host.name} at ${atSeconds} s, done in ${(wallMs() - atWallMs).toFixed(1)} ms`);
  }

  #followLogs(logs: readonly DaemonLog[]): void {
    this.#readLogs(logs);
    this.#logTimer = setInterval(() => this.#readLogs(logs), LOG_POLL_MS);
  }

  #readLogs(logs: readonly DaemonLog[]): void {
    for (const event of logs.flatMap((log) => log.poll())) {
      this.#events.push(event);
      const fault = this.#injected.filter((one) => one.wallMs <= event.atMs).at(-1);
      if (!WORTH_TELLING.has(event.event)) continue;
      const { host, epoch } = event;
      const afterMs = fault === undefined ? undefined : event.atMs - fault.wallMs;
      this.#options.observe?.({ kind: 'daemon', host, event: event.event, epoch, afterMs });
      const after =
        fault === undefined ? 'without any fault' : `${afterMs?.toFixed(1)} ms after ${fault.action} ${fault.host}`;
      this.#tell(`${event.host}: ${event.event}, epoch ${event.epoch}, ${after}`);
    }
  }

  /** What `--pcap` asks for besides captures: the plot, and the logs, which end with the run. */
  #keep(service: Service, flows: readonly FlowReport[], startMs: number): void {
    const { pcap, plot } = this.#options;
    const file = plot ?? (pcap === undefined ? undefined : path.join(pcap, 'sequence.svg'));
    const carried = (flow: FlowReport) => flow.bytesIn + flow.bytesOut;
    const busiest = [...flows].sort((one, other) => carried(other) - carried(one))[0];
    if (file !== undefined && busiest !== undefined) writeFileSync(file, this.#plot(busiest, startMs));
    if (pcap === undefined) return;
    for (const log of service.files) copyFileSync(log, path.join(pcap, path.basename(log)));
    this.#tell(`capture files, logs and sequence.svg are in ${pcap}`);
  }

  #plot(flow: FlowReport, startMs: number): string {
    const up = flow.bytesIn >= flow.bytesOut;
    const kinds = { suspected: 'detected', promoted: 'promoted' } as const;
    const events: PlotEvent[] = this.#injected.map((one) => ({
      atMs: one.wallMs,
      label: nameOf(one),
      kind: 'fault',
    }));
    for (const { event, host, atMs, epoch } of this.#events) {
      if (event === 'suspected') events.push({ atMs, label: `${host} takes it for dead`, kind: kinds.suspected });
      if (event === 'promoted') events.push({ atMs, label: `${host} promoted, epoch ${epoch}`, kind: kinds.promoted });
    }
    const arrow = up ? `${flow.client} → ${flow.service}` : `${flow.service} → ${flow.client}`;
    const through = this.#injected.length === 0 ? '' : ` through ${this.#injected.map(nameOf).join(', ')}`;
    return plotSequence({
      title: `${up ? 'Upload' : 'Download'}${through}, seen at the client`,
      subtitle: `${arrow}, ${size(up ? flow.bytesIn : flow.bytesOut)}; longest stall ${flow.stallMs.toFixed(1)} ms`,
      startMs,
      whole: flow.whole,
      closeUp: flow.closeUp,
      events: events.sort((one, other) => one.atMs - other.atMs),
      direction: up ? 'up' : 'down',
    });
  }
}

const nameOf = ({ action, host }: { action: string; host: string }): string => `${action} of ${host}`;
