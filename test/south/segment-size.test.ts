/** Segments that the daemon makes are cut to the size that was negotiated, however little that is. */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT_PORT } from '../../fuzz/packets.ts';
import { Stage } from '../../fuzz/stage.ts';
import { backupOf } from '../../fuzz/targets/lan.ts';
import { ENTRY, OPEN_CLIENT_PORT, OPEN_SERVER_MSS } from '../../src/log/entry.ts';
import { setU16, setU32 } from '../../src/wire/bytes.ts';
import { seq } from '../../src/wire/seq.ts';

test('a client whose MSS leaves no room beside the timestamps is answered by a new primary, in frames that a kernel takes', () => {
  for (const mss of [1, 11, 12, 13]) {
    const primary = new Stage({ family: 4, logged: true }).speak().converse(CLIENT_PORT, seq(5), mss);
    backupOf(primary).speak().check();
  }
});

test('a server MSS that is more than a packet holds does not keep a host from its promotion', () => {
  const primary = new Stage({ family: 4, logged: true }).speak().converse();
  const backup = backupOf(primary);
  for (const type of [ENTRY.OPEN, ENTRY.ESTABLISHED]) {
    const entry = primary.entries.find((bytes) => bytes[4] === type)?.slice() ?? new Uint8Array(0);
    setU32(entry, 8, 2);
    if (type === ENTRY.OPEN) setU16(entry, OPEN_CLIENT_PORT, CLIENT_PORT + 1);
    if (type === ENTRY.OPEN) setU16(entry, OPEN_SERVER_MSS, 0xffff);
    equal(backup.entry(entry), '');
  }
  backup.speak().check();
  equal(backup.south.counters.nudges, 1, 'such an MSS names no MTU, and that client has sent nothing');
});
