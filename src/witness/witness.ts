/** `fttcp witness`: one small process on a third host, until it is told to stop. */
import { once } from 'node:events';
import { createLogger } from '../daemon/logger.ts';
import { VERSION } from '../daemon/version.ts';
import type { WitnessConfig } from './config.ts';
import { WitnessServer } from './server.ts';
import { ViewStore } from './store.ts';

/** Resolves when the witness has ended in good order. */
export async function runWitness(config: WitnessConfig): Promise<void> {
  const { listen, state, services } = config;
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const log = createLogger({ base: { self: 'witness' }, ...config.log });
  const store = new ViewStore(
    state,
    services.map(({ service }) => service),
  );
  try {
    const server = new WitnessServer(config, store, log);
    await server.listen();
    log.info('up', {
      listen: `${listen.host}:${listen.port}`,
      state,
      services: services.length,
      pid: process.pid,
      version: VERSION,
    });
    await stopped;
    log.info('stopping');
    await server.close();
    log.info('down');
  } finally {
    store.close();
  }
}
