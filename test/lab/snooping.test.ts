// Snooping on a LAN that carries every frame to every host: what lets a client's upload go on after a recovery that took its time. What the
// paper's Figures 4 to 6 show, in events and bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Acknowledgement } from '../../src/lab/flow.ts';
import type { Kind } from '../../src/lab/series.ts';
import type { SnoopMode } from '../../src/lab/service.ts';
import { needs } from '../needs.ts';
import { crashedUpload, type Seen, toldAtMs } from './crashed-uploads.ts';

const skip = needs('tun');

const ATTEMPTS = 5;
const AFTER_RECOVERY = { takeover: 'after-recovery', nudge: 'off' } as const;

interface Resumption {
  /** The first of the new primary. */
  readonly ack: Acknowledgement;
  /** Of the client's first data from there on. */
  readonly sentMs: number;
  /** That had been sent before. */
  readonly isRepetition: boolean;
}

/** Nothing is said between the takeover and the end of the recovery. */
function resumption(seen: Seen): Resumption {
  const { acks, sentMs, resentMs } = seen.flow;
  const promotedMs = toldAtMs(seen, 'promoted');
  assert.ok(promotedMs < toldAtMs(seen, 'recovered'));
  const ack = acks.find(({ atMs }) => atMs > promotedMs);
  assert.ok(ack !== undefined);
  const [next] = sentMs.filter((atMs) => atMs > ack.atMs);
  assert.ok(next !== undefined);
  return { ack, sentMs: next, isRepetition: resentMs.includes(next) };
}

/** Up to where in the client's stream the last of these was that came no later. Of many points some are left out, of a few none. */
function reached({ flow }: Seen, kind: Kind, atMs: number): number {
  const found = flow.whole.filter((point) => point.kind === kind && point.atMs <= atMs);
  return Math.max(0, ...found.map(({ position }) => position));
}

/** Until the crash found a log that held no more than the old primary had acknowledged: on a slow LAN it mostly does. */
async function slowUpload(snoop: SnoopMode, foundSo: (seen: Seen) => boolean): Promise<Seen> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const slow = { rate: '10mbit', bytes: 2_000_000 };
    const seen = await crashedUpload({ ...AFTER_RECOVERY, ...slow, snoop, lan: 'hub' });
    if (foundSo(seen)) return seen;
  }
  assert.fail(`the log held more in each of ${ATTEMPTS} attempts`);
}

test('never: what the backup acknowledges when it has recovered restarts nothing, the client does by itself', {
  skip,
}, async () => {
  const seen = await slowUpload('never', (it) => {
    assert.deepEqual([it.counters.snooped, it.counters.snoopTaken], [0, 0]);
    const { ack } = resumption(it);
    const promotedMs = toldAtMs(it, 'promoted');
    assert.ok(it.flow.resentMs.some((atMs) => atMs < ack.atMs && atMs > promotedMs));
    return !ack.advances;
  });
  assert.ok(resumption(seen).isRepetition, 'it was sent again');
});

test('permanent: all that was sent meanwhile is acknowledged, and no byte is sent again', { skip }, async () => {
  const seen = await crashedUpload({ ...AFTER_RECOVERY, snoop: 'permanent', lan: 'hub' });
  assert.ok(seen.snoopedBefore > 0 && (seen.counters.snoopTaken ?? 0) > 0, JSON.stringify(seen.counters));
  const { ack, isRepetition } = resumption(seen);
  assert.deepEqual([ack.advances, isRepetition], [true, false]);
  assert.deepEqual(
    seen.flow.resentMs.filter((atMs) => atMs > ack.atMs),
    [],
  );
});

test('reactive: what was sent again during the recovery is acknowledged, and the client goes on from there', {
  skip,
}, async () => {
  const seen = await slowUpload('reactive', ({ counters }) => (counters.snoopTaken ?? 0) > 0);
  assert.equal(seen.snoopedBefore, 0, 'it listens from the suspicion on');
  assert.ok((seen.counters.snoopTaken ?? 0) <= (seen.counters.snooped ?? 0), JSON.stringify(seen.counters));
  const { ack, sentMs, isRepetition } = resumption(seen);
  assert.ok(ack.advances);
  if (!isRepetition) return;
  const acknowledged = reached(seen, 'serviceAck', ack.atMs);
  const repeated = seen.flow.whole.find((point) => point.kind === 'clientRetransmission' && point.atMs === sentMs);
  assert.ok(repeated !== undefined && repeated.position > acknowledged, `${repeated?.position}, ${acknowledged}`);
});

test('on a switch that knows where the service is a backup hears nothing before the crash, and takes over all the same', {
  skip,
}, async () => {
  const seen = await crashedUpload({ ...AFTER_RECOVERY, snoop: 'permanent', lan: 'switch' });
  // With the port of the primary goes what the switch knew: from then on it may send to every port.
  assert.equal(seen.snoopedBefore, 0);
});
