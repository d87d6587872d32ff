/** Every server of `examples/` does what its clients want of it, without fttcp: what breaks under it is then not theirs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type Load, REAL_SERVERS } from '../../campaign/servers.ts';
import { runLab } from '../../src/lab/run.ts';
import { needs, SEARCH_PATH } from '../needs.ts';

const LOAD: Load = { seconds: 1, bytes: 3_000_000 };
const TIMEOUT_MS = 30_000;

for (const [name, { needs: needed, port, server, prepare, clients }] of Object.entries(REAL_SERVERS)) {
  const skip = needs(...needed);
  const state = mkdtempSync(path.join(tmpdir(), 'fttcp-test-'));
  let isPrepared = false;
  process.once('exit', () => rmSync(state, { recursive: true, force: true }));

  for (const [work, command] of Object.entries(clients(state, LOAD))) {
    test(`${name}: ${work}`, { skip }, async () => {
      if (!isPrepared) prepare(state, LOAD);
      isPrepared = true;
      const result = await runLab({
        direct: true,
        server,
        port,
        state,
        client: command,
        environment: { ...process.env, PATH: SEARCH_PATH },
        timeoutMs: TIMEOUT_MS,
      });
      assert.ok(result.ok, JSON.stringify(result, null, 1));
    });
  }
}
