/** What a round's client program is told, and what it tells. It gets the orders as JSON in its only argument. */
import type { ServerName, Traffic } from '../traffic.ts';

export interface ClientOrders {
  readonly server: ServerName;
  /** One entry for each client. */
  readonly traffic: readonly Traffic[];
  /** Makes what is sent. */
  readonly seed: number;
  readonly durationMs: number;
  readonly bytesPerMs: number;
  /** Of the file that is there to be downloaded, `big`. */
  readonly fileBytes: number;
}

/** The last line of the program's standard output, as JSON. */
export interface ClientTally {
  /** Checked to be right, both ways together. */
  readonly bytes: number;
  /** Local ports of connections on which a stall is nobody's but the service's: see `isRestless`. */
  readonly restlessPorts: readonly number[];
}

/** Of the pattern that the file `big` consists of: no client's own. */
export const FILE_SEED = 0xf11e;
