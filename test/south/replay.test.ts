/** A backup refuses what cannot be an entry of the log that it holds: it would stay in what is known of a connection. */
import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../../fuzz/stage.ts';
import { backupOf } from '../../fuzz/targets/lan.ts';
import { ENTRY, OUTPUT_ACK, positionFields } from '../../src/log/entry.ts';
import { setU64 } from '../../src/log/frame.ts';

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
