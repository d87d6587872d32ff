/** What every client has at hand. */

import type { Random } from '../../src/lab/random.ts';
import type { Pattern } from '../pattern.ts';
import { Connection } from './connection.ts';
import type { ClientOrders } from './orders.ts';
import type { Pace } from './pace.ts';

export interface Client {
  readonly orders: ClientOrders;
  readonly host: string;
  readonly port: number;
  /** From 0. */
  readonly index: number;
  readonly random: Random;
  /** This client's own. */
  readonly pattern: Pattern;
  readonly pace: Pace;
  /** Of the connections that it has opened. */
  readonly localPorts: number[];
}

/** Works until its time is up. Returns how many bytes were checked. @throws when anything is not as it must be */
export type Work = (client: Client) => Promise<number>;

export async function open({ host, port, localPorts }: Client): Promise<Connection> {
  const connection = await Connection.open(host, port);
  localPorts.push(connection.localPort);
  return connection;
}

/** @throws unless `found` is what stands at `offset` of the pattern. */
export function check(pattern: Pattern, found: Uint8Array, offset: number): void {
  const right = pattern.firstDifference(found, offset);
  if (right >= 0) throw new Error(`byte ${offset + right} is wrong`);
}

export function wanted(found: string | undefined, expected: string): void {
  if (found === expected) return;
  const came = found === undefined ? 'the end of the stream' : `"${found.slice(0, 100)}"`;
  throw new Error(`${came} instead of "${expected.slice(0, 100)}"`);
}
