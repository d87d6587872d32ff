// What a replica is told of itself and of its peer by the detector: read afresh in every turn of the data loop.
import type { Role } from '../detector/heartbeat.ts';

export interface PeerHealth {
  /** At least one heartbeat has arrived. */
  readonly heard: boolean;
  /** The detector suspects the peer: nothing was heard on any path for the timeout. */
  readonly silent: boolean;
  readonly silentMs: number;
  /** Silent for so much longer that a primary gives its backup up; nothing came over the replication link either. */
  readonly lost: boolean;
  /** Drawn anew whenever the peer's server starts afresh. */
  readonly life: number;
  readonly role: Role;
  readonly epoch: number;
  readonly proposal: number;
  readonly lanUp: boolean;
  readonly stuck: boolean;
  /** Heartbeats pass over the LAN both ways, or none of their paths leads over it. */
  readonly lanWorks: boolean;
  /** The witness does not answer the peer. */
  readonly witnessLost: boolean;
}

export interface Health {
  readonly peer: PeerHealth;
  /** This host's own LAN. */
  readonly lanUp: boolean;
}

/** What is known of a peer that was never heard. */
export const NO_PEER: PeerHealth = {
  heard: false,
  silent: false,
  silentMs: 0,
  lost: false,
  life: 0,
  role: 'starting',
  epoch: 0,
  proposal: 0,
  lanUp: false,
  stuck: false,
  lanWorks: true,
  witnessLost: false,
};
