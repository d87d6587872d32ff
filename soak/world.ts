/** What has been done to the hosts so far, as far as it matters for who can hear whom. Pure. Read expectation.ts first. */

/** Done to a host of the lab, see docs/cli.md; what is done to the witness alone has `witness` as its host. */
export interface TimedFault {
  /** From the client's start. */
  readonly atMs: number;
  readonly action: string;
  readonly host: HostName;
}

export type HostName = 'client' | 'a' | 'b' | 'witness';
export type ReplicaName = 'a' | 'b';

interface HostState {
  readonly dead: boolean;
  readonly paused: boolean;
  /** Its packet loop stands still; its heartbeats go on. */
  readonly stalled: boolean;
  /** `cut-…` actions that have not been healed. */
  readonly cuts: readonly string[];
  /** The witness's program was stopped, or its disk filled. */
  readonly stopped: boolean;
  readonly diskFull: boolean;
}

export type World = Readonly<Record<HostName, HostState>>;

const SOUND: HostState = { dead: false, paused: false, stalled: false, cuts: [], stopped: false, diskFull: false };
export const SOUND_WORLD: World = { client: SOUND, a: SOUND, b: SOUND, witness: SOUND };

export const otherReplica = (name: ReplicaName): ReplicaName => (name === 'a' ? 'b' : 'a');

export function afterFault(world: World, { action, host }: TimedFault): World {
  return { ...world, [host]: changedHost(world[host], action) };
}

function changedHost(state: HostState, action: string): HostState {
  switch (action) {
    case 'power-off':
    case 'kill-daemon':
    case 'kill-server':
      return { ...state, dead: true };
    case 'pause':
      return { ...state, paused: true };
    case 'stall':
      return { ...state, stalled: true };
    case 'resume':
      return { ...state, paused: false, stalled: false };
    case 'heal':
      return { ...state, cuts: [], diskFull: false };
    case 'witness-stop':
      return { ...state, stopped: true };
    case 'witness-start':
      return { ...state, stopped: false };
    case 'disk-full':
      return { ...state, diskFull: true };
    default:
      return { ...state, cuts: [...state.cuts, action] };
  }
}

/** Its heartbeats go on. */
const lives = ({ dead, paused, stopped }: HostState): boolean => !dead && !paused && !stopped;

/** It does its part. */
const works = (state: HostState): boolean => lives(state) && !state.stalled;

const open = ({ cuts }: HostState, cable: 'lan' | 'link', direction: 'in' | 'out'): boolean =>
  !cuts.includes(`cut-${cable}`) && !cuts.includes(`cut-${cable}-${direction}`);

/** A datagram sent on the LAN arrives. */
export const lanCarries = (from: HostState, to: HostState): boolean =>
  open(from, 'lan', 'out') && open(to, 'lan', 'in');

/** The host's own port knows that its cable works. */
export const hasCarrier = ({ cuts }: HostState): boolean => !cuts.includes('cut-lan');

/** A heartbeat sent on both paths arrives on one of them. */
export function hears(world: World, from: ReplicaName, to: ReplicaName): boolean {
  if (!lives(world[from]) || !lives(world[to])) return false;
  const byLink = open(world[from], 'link', 'out') && open(world[to], 'link', 'in');
  return byLink || lanCarries(world[from], world[to]);
}

/** The link's TCP gets through, both ways, to a program that answers. */
export function linkCarries({ a, b }: World): boolean {
  return works(a) && works(b) && [a, b].every((host) => open(host, 'link', 'in') && open(host, 'link', 'out'));
}

/** A question to the witness is answered. */
export function reachesWitness(world: World, name: ReplicaName): boolean {
  const { [name]: host, witness } = world;
  return works(host) && works(witness) && lanCarries(host, witness) && lanCarries(witness, host);
}

export function reachesClients(world: World, name: ReplicaName): boolean {
  const { [name]: host, client } = world;
  return works(host) && works(client) && lanCarries(host, client) && lanCarries(client, host);
}
