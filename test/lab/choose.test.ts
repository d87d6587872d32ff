// Servers whose answers depend on a random number, at level `stream`: they survive because they choose it by a hook.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Need } from '../../src/lab/needs.ts';
import { runLab } from '../../src/lab/run.ts';
import { needs } from '../needs.ts';
import { CALM_TIMEOUT, client, survives } from './failover.ts';

/** Compiled, this file is in dist/test/lab. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = path.join(ROOT, 'examples', 'choose');

interface Example {
  readonly needs: readonly Need[];
  /** Shell command. */
  readonly server: () => string;
}

const built = mkdtempSync(path.join(tmpdir(), 'choose-test-'));
after(() => rmSync(built, { recursive: true }));

const EXAMPLES: Readonly<Record<string, Example>> = {
  C: {
    needs: ['program:cc'],
    server: () => {
      const program = path.join(built, 'server');
      const hook = path.join(ROOT, 'hooks', 'c');
      const sources = [path.join(SOURCES, 'server.c'), path.join(hook, 'fttcp.c')];
      execFileSync('cc', ['-Wall', '-Werror', '-I', hook, '-o', program, ...sources, '-pthread']);
      return `exec '${program}'`;
    },
  },
  Node: { needs: [], server: () => `exec '${process.execPath}' '${path.join(SOURCES, 'server.mjs')}'` },
  Python: { needs: ['program:python3'], server: () => `exec python3 '${path.join(SOURCES, 'server.py')}'` },
};

const CONVERSATION = { client: `${client('session-client')} 8 1.6`, port: 7000 };

for (const [language, example] of Object.entries(EXAMPLES)) {
  const skip = needs('tun', ...example.needs);

  test(`${language}: who talks to a server that chooses by the hook keeps the session when its host loses power`, {
    skip,
  }, async () => {
    const result = await survives({ ...CONVERSATION, server: example.server(), at: ['800ms:power-off:primary'] });
    assert.equal(result.divergences, 0);
    assert.equal(result.connections.length, 8);
  });

  test(`${language}: without the hook the two servers are found to answer differently`, { skip }, async () => {
    const result = await runLab({
      ...CONVERSATION,
      server: `export CHOOSE=off; ${example.server()}`,
      at: ['800ms:power-off:primary'],
      detectTimeout: CALM_TIMEOUT,
      environment: process.env,
      timeoutMs: 60_000,
    });
    assert.ok(result.divergences > 0, JSON.stringify(result));
    assert.notEqual(result.client.exitCode, 0, 'what differs is not continued');
  });
}

test('a cold backup replays what was chosen', { skip: needs('tun') }, async () => {
  const server = EXAMPLES.Node?.server() ?? '';
  const result = await survives({ ...CONVERSATION, server, backup: 'cold', at: ['800ms:power-off:primary'] });
  assert.equal(result.divergences, 0);
});

test('the power-off of the backup is none of its clients’ business', { skip: needs('tun') }, async () => {
  await survives({ ...CONVERSATION, server: EXAMPLES.Node?.server() ?? '', at: ['800ms:power-off:backup'] });
});
