/** A backup refuses what cannot be an entry of the log that it holds: it would stay in what is known of a connection. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, Stage } from '../../fuzz/stage.ts';
import { backupOf } from '../../fuzz/targets/lan.ts';
import { ENTRY, OPEN_CLIENT_PORT, OUTPUT_ACK, positionFields } from '../../src/log/entry.ts';
import { setU64 } from '../../src/log/frame.ts';
import { setU16, setU32 } from '../../src/wire/bytes.ts';

function pair(): { primary: Stage; backup: Stage } {
  const primary = new Stage({ family: 4, logged: true }).speak().converse();
  return { primary, backup: backupOf(primary) };
}

test('a position that no stream can reach is refused, wherever it stands', () => {
  const { primary, backup } = pair();
  let fields = 0;
  for (const type of [ENTRY.ESTABLISHED, ENTRY.BYTES, ENTRY.CLIENT_ACK, ENTRY.OUTPUT]) {
    const entry = primary.entries.findLast((bytes) => bytes[4] === type);
    for (const field of positionFields(type)) {
      const wrong = entry?.slice() ?? new Uint8Array(0);
      wrong[field] = 0xff;
      match(backup.entry(wrong), /position that is no number/);
      fields++;
    }
  }
  equal(fields, 7);
  backup.check();
});

test('an output entry that acknowledges what is not logged is refused (rule 1)', () => {
  const { primary, backup } = pair();
  const output = primary.entries.findLast((bytes) => bytes[4] === ENTRY.OUTPUT)?.slice() ?? new Uint8Array(0);
  const [connection] = backup.south.connections;
  const end = connection?.inEnd ?? 0;
  setU64(output, OUTPUT_ACK, end);
  equal(backup.entry(output), '');
  setU64(output, OUTPUT_ACK, end + 1);
  match(backup.entry(output), /acknowledges 102, which is not logged/);
  backup.speak().check();
});

/** Connections 1000, 1001 … that differ from the primary's first by their client's port; of each, bytes that its server is still to have. */
function opened(primary: Stage, backup: Stage, ports: readonly number[]): string[] {
  const entries = [ENTRY.OPEN, ENTRY.BYTES].map((type) => primary.entries.find((bytes) => bytes[4] === type));
  return ports.map((port, index) => {
    const [open, bytes] = entries.map((entry) => {
      const own = entry?.slice() ?? new Uint8Array(0);
      setU32(own, 8, 1_000 + index);
      return own;
    }) as [Uint8Array, Uint8Array];
    setU16(open, OPEN_CLIENT_PORT, port);
    return backup.entry(open) || backup.entry(bytes);
  });
}

test('a backup with lower limits than its primary refuses the connection that is too much', () => {
  const { primary, backup } = pair();
  const most = LIMITS.connections + LIMITS.halfOpen;
  const ports = Array.from({ length: most }, (_, index) => 20_000 + index);
  const reasons = opened(primary, backup, ports);
  equal(
    reasons.findIndex((reason) => reason !== ''),
    most - 1,
    'one was open',
  );
  match(reasons.at(-1) ?? '', /beyond this host's limits/);
  equal(backup.south.connectionCount, most);
});

test('a server cannot be behind by more connections whose port is in use again than a host may have', () => {
  const { primary, backup } = pair();
  const most = LIMITS.connections + LIMITS.halfOpen;
  const reasons = opened(
    primary,
    backup,
    Array.from({ length: most + 2 }, () => 20_000),
  );
  deepEqual([reasons[most], reasons.findIndex((reason) => reason !== '')], ['', most + 1]);
  match(reasons.at(-1) ?? '', /has not finished 12 connections/);
});
