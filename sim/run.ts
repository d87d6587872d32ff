/**
 * One seed. A safety phase: clients begin, faults are done at their steps, the network is rough, and the checkers watch. Then a
 * liveness phase: all that can be healed is healed, and every connection whose service lives must come to its end.
 */
import { equal, fail, ok } from 'node:assert/strict';
import { Expectation } from './expectation.ts';
import type { ModelClient } from './model-client.ts';
import { type App, answerOf, digest, echo, fileOf, files, sink, telnet } from './model-server.ts';
import { sameStream } from './packets.ts';
import type { ClientPlan, Fault, Plan, Program } from './plan.ts';
import { request } from './scenarios.ts';
import { CALM, type Onlooker, World } from './world.ts';

const LIVENESS_MS = 60_000;
/** More than any seed needs. */
const MOMENTS_MAX = 200_000;
/** A client that twists repeats itself with another highest bit. */
const TWIST_MASK = 0x7f;

export interface Outcome {
  /** '' where everything was as it must. */
  readonly problem: string;
  readonly error?: Error;
  /** Made by all hosts. */
  readonly steps: number;
  readonly virtualMs: number;
  readonly connections: number;
  readonly takeovers: number;
}

export function simulate(plan: Plan, onlooker?: Onlooker): Outcome {
  const run = new Run(plan, onlooker);
  let error: Error | undefined;
  try {
    run.safety();
    run.liveness();
    run.judge();
  } catch (thrown) {
    error = thrown as Error;
  }
  const { world, connections } = run;
  const takeovers = world.hosts.filter(({ events }) => events.some(({ event }) => event === 'promoted')).length;
  const outcome = { steps: world.allSteps, virtualMs: world.nowMs, connections, takeovers };
  return error === undefined ? { ...outcome, problem: '' } : { ...outcome, problem: error.message, error };
}

class Run {
  readonly world: World;
  readonly #plan: Plan;
  readonly #onlooker: Onlooker | undefined;
  readonly #expectation: Expectation;
  /** By their place in the plan. */
  readonly #clients: (ModelClient | undefined)[];
  readonly #faults: Fault[];
  #moments = 0;
  /** What ends the faults that are not for good. */
  readonly #remedies: { readonly atMs: number; readonly name: string; readonly apply: () => void }[] = [];

  constructor(plan: Plan, onlooker: Onlooker | undefined) {
    this.#plan = plan;
    this.#onlooker = onlooker;
    this.#expectation = new Expectation(plan);
    this.#clients = plan.clients.map(() => undefined);
    this.#faults = [...plan.faults];
    const { seed, witnessed, ipv6, lan, tunLoss, linkMs, timeoutMs, tcp, recovery, cold, lagMs } = plan;
    const [first, second] = plan.servers;
    this.world = new World({
      ...{ seed, witnessed, ipv6, lan, tunLoss, linkMs, timeoutMs, tcp, recovery, lagMs },
      servers: [
        { ...first, app: programOf(plan.program, 0) },
        { ...second, app: programOf(plan.program, 1) },
      ],
      ...(cold === undefined ? {} : { cold }),
      atStep: () => this.#atStep(),
      ...(onlooker ? { onlooker } : {}),
    });
  }

  get connections(): number {
    return this.#clients.filter((client) => client !== undefined).length;
  }

  safety(): void {
    const { world } = this;
    world.witness.loss = this.#plan.witnessLoss;
    world.pair();
    while (world.allSteps < this.#plan.steps && world.hosts.some(({ alive }) => alive)) {
      this.#beginClients();
      this.#advance();
    }
  }

  liveness(): void {
    const { world } = this;
    this.#onlooker?.event(world, 'all that can be healed is healed');
    this.#faults.length = 0;
    for (const { apply } of this.#remedies.splice(0)) apply();
    world.lan = CALM;
    world.tunLoss = 0;
    world.lagMs = 0;
    world.witness.loss = 0;
    const deadline = world.nowMs + LIVENESS_MS;
    for (;;) {
      if (world.hosts.every(({ alive }) => !alive)) return;
      this.#beginClients();
      if (this.#clients.every((client, i) => this.#isOver(client, i))) return;
      if (world.nowMs > deadline) fail(`a connection does not come to its end: ${world.situation()}`);
      this.#advance();
    }
  }

  /** What clients and servers have seen in the end. */
  judge(): void {
    const { world } = this;
    for (const client of this.#clients) if (client !== undefined) this.#judgeClient(client);
    for (const { name, events, server, alive } of world.hosts) {
      const refused = events.find(({ event }) => event === 'log-refused');
      ok(refused === undefined, `${name} refuses the log: ${JSON.stringify(refused)}`);
      for (const tcp of server.connections) this.#judgeServed(name, tcp);
      if (!alive || this.#plan.program === 'differing') continue;
      const diverged = events.find(({ event }) => event === 'diverged');
      ok(diverged === undefined, `the servers answer alike, and yet ${name} says: ${JSON.stringify(diverged)}`);
    }
  }

  #judgeClient(client: ModelClient): void {
    const { name, script } = client.options;
    const { tcp } = client;
    if (this.#plan.program === 'differing') {
      const answers = [0, 1].map((index) => script.sends.map((byte) => differing(byte, index)));
      const right = answers.some((answer) => tcp.received.every((byte, i) => byte === answer[i]));
      ok(right, `rule 4: ${name} is answered by both servers in one connection`);
    } else {
      client.check(tcp.state === 'reset' && this.#expectation.mayBeReset(client, this.world));
    }
    if (this.#isReset(client) || this.#expectation.mayBeLost(client)) {
      ok(this.#expectation.mayBeReset(client, this.world), `${name} was reset`);
      return;
    }
    equal(tcp.received.length, script.expects.length, `${name} has it all`);
  }

  /** A server is told the client's bytes, once and in order. */
  #judgeServed(host: string, { received, irs, peerPort }: ModelClient['tcp']): void {
    const client = this.#clients.find((one) => one?.tcp.iss === irs && one.options.port === peerPort);
    if (client === undefined) return;
    const mask = client.options.script.mask ?? 0xff;
    const told = Uint8Array.from(received, (byte) => byte & mask);
    const said = Uint8Array.from(client.tcp.written.slice(0, told.length), (byte) => byte & mask);
    sameStream(told, said, `what the server of ${host} is told by ${client.options.name}`);
  }

  #isOver(client: ModelClient | undefined, index: number): boolean {
    if (client !== undefined) {
      return client.isContent || this.#isReset(client) || this.#expectation.mayBeLost(client);
    }
    if (this.#expectation.serviceIsLost) return true;
    // A client that waits for another's port and can not get it never begins.
    const { after } = this.#plan.clients[index] ?? {};
    if (after === undefined) return false;
    const before = this.#clients[after];
    return !before?.isContent && this.#isOver(before, after);
  }

  /** It may have missed that, as on any network: then it waits for ever where nothing of its own is on its way. */
  #isReset({ tcp, key, isContent }: ModelClient): boolean {
    if (tcp.state === 'reset') return true;
    return !isContent && this.world.continuity.wasReset(key) && tcp.sndUna === tcp.sndMax;
  }

  #advance(): void {
    const { world } = this;
    if (++this.#moments > MOMENTS_MAX) fail(`nothing comes to an end: ${world.situation()}`);
    world.advance(Math.min(...this.#remedies.map(({ atMs }) => atMs)));
    for (const remedy of this.#remedies.filter(({ atMs }) => atMs <= world.nowMs)) {
      this.#remedies.splice(this.#remedies.indexOf(remedy), 1);
      this.#onlooker?.event(world, `${remedy.name} is over`);
      remedy.apply();
    }
    this.#look();
  }

  #look(): void {
    const open = this.#clients.filter((client): client is ModelClient => client !== undefined && !client.isContent);
    this.#expectation.look(this.world, open);
  }

  #beginClients(): void {
    for (const [index, plan] of this.#plan.clients.entries()) {
      if (this.#clients[index] !== undefined || this.world.allSteps < plan.step) continue;
      const before = plan.after === undefined ? undefined : this.#clients[plan.after];
      if (plan.after !== undefined && !before?.isContent) continue;
      this.#clients[index] = this.#begin(plan, before);
    }
  }

  #begin({ transfer, bytes, iss, tcp, twists }: ClientPlan, before: ModelClient | undefined): ModelClient {
    const { world } = this;
    const changes = { ...tcp, iss, ...(before ? { port: before.options.port } : {}) };
    const mask = twists ? TWIST_MASK : 0xff;
    const sends = world.random.bytes(bytes);
    const repeats = { ...(twists ? { mask } : {}) };
    switch (transfer) {
      case 'upload':
        return world.addClient({ sends, expects: digest(sends), closesFirst: true }, changes);
      case 'download':
      case 'half-closed': {
        const closesFirst = transfer === 'half-closed';
        return world.addClient({ sends: request(bytes), expects: fileOf(bytes), closesFirst }, changes);
      }
      case 'commands': {
        const stepBytes = Math.max(1, bytes >> 3);
        const expects = answerOf(sends, stepBytes);
        return world.addClient({ sends, expects, closesFirst: true, stepBytes, urgent: true }, changes);
      }
      case 'echo':
      case 'requests': {
        const stepBytes = transfer === 'requests' ? Math.max(1, bytes >> 3) : 0;
        return world.addClient({ sends, expects: sends, closesFirst: true, stepBytes, ...repeats }, changes);
      }
    }
  }

  #atStep(): void {
    for (let fault = this.#faults[0]; fault && fault.step <= this.world.allSteps; fault = this.#faults[0]) {
      this.#faults.shift();
      this.#inflict(fault);
    }
  }

  #inflict({ name, index, forMs }: Fault): void {
    const { world } = this;
    const { witness } = world;
    const host = world.hosts[index] ?? world.hosts[0];
    const until = (apply: () => void) => {
      if (forMs < Number.POSITIVE_INFINITY) this.#remedies.push({ atMs: world.nowMs + forMs, name, apply });
    };
    if (name === 'power-off' && !host.alive) return;
    this.#expectation.done(name);
    const long = forMs < Number.POSITIVE_INFINITY ? ` for ${forMs.toFixed(1)} ms` : '';
    this.#onlooker?.event(world, `${name} ${index}${long}`);
    switch (name) {
      case 'power-off':
        world.crash(host);
        this.#look();
        until(() => world.powerOn(index));
        break;
      case 'pause':
      case 'stall':
        // When it wakes it hears clients who may speak of what its successor has said.
        host.server.checksEchoes = false;
        world[name](host, forMs);
        break;
      case 'cut-lan':
        world.lanDown.add(index);
        until(() => world.lanDown.delete(index));
        break;
      case 'dead-lan':
        world.lanDead.add(index);
        witness.unreachable.add(index);
        until(() => {
          world.lanDead.delete(index);
          witness.unreachable.delete(index);
        });
        break;
      case 'cut-link':
        world.cutLink();
        break;
      case 'block-link':
        host.link.blocked = true;
        until(() => {
          host.link.blocked = world.partitioned;
        });
        break;
      case 'partition':
        world.partitioned = true;
        // Both go on hearing the clients, who may speak of what the other one's server has said.
        for (const { server } of world.hosts) server.checksEchoes = false;
        until(() => {
          world.partitioned = false;
        });
        break;
      case 'witness-down':
        witness.up = false;
        until(() => {
          witness.up = true;
        });
        break;
      case 'witness-full':
        witness.full = true;
        until(() => {
          witness.full = false;
        });
        break;
      case 'witness-unreachable':
        witness.unreachable.add(index);
        until(() => witness.unreachable.delete(index));
        break;
      case 'server-stops':
        host.server.reads = false;
        until(() => {
          host.server.reads = true;
        });
        break;
      case 'client-stops':
        this.#stopClient(index, until);
        break;
    }
  }

  #stopClient(index: number, until: (apply: () => void) => void): void {
    const client = this.#clients[index % this.#clients.length];
    if (client === undefined) return;
    client.reads = false;
    until(() => {
      client.reads = true;
      this.world.turnClient(client);
    });
  }
}

function programOf(program: Program, index: number): App {
  switch (program) {
    case 'sink':
      return sink;
    case 'files':
      return files;
    case 'telnet':
      return telnet;
    case 'echo':
      return echo;
    case 'differing':
      return (tcp, most, nowMs) => {
        const data = tcp.read(most, nowMs);
        tcp.write(
          data.map((byte) => differing(byte, index)),
          nowMs,
        );
        if (tcp.peerFinished && tcp.unread === 0) tcp.close(nowMs);
      };
  }
}

/** A server whose answer depends on its host. */
function differing(byte: number, index: number): number {
  return byte ^ (index << 6);
}
