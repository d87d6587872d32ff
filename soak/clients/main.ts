/**
 * The client program of a round: all clients at once, in one process. It exits 0 if everything that came was as it must be, and
 * else says what was not.
 */

import { Random } from '../../src/lab/random.ts';
import { Pattern } from '../pattern.ts';
import { isRestless, SERVERS, type Traffic } from '../traffic.ts';
import type { Client, Work } from './client.ts';
import { lines, pingpong, stream, visits } from './echo.ts';
import { download, fetches, upload } from './http.ts';
import type { ClientOrders, ClientTally } from './orders.ts';
import { Pace } from './pace.ts';
import { counts, values } from './redis.ts';

const WORK: Readonly<Record<Traffic, Work>> = {
  lines,
  pingpong,
  stream,
  visits,
  upload,
  download,
  fetches,
  counts,
  values,
};

const orders = JSON.parse(process.argv[2] ?? '') as ClientOrders;

async function work(traffic: Traffic, index: number): Promise<ClientTally> {
  const client: Client = {
    orders,
    host: process.env.FTTCP_ADDRESS ?? '127.0.0.1',
    port: SERVERS[orders.server].port,
    index,
    random: new Random(orders.seed, index),
    pattern: new Pattern(orders.seed, index),
    pace: new Pace(orders.durationMs, orders.bytesPerMs),
    localPorts: [],
  };
  try {
    const bytes = await WORK[traffic](client);
    return { bytes, restlessPorts: isRestless(orders.server, traffic) ? client.localPorts : [] };
  } catch (error) {
    throw new Error(`client ${index} (${traffic}): ${error instanceof Error ? error.message : error}`);
  }
}

const results = await Promise.allSettled(orders.traffic.map(work));
for (const result of results) if (result.status === 'rejected') process.stderr.write(`${result.reason.message}\n`);
const tallies = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
const tally: ClientTally = {
  bytes: tallies.reduce((sum, { bytes }) => sum + bytes, 0),
  restlessPorts: tallies.flatMap(({ restlessPorts }) => restlessPorts),
};
process.stdout.write(`${JSON.stringify(tally)}\n`);
process.exit(results.every(({ status }) => status === 'fulfilled') ? 0 : 1);
