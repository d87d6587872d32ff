// A backup that takes over before its server has recovered: what it does for its clients meanwhile.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { needs } from '../needs.ts';
import { crashedUpload, RECOVERY_DELAY_MS, toldAtMs, transfer, UPLOAD_BYTES } from './crashed-uploads.ts';
import { client } from './failover.ts';

const skip = needs('tun');

const LATE_BYTES = 100_000;
/** Daemons log whole milliseconds. */
const LOG_RESOLUTION_MS = 1;

test('first: an upload goes on during the recovery, and who connects meanwhile is served after it', {
  skip,
}, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'takeover-test-'));
  try {
    const go = path.join(directory, 'go');
    const seen = await crashedUpload({
      takeover: 'first',
      client: `set -e
        ${client('late-client')} '${go}' ${LATE_BYTES} & late=$!
        (${transfer('up', UPLOAD_BYTES)})
        wait $late`,
      observe: (event) => {
        if (event.kind === 'daemon' && event.event === 'promoted') writeFileSync(go, '');
      },
    });
    const [promotedMs, recoveredMs] = [toldAtMs(seen, 'promoted'), toldAtMs(seen, 'recovered')];
    const meanwhile = seen.flow.acks.filter(({ atMs }) => atMs > promotedMs && atMs < recoveredMs);
    assert.ok(meanwhile.filter(({ advances }) => advances).length > 1, JSON.stringify(meanwhile));

    const [, late, ...others] = seen.flows;
    assert.ok(late !== undefined && others.length === 0);
    assert.ok(late.startMs > promotedMs && late.startMs < recoveredMs, 'it came during the recovery');
    const [answer] = late.acks;
    assert.ok(answer !== undefined && answer.atMs >= promotedMs + RECOVERY_DELAY_MS - LOG_RESOLUTION_MS);
    assert.ok(late.bytesOut >= LATE_BYTES);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
