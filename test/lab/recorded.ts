/** Rounds of the campaign as tests: real servers at level recorded, each with a power-off of its primary in the middle of a client's work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { roundsOf } from '../../campaign/course.ts';
import { outcomeText, type RoundOutcome } from '../../campaign/judgement.ts';
import { REAL_SERVERS } from '../../campaign/servers.ts';
import type { BackupKind } from '../../src/lab/service.ts';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT } from './failover.ts';

/** By server, parts of the descriptions of clients; none: every client. The rest is the campaign's. */
const CLIENTS: Readonly<Record<string, string>> = { samba: '', nginx: 'all of it at once', redis: '', rtsp: '' };
const LOAD = { seconds: 2, bytes: 4_000_000 };
/** Every client works then: none begins later on a busy machine, or has ended on one that is idle. One that has is tried again, earlier. */
const AT_MS = 1200;
/** Rounds that failed leave their evidence there. Compiled, this file is in dist/test/lab. */
const OUT = fileURLToPath(new URL('../../../out/recorded', import.meta.url));

/** Declares a test for each client. */
export function testRecordedServers(backup: BackupKind): void {
  const servers = Object.entries(REAL_SERVERS).filter(([name]) => Object.hasOwn(CLIENTS, name));
  for (const [name, server] of servers) {
    const skip = needs('tun', 'program:cc', ...server.needs);
    const clients = Object.keys(server.clients('', LOAD)).filter((client) => client.includes(CLIENTS[name] ?? ''));
    for (const client of clients) {
      test(`${name}, ${client}: a power-off in the middle is survived, ${backup} backup`, { skip }, async (t) => {
        const course = { conditions: { seed: 1, backup, load: LOAD }, rounds: [1], client, atMs: AT_MS };
        const settings = { out: OUT, detectTimeout: CALM_TIMEOUT, environment: process.env, signal: t.signal };
        const outcomes = await all(roundsOf(name, server, course, settings));
        const lines = outcomes.flatMap(outcomeText);
        for (const line of lines) t.diagnostic(line);
        const last = outcomes.at(-1);
        assert.deepEqual([last?.problems, last?.isTooEarly], [[], false], lines.join('\n'));
      });
    }
  }
}

async function all(rounds: AsyncIterable<RoundOutcome>): Promise<RoundOutcome[]> {
  const outcomes: RoundOutcome[] = [];
  for await (const outcome of rounds) outcomes.push(outcome);
  return outcomes;
}
