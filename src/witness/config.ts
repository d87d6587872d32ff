/**
 * A witness's configuration, from a YAML file to a `WitnessConfig`. For people: docs/configuration.md.
 */
import { z } from 'zod';
import {
  type LogConfig,
  logConfig,
  parseConfigFile,
  readConfigText,
  refuse,
  resolveKey,
} from '../daemon/config-file.ts';
import type { Problem } from '../daemon/config-problems.ts';
import {
  absolutePath,
  type Endpoint,
  endpoint,
  KEY_OR_FILE,
  logSection,
  name,
  section,
} from '../daemon/config-values.ts';

export interface WitnessedService {
  readonly service: string;
  /** The service's own, which its replicas have too. */
  readonly key: Uint8Array;
  /** Where the key was read from; absent: it stands in the configuration itself. */
  readonly keyFile?: string;
}

export interface WitnessConfig {
  /** Where requests arrive (UDP). */
  readonly listen: Endpoint;
  /** Directory of the views. */
  readonly state: string;
  readonly services: readonly WitnessedService[];
  readonly log: LogConfig;
}

export const WITNESS_SCHEMA = section({
  listen: endpoint,
  state: absolutePath,
  services: z.array(section({ service: name, ...KEY_OR_FILE }), { error: 'a list of services, each with its key' }),
  log: logSection,
});

/** @throws FttcpError `config-unreadable` or `config-invalid` (every problem, one a line). */
export function loadWitnessConfig(path: string): WitnessConfig {
  return parseWitnessConfig(readConfigText(path), path);
}

/** @throws FttcpError `config-invalid`: every problem, one a line, each with `file:line:column` and key path. */
export function parseWitnessConfig(text: string, fileName: string): WitnessConfig {
  const { file, source } = parseConfigFile('witness', WITNESS_SCHEMA, text, fileName);
  const problems: Problem[] = [];
  if (file.services.length === 0) {
    problems.push({ path: ['services'], text: ' of none; allowed: at least one service' });
  }
  const names = file.services.map(({ service }) => service);
  const services = file.services.map(({ service, key: ownKey, keyFile }, index): WitnessedService | undefined => {
    const at = ['services', index];
    if (names.indexOf(service) !== index) {
      problems.push({ path: [...at, 'service'], text: '; allowed: a service that is not in the list already' });
    }
    const key = resolveKey({ key: ownKey, keyFile }, at, problems);
    return key && { service, key, ...(keyFile === undefined ? {} : { keyFile }) };
  });
  if (problems.length > 0) refuse(source, problems);
  const { listen, state, log } = file;
  return { listen, state, services: services.filter((one) => one !== undefined), log: logConfig(log) };
}
