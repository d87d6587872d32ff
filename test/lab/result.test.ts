import assert from 'node:assert/strict';
import { test } from 'node:test';
import { divergencesOf, failoversOf, type LabResult, summarize } from '../../src/lab/result.ts';

test('a failover is counted from the fault before it, and a promotion without a fault is none', () => {
  const events = [
    { host: 'a', atMs: 100, event: 'promoted', epoch: 1 },
    { host: 'b', atMs: 1005.5, event: 'suspected', epoch: 1 },
    { host: 'b', atMs: 1006.25, event: 'promoted', epoch: 2 },
  ];
  assert.deepEqual(failoversOf(events, [1000]), [{ detectedAfterMs: 5.5, promotedAfterMs: 6.25, epoch: 2 }]);
  assert.deepEqual(failoversOf(events, []), []);
  const recovered = { host: 'b', atMs: 3506.5, event: 'recovered', epoch: 2 };
  assert.equal(failoversOf([...events, recovered], [1000])[0]?.recoveredAfterMs, 2506.5);
});

test('a lost connection is named in the summary', () => {
  const result: LabResult = {
    ok: false,
    client: { exitCode: 1, stdout: '', stderr: '', durationMs: 1200 },
    faults: [{ atMs: 500, action: 'power-off', host: 'a' }],
    failovers: [],
    connections: [
      {
        client: 'c:1',
        service: 's:1',
        bytesIn: 2_500_000,
        bytesOut: 0,
        openedMs: 90,
        stallMs: 12.34,
        resumedMs: null,
        survived: false,
      },
    ],
    voices: { violations: 0, speakers: [] },
    falsePromotions: 0,
    divergences: 2,
  };
  assert.match(
    summarize(result),
    /FAILED.*exited 1.*\n.*1 LOST; 2\.5 MB in.*\nDIVERGED: .* 2 of them\n.*power-off a at 500 ms\n.*12\.3 ms/,
  );
});

test('the divergences of a run are as many as a daemon has counted last', () => {
  const at = { host: 'b', atMs: 100, epoch: 0 };
  const diverged = [1, 2, 5].map((divergences) => ({ ...at, event: 'diverged', divergences }));
  assert.equal(divergencesOf([{ ...at, event: 'joined' }, ...diverged]), 5);
  assert.equal(divergencesOf([{ ...at, event: 'joined' }]), 0);
});
