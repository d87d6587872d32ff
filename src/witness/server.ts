/**
 * The embedded witness: answers datagrams with the view, and changes it by the rule of `replica/view.ts` once the disk has the new
 * one. It knows nothing of hosts, roles or time; whoever wants something asks again until it is answered.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Logger } from '../daemon/logger.ts';
import { witnessSeal, witnessServiceId } from '../daemon/witness-seal.ts';
import { FttcpError } from '../errors.ts';
import { changed, type Member, type View, type ViewChange, type WitnessProblem } from '../replica/view.ts';
import { decodeRequest, encodeAnswer, type Seal, serviceOfRequest } from '../replica/witness-protocol.ts';
import type { WitnessConfig } from './config.ts';
import type { Stored, StoreProblem, ViewStore } from './store.ts';

/** Datagrams that are refused are counted, and told at most so often. */
const REFUSED_EVERY_MS = 10_000;

const ADVICE: Readonly<Record<StoreProblem, string>> = {
  'disk-full': 'make room on its disk; until then the view stays as it is, and no failure of a replica is survived',
  'read-only': 'its file system is read-only: look at the kernel log; until then the view stays as it is',
  'cannot-store': 'look at its disk; until then the view stays as it is',
};

interface Service {
  readonly name: string;
  readonly id: Uint8Array;
  readonly seal: Seal;
  problem: WitnessProblem;
  /** An epoch that a replica knows and this witness does not; 0: none. */
  missedEpoch: number;
}

export class WitnessServer {
  readonly #config: WitnessConfig;
  readonly #store: ViewStore;
  readonly #log: Logger;
  readonly #services: ReadonlyMap<string, Service>;
  readonly #socket: Socket = createSocket('udp4');
  #refused = 0;
  #refusedToldAtMs = Number.NEGATIVE_INFINITY;

  constructor(config: WitnessConfig, store: ViewStore, log: Logger) {
    this.#config = config;
    this.#store = store;
    this.#log = log;
    const services = config.services.map(({ service, key }): [string, Service] => {
      const id = witnessServiceId(service);
      return [hex(id), { name: service, id, seal: witnessSeal(key), problem: '', missedEpoch: 0 }];
    });
    this.#services = new Map(services);
  }

  /** Resolves when requests are answered. @throws FttcpError `witness-listen` */
  async listen(): Promise<void> {
    const { host, port } = this.#config.listen;
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', (cause) => {
        const advice = `is ${host} an address of this host, and the port free? (ip addr, ss -ulnp)`;
        reject(
          new FttcpError('witness-listen', `cannot listen on ${host}:${port}: ${cause.message}; ${advice}`, { cause }),
        );
      });
      this.#socket.bind({ address: host, port, exclusive: true }, resolve);
    });
    this.#socket.removeAllListeners('error');
    this.#socket.on('error', (error) => this.#log.warn('receive-failed', { error }));
    this.#socket.on('message', (bytes, from) => this.#take(bytes, from));
    for (const { name } of this.#services.values()) this.#tellStart(name);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #tellStart(service: string): void {
    const view = this.#store.view(service);
    if (view !== undefined) this.#log.info('view', { service, ...view });
    else
      this.#log.warn('no-view', {
        service,
        note: 'right for a new service only: the first replica to start founds a view',
      });
  }

  #take(bytes: Uint8Array, from: RemoteInfo): void {
    const id = serviceOfRequest(bytes);
    const service = id && this.#services.get(hex(id));
    if (service === undefined) {
      this.#refuse(from, id === undefined ? 'no request of this version' : 'a service that is not configured here');
      return;
    }
    const request = decodeRequest(bytes, service.seal);
    if (!request.ok) {
      this.#refuse(from, request.reason === 'seal' ? 'another key' : request.reason, service);
      return;
    }
    const { sequence, from: asker, change } = request.value;
    const problem = change === undefined ? '' : this.#change(service, asker, change);
    const answer = { sequence, view: this.#store.view(service.name), problem };
    this.#socket.send(encodeAnswer(service.id, asker, answer, service.seal), from.port, from.address, (error) => {
      if (error) this.#log.debug('answer-failed', { service: service.name, to: endpointOf(from), error });
    });
  }

  /** @returns '' unless an allowed change could not be stored. */
  #change(service: Service, from: Member, change: ViewChange): WitnessProblem {
    const current = this.#store.view(service.name);
    this.#lookForLoss(service, current, change);
    const next = changed(current, from, change);
    if (next === undefined || next === current) return '';
    const stored = this.#store.put(service.name, next);
    this.#tellStored(service, stored);
    if (!stored.ok) return stored.problem;
    this.#log.info('view', { service: service.name, ...next, refounded: change.refound });
    return '';
  }

  #tellStored(service: Service, stored: Stored): void {
    const before = service.problem;
    service.problem = stored.ok ? '' : stored.problem;
    if (service.problem === before) return;
    if (stored.ok) this.#log.info('can-store-again', { service: service.name });
    else
      this.#log.error('cannot-store', {
        service: service.name,
        problem: stored.problem,
        note: ADVICE[stored.problem],
        error: stored.cause,
      });
  }

  /** Only this witness makes epochs: a replica that knows a later one has it from views that were lost here. */
  #lookForLoss(service: Service, current: View | undefined, { expected }: ViewChange): void {
    if (expected <= (current?.epoch ?? 0) || expected === service.missedEpoch) return;
    service.missedEpoch = expected;
    this.#log.error('view-lost', {
      service: service.name,
      epoch: current?.epoch ?? 0,
      replicaEpoch: expected,
      note: 'the state directory was emptied or an old copy put back: restart all replicas of this service at a quiet moment',
    });
  }

  #refuse(from: RemoteInfo, reason: string, service?: Service): void {
    this.#refused++;
    const nowMs = performance.now();
    if (nowMs - this.#refusedToldAtMs < REFUSED_EVERY_MS) return;
    const named = service === undefined ? {} : { service: service.name };
    this.#log.warn('refused', { ...named, reason, from: endpointOf(from), datagrams: this.#refused });
    this.#refusedToldAtMs = nowMs;
    this.#refused = 0;
  }
}

function endpointOf({ address, port }: RemoteInfo): string {
  return `${address}:${port}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
