/**
 * What a seed decides: the world, its clients and what is done to it at which step. Drawn before anything happens, so that a plan can
 * be read, and the same one can be run with other code.
 */

import type { RecoveryConfig } from '../src/replica/replica.ts';
import type { ColdOptions } from './host.ts';
import type { ServerOptions } from './model-server.ts';
import type { TcpOptions } from './model-tcp.ts';
import { Random } from './random.ts';
import { CALM, type Fate } from './world.ts';

/** What clients do; which program serves them follows from it. */
export type Transfer = 'upload' | 'download' | 'half-closed' | 'echo' | 'requests' | 'commands';
export type Program = 'sink' | 'files' | 'echo' | 'telnet' | 'differing';

export interface ClientPlan {
  /** Step of the world at which it begins, or, with `after`, before which it does not. */
  readonly step: number;
  readonly transfer: Transfer;
  readonly bytes: number;
  readonly iss: number;
  readonly tcp: Partial<TcpOptions>;
  /** Uses the port of this earlier client again, when that has closed. */
  readonly after?: number;
  /** Sends other bytes when it repeats itself. */
  readonly twists: boolean;
}

export type FaultName =
  | 'power-off'
  | 'pause'
  | 'stall'
  | 'cut-lan'
  | 'dead-lan'
  | 'cut-link'
  | 'block-link'
  | 'partition'
  | 'witness-down'
  | 'witness-full'
  | 'witness-unreachable'
  | 'server-stops'
  | 'client-stops';

export interface Fault {
  readonly step: number;
  readonly name: FaultName;
  /** Of the host, or of the client. */
  readonly index: number;
  /** After this it is over; infinite: it is for good, or ends at once. */
  readonly forMs: number;
}

export interface Plan {
  readonly seed: number;
  /** How long the safety phase is. */
  readonly steps: number;
  readonly witnessed: boolean;
  readonly ipv6: boolean;
  readonly program: Program;
  readonly lan: Fate;
  readonly tunLoss: number;
  readonly linkMs: number;
  readonly timeoutMs: number;
  readonly witnessLoss: number;
  readonly tcp: Partial<TcpOptions>;
  readonly servers: readonly [Partial<ServerOptions>, Partial<ServerOptions>];
  readonly clients: readonly ClientPlan[];
  readonly faults: readonly Fault[];
  readonly recovery: RecoveryConfig;
  readonly cold: ColdOptions | undefined;
  readonly lagMs: number;
}

export const STEPS = 1_000;
const CLIENTS_MAX = 4;

const TRANSFERS: Readonly<Record<Program, readonly [Transfer, ...Transfer[]]>> = {
  sink: ['upload'],
  files: ['download', 'half-closed'],
  echo: ['echo', 'requests'],
  telnet: ['commands'],
  differing: ['requests'],
};

/** Without a witness hosts are assumed only to crash; their link may break. */
const UNWITNESSED: readonly [FaultName, ...FaultName[]] = [
  'power-off',
  'power-off',
  'power-off',
  'cut-link',
  'server-stops',
  'client-stops',
];
const WITNESSED: readonly [FaultName, ...FaultName[]] = [
  'power-off',
  'power-off',
  'power-off',
  'power-off',
  'pause',
  'pause',
  'pause',
  'stall',
  'cut-lan',
  'dead-lan',
  'cut-link',
  'block-link',
  'partition',
  'partition',
  'witness-down',
  'witness-full',
  'witness-unreachable',
  'server-stops',
  'client-stops',
];

export function planOf(seed: number, steps = STEPS): Plan {
  // Neighbouring seeds of the world itself are drawn from, too: this one is apart.
  const random = new Random(Math.imul(seed + 1, 0x9e3779b1));
  const witnessed = random.chance(0.7);
  const program = random.pick<Program>(['sink', 'files', 'echo', 'echo', 'telnet', 'differing']);
  return {
    seed,
    steps,
    witnessed,
    ipv6: random.chance(0.3),
    program,
    ...network(random),
    timeoutMs: random.pick([5, 5, 10, 25]),
    witnessLoss: random.chance(0.3) ? 0.3 * random.next() : 0,
    tcp: {
      mss: random.pick([536, 1220, 1460]),
      windowScale: random.pick([-1, 0, 3, 7]),
      sackPermitted: random.chance(0.7),
      ecn: random.chance(0.5),
      timestamps: random.chance(0.7),
      bufferBytes: random.pick([4_000, 8_000, 20_000, 65_536]),
    },
    servers: [serverOf(random), serverOf(random)],
    clients: clientsOf(random, program, steps),
    faults: faultsOf(random, witnessed, steps),
    recovery: recoveryOf(random),
    cold: coldOf(random),
    lagMs: random.chance(0.15) ? 1_000 : 0,
  };
}

function network(random: Random): Pick<Plan, 'lan' | 'tunLoss' | 'linkMs'> {
  const share = (most: number) => (random.chance(0.6) ? most * random.next() : 0);
  const rough = random.chance(0.6);
  const lan = {
    loss: share(0.1),
    duplicate: share(0.1),
    late: share(0.3),
    lateMs: random.pick([0.5, 5, 40]),
    damage: share(0.05),
  };
  return { lan: rough ? lan : CALM, tunLoss: rough ? share(0.05) : 0, linkMs: random.pick([0.05, 0.3, 2]) };
}

function serverOf(random: Random): Partial<ServerOptions> {
  const first = isn(random);
  let opened = 0;
  return {
    bufferBytes: random.pick([4_000, 20_000, 65_536]),
    ...shortOfMemory(random),
    windowScale: random.pick([-1, 0, 3, 7]),
    bulkSegments: random.pick([1, 2, 3, 8]),
    flightSegments: random.pick([2, 10, 30]),
    readBytes: random.pick([300, 8_000]),
    // Near the first, beyond the wrap too: later connections' numbers are higher, as kernels choose them.
    nextIss: () => (first + 64_000 * opened++) % 2 ** 32,
  };
}

function shortOfMemory(random: Random): Partial<TcpOptions> {
  return random.chance(0.15) ? { memoryBytes: 3_000 } : {};
}

/** Any, or one from which a short transfer wraps. RFC 9293 §3.4 */
function isn(random: Random): number {
  return random.chance(0.5) ? 2 ** 32 - random.between(1, 20_000) : random.between(0, 2 ** 32 - 1);
}

function clientsOf(random: Random, program: Program, steps: number): ClientPlan[] {
  const clients: ClientPlan[] = [];
  const count = random.pick([1, 1, 2, CLIENTS_MAX]);
  for (let i = 0; i < count; i++) {
    const transfer = random.pick(TRANSFERS[program]);
    const isTalk = transfer === 'requests' || transfer === 'commands';
    const bytes = isTalk ? random.between(100, 2_000) : random.pick([1, 700, 6_000, 15_000, 30_000]);
    const after = i > 0 && random.chance(0.3) ? random.between(0, i - 1) : undefined;
    clients.push({
      step: i === 0 || random.chance(0.3) ? 0 : random.between(0, steps >> 1),
      transfer,
      bytes,
      iss: after === undefined ? isn(random) : ((clients[after]?.iss ?? 0) + 100_000) % 2 ** 32,
      tcp: {
        bufferBytes: random.pick([2_000, 8_000, 65_536]),
        ...shortOfMemory(random),
        windowScale: random.pick([-1, 0, 7]),
      },
      ...(after !== undefined && clients.every((client) => client.after !== after) ? { after } : {}),
      twists: program === 'echo' && random.chance(0.2),
    });
  }
  return clients;
}

function coldOf(random: Random): ColdOptions | undefined {
  const serverStartsMs = random.pick([0, 40, 600]);
  const replayClosed = random.chance(0.5);
  return random.chance(0.35) ? { serverStartsMs, replayClosed } : undefined;
}

function recoveryOf(random: Random): RecoveryConfig {
  return {
    snoop: random.pick(['never', 'reactive', 'permanent']),
    takeover: random.chance(0.7) ? 'first' : 'after-recovery',
    recoveryDelayMs: random.chance(0.6) ? 0 : random.pick([5, 60, 700]),
  };
}

function faultsOf(random: Random, witnessed: boolean, steps: number): Fault[] {
  const count = random.pick([0, 1, 1, 1, 2, 2, 3, 5]);
  const faults = Array.from({ length: count }, (): Fault => {
    const name = random.pick(witnessed ? WITNESSED : UNWITNESSED);
    return { step: stepOf(random, steps), name, index: indexOf(random, name), forMs: durationOf(random, name) };
  });
  return faults.sort((one, other) => one.step - other.step);
}

/** Most happens early; and what is done to a host hits hardest while another fault has its effects. */
function stepOf(random: Random, steps: number): number {
  return random.between(1, random.chance(0.7) ? Math.max(1, steps >> 2) : steps);
}

function indexOf(random: Random, name: FaultName): number {
  if (name === 'client-stops') return random.between(0, CLIENTS_MAX - 1);
  return random.chance(0.65) ? 0 : 1;
}

function durationOf(random: Random, name: FaultName): number {
  if (name === 'power-off') return random.chance(0.7) ? Number.POSITIVE_INFINITY : random.between(1, 800);
  if (name === 'cut-link') return Number.POSITIVE_INFINITY;
  return random.pick([3, 8, 20, 60, 300]) * (0.5 + random.next());
}
