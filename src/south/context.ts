// What the parts of the south-side wrap share: where packets go, the log, the barrier, and what is known of the clients.
import type { LogWriter } from '../log/log-writer.ts';
import type { Budget } from './budget.ts';
import type { Connection } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { HalfOpen } from './half-open.ts';
import type { HeldSyns } from './held-syns.ts';
import type { Neighbours } from './neighbours.ts';
import type { ReleaseQueue } from './release-queue.ts';

/** Where packets leave. `bytes` belongs to the sender again when the call returns. */
export interface PacketPorts {
  /** A frame for the LAN: virtio header, Ethernet, packet. @returns false to be asked again later. */
  lan(bytes: Uint8Array, offset: number, length: number): boolean;
  /** A packet for the server's TCP: virtio header, packet. */
  tun(bytes: Uint8Array, offset: number, length: number): void;
  /** The same for one whose payload lies apart from its headers, at offset 0 of `head`. */
  tunApart(head: Uint8Array, headLength: number, payload: Uint8Array, offset: number, length: number): void;
}

/** Backup: where the recording of the primary's server goes. */
export interface NorthPort {
  /** Whether a replay that can wait should bring more. */
  hasRoom(): boolean;
  /** The next bytes. @returns '' or why they are refused. */
  take(bytes: Uint8Array, offset: number, length: number): string;
  /** The server's processes do what the recording says, and no more. */
  readonly replays: boolean;
  /** Bytes taken so far. */
  readonly taken: number;
  /** Of these, those up to which every process has come for certain. */
  readonly replayed: number;
  /** Of these, those that the processes have still before them. */
  readonly leftBytes: number;
}

/** Of a server that is not wrapped at its north side, or of none. */
export const NO_NORTH: NorthPort = {
  hasRoom: () => true,
  take: () => '',
  replays: false,
  taken: 0,
  replayed: 0,
  leftBytes: 0,
};

/** Backup: where what the primary's server has chosen goes. */
export interface ChoicesPort {
  /** Whether a replay that can wait should bring more. */
  hasRoom(): boolean;
  /** The next record. @returns '' or why it is refused. */
  take(bytes: Uint8Array, offset: number, length: number): string;
}

/** Of a server that has no file for them, or of none. */
export const NO_CHOICES: ChoicesPort = { hasRoom: () => true, take: () => '' };

/** Running checksum of output bytes: CRC-32 of `bytes[offset, offset + length)` continued from `seed`. */
export type Checksum = (seed: number, bytes: Uint8Array, offset: number, length: number) => number;

/** Whether the server lives, or is just dying of a crash, by which signal; `gone` when it is too late to see. */
export type ServerFate =
  | { readonly is: 'alive' }
  | { readonly is: 'gone' }
  | { readonly is: 'dying'; readonly signal: string };

export interface SouthLimits {
  readonly connections: number;
  readonly halfOpen: number;
  /** Input or output kept per connection, bytes. */
  readonly connectionBytes: number;
  /** Kept for all connections together, beyond the little that each has for itself. */
  readonly totalBytes: number;
  /** Of frames that a backup hears and keeps; 0: it keeps none. */
  readonly snoopBytes: number;
}

export interface SouthConfig {
  /** 2 random words that no client knows. */
  readonly hashKey: Uint32Array;
  /** 16 bytes; an IPv4 address is v4-mapped. */
  readonly serviceIp: Uint8Array;
  /** The virtual MAC that moves with the service. */
  readonly serviceMac: Uint8Array;
  readonly limits: SouthLimits;
  /** Whether clients are woken from their timers by ICMP after a promotion. */
  readonly nudge: boolean;
  /** After a promotion: how long the local server may owe what its predecessor had done, without any progress. */
  readonly catchUpTimeoutMs: number;
  /** What a host that takes over does with a connection on which the two servers differ. */
  readonly onDivergence: 'reset' | 'continue';
}

export const COUNTERS = [
  'lanFrames',
  'lanMalformed',
  'lanBadChecksum',
  'lanOutOfWindow',
  'lanBadAck',
  'lanPaws',
  'lanBadReset',
  'lanFragments',
  'lanReassembled',
  'lanBadFragments',
  'lanBadIcmp',
  'lanNoRoom',
  'synDropped',
  'vanished',
  'serverPackets',
  'serverMalformed',
  'serverHoles',
  'serverRefused',
  'deathCries',
  'released',
  'virtualSegments',
  'virtualRetries',
  'divergences',
  'recoveredSegments',
  'nudges',
  'snooped',
  'snoopOverrun',
  'snoopTaken',
] as const;

export type Counters = Record<(typeof COUNTERS)[number], number>;

export interface SouthContext {
  readonly config: SouthConfig;
  readonly ports: PacketPorts;
  readonly log: LogWriter;
  readonly release: ReleaseQueue;
  readonly checksum: Checksum;
  readonly north: NorthPort;
  readonly choices: ChoicesPort;
  readonly connections: ConnectionTable<Connection>;
  /** The same connections by their number in the log, finished ones included until the entry CLOSED. */
  readonly byId: Map<number, Connection>;
  readonly halfOpen: ConnectionTable<HalfOpen>;
  readonly heldSyns: HeldSyns;
  readonly neighbours: Neighbours;
  readonly counters: Counters;
  /** Memory of all connections' buffers. */
  readonly budget: Budget;
  /** Primary: logged bytes of all clients that the backup's server has not acknowledged, as last heard. */
  unfedBytes: number;
  /** Backup: connections whose server has acknowledged or said so much that the primary should hear of it. */
  readonly progressed: Set<Connection>;
  /** Connections that have diverged and of which nobody has been told yet. */
  readonly diverged: Connection[];
  /** Connections whose client has acknowledged, or changed its window, since the last notes were appended. */
  readonly noted: Connection[];
  /** Asked when the server ends a connection. */
  readonly serverFate: () => ServerFate;
  /** The server was killed, by this: what its kernel says for it is not to be believed. '' while it lives. */
  killedBy: string;
  /** The server has ended as it wanted to: its kernel speaks for it. */
  serverEnded: boolean;
  /** MAC of who claims the service address, until that was told; '' otherwise. */
  claimant: string;
  /** True on the primary: this host is the one voice. */
  speaking: boolean;
  /** The server recovers and is fed nothing: what its clients send is acknowledged and kept meanwhile. */
  standingIn: boolean;
  /** There is no server behind this wrap: the log is retained, and what it holds counts as taken. */
  readonly retains: boolean;
  nextConnectionId: number;
}
