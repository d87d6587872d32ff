// What the lab tests with real servers share: programs, a run with a fault in its middle, and a message that shows the cause.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LabResult } from '../../src/lab/result.ts';
import { type LabOptions, runLab } from '../../src/lab/run.ts';
import { childrenOf } from '../../src/linux/process.ts';
import { needs, SEARCH_PATH } from '../needs.ts';

/** These tests are about bytes; a busy machine must not look like a dead host to them. */
export const CALM_TIMEOUT = needs('realtime') === false ? '50ms' : '150ms';

export const FAULTS = ['power-off:primary', 'power-off:backup'] as const;

const compiled = (file: string) =>
  `'${process.execPath}' '${fileURLToPath(new URL(`../../${file}.js`, import.meta.url))}'`;
export const client = (name: string) => compiled(`test/lab/clients/${name}`);
export const example = (name: string) => compiled(`examples/${name}`);

/** The processes below `pid` that serve connections: those without children of their own. */
export function leaves(pid: number): number[] {
  const children = childrenOf(pid);
  return children.length === 0 ? [pid] : children.flatMap(leaves);
}

/** A directory with a random file `big`, for the time of `use`. */
export async function withFile(bytes: number, use: (directory: string, file: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'fttcp-test-'));
  try {
    const file = path.join(directory, 'big');
    writeFileSync(file, randomBytes(bytes));
    await use(directory, file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export type Scenario = Pick<LabOptions, 'server' | 'client' | 'port'> &
  Partial<LabOptions> & {
    /** How often a host takes over; by default once if the primary is a target. */
    failovers?: number;
  };

/**
 * Runs the scenario and asserts what every survived fault has in common. `FTTCP_TEST_EVIDENCE=DIR` keeps captures and the daemons'
 * logs of the run there: the capture takes processor time, so not by default.
 */
export async function survives({ failovers, ...scenario }: Scenario): Promise<LabResult> {
  const said: string[] = [];
  const evidence = process.env.FTTCP_TEST_EVIDENCE;
  const result = await runLab({
    environment: { ...process.env, PATH: SEARCH_PATH },
    timeoutMs: 60_000,
    detectTimeout: CALM_TIMEOUT,
    progress: (line) => said.push(line),
    pcap: evidence === undefined ? undefined : mkdtempSync(path.join(evidence, 'run-')),
    ...scenario,
  });
  const account = `${said.join('\n')}\n${JSON.stringify(result, null, 1)}`;
  assert.equal(result.client.exitCode, 0, account);
  assert.ok(
    result.connections.every((connection) => connection.survived),
    account,
  );
  assert.equal(result.faults.length, scenario.at?.length ?? 0, account);
  // A host that was suspected while it lived has left the fault nothing to hit: the run would have shown nothing. The first primary of a
  // cold pair recovers by itself.
  assert.ok(!said.some((line) => line.includes('without any fault') && !line.includes(': recovered, ')), account);
  assert.equal(result.falsePromotions, 0, account);
  assert.equal(result.voices.violations, 0, account);
  const takenOver = scenario.at?.some((fault) => fault.endsWith(':primary')) ? 1 : 0;
  assert.equal(result.failovers.length, failovers ?? takenOver, account);
  assert.equal(result.ok, true, account);
  return result;
}
