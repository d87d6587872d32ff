// The heartbeat: one small datagram that says more than "alive". Health is the data worker's progress and the LAN's state too,
// and every message carries the epoch.
//
// magic u32 | version u8 | sender u8 | role u8 | flags u8 | service u32 | boot u32 | sequence u32 | epoch u32 | proposal u32 |
// life u32 | echo u32 | authenticator 16 bytes, over all before it. Big-endian. Which heartbeats count: `heartbeat-inbox.ts`.
import { getU32, setU32 } from '../wire/bytes.ts';

export const HEARTBEAT_BYTES = 52;
export const AUTHENTICATOR_BYTES = 16;
const AUTHENTICATED = HEARTBEAT_BYTES - AUTHENTICATOR_BYTES;

const MAGIC = 0x46544842; // "FTHB"
const VERSION = 2;

const FLAG_LAN_UP = 1;
const FLAG_STUCK = 2;
const FLAG_HEARS_LAN = 4;
const FLAG_WITNESS_LOST = 8;

/** Roles as they travel; the order is part of the protocol. */
export const ROLES = ['starting', 'primary', 'backup', 'removed', 'stopping'] as const;
export type Role = (typeof ROLES)[number];

/** Writes 16 bytes over `bytes[0, length)` at `bytes[length]`: a keyed hash that the caller brings. */
export type Authenticator = (bytes: Uint8Array, length: number, into: Uint8Array, at: number) => void;

/** A heartbeat to be sent, or one that was read. Reused. */
export class Heartbeat {
  /** Index of the sender in the configured list of replicas. */
  sender = 0;
  role: Role = 'starting';
  /** The sender can reach its LAN. */
  lanUp = false;
  /** The sender's data worker has stood still for longer than its stall timeout. */
  stuck = false;
  /** The sender has heard the receiver over the LAN of late, or no path leads over it. */
  hearsLan = false;
  /** The witness does not answer the sender. */
  witnessLost = false;
  /** A number made from the service's name: two services that share a host do not mix. */
  service = 0;
  /** Chosen at start, not 0: a restarted sender counts from 0 again. */
  boot = 0;
  sequence = 0;
  epoch = 0;
  /** A primary that removes its backup says so here, and goes solo when the backup has accepted it; otherwise 0. */
  proposal = 0;
  /** Drawn anew whenever the sender's server starts afresh: who the sender is in a view. */
  life = 0;
  /** The receiver's boot, as far as the sender knows it: this heartbeat was made in the receiver's present run. Otherwise 0. */
  echo = 0;

  write(bytes: Uint8Array, authenticate: Authenticator): void {
    setU32(bytes, 0, MAGIC);
    bytes[4] = VERSION;
    bytes[5] = this.sender;
    bytes[6] = ROLES.indexOf(this.role);
    bytes[7] =
      (this.lanUp ? FLAG_LAN_UP : 0) |
      (this.stuck ? FLAG_STUCK : 0) |
      (this.hearsLan ? FLAG_HEARS_LAN : 0) |
      (this.witnessLost ? FLAG_WITNESS_LOST : 0);
    setU32(bytes, 8, this.service);
    setU32(bytes, 12, this.boot);
    setU32(bytes, 16, this.sequence);
    setU32(bytes, 20, this.epoch);
    setU32(bytes, 24, this.proposal);
    setU32(bytes, 28, this.life);
    setU32(bytes, 32, this.echo);
    authenticate(bytes, AUTHENTICATED, bytes, AUTHENTICATED);
  }

  /** Takes the fields, not yet authentic. @returns '' when `bytes` has the form of a heartbeat; otherwise the reason. */
  parse(bytes: Uint8Array, length: number): string {
    if (length !== HEARTBEAT_BYTES) return 'length';
    if (getU32(bytes, 0) !== MAGIC || bytes[4] !== VERSION) return 'version';
    const role = ROLES[bytes[6] ?? 0];
    if (role === undefined) return 'role';
    const flags = bytes[7] ?? 0;
    this.sender = bytes[5] ?? 0;
    this.role = role;
    this.lanUp = (flags & FLAG_LAN_UP) !== 0;
    this.stuck = (flags & FLAG_STUCK) !== 0;
    this.hearsLan = (flags & FLAG_HEARS_LAN) !== 0;
    this.witnessLost = (flags & FLAG_WITNESS_LOST) !== 0;
    this.service = getU32(bytes, 8);
    this.boot = getU32(bytes, 12);
    this.sequence = getU32(bytes, 16);
    this.epoch = getU32(bytes, 20);
    this.proposal = getU32(bytes, 24);
    this.life = getU32(bytes, 28);
    this.echo = getU32(bytes, 32);
    return '';
  }

  /** Whether what has the form of a heartbeat was written with the key. */
  static isAuthentic(bytes: Uint8Array, authenticate: Authenticator, scratch: Uint8Array): boolean {
    authenticate(bytes, AUTHENTICATED, scratch, 0);
    let difference = 0;
    for (let i = 0; i < AUTHENTICATOR_BYTES; i++) difference |= (bytes[AUTHENTICATED + i] ?? 0) ^ (scratch[i] ?? 0);
    return difference === 0;
  }
}
