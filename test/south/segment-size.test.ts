/** Segments that the daemon makes are cut to the size that was negotiated, however little that is. */
import { test } from 'node:test';
import { CLIENT_PORT } from '../../fuzz/packets.ts';
import { Stage } from '../../fuzz/stage.ts';
import { backupOf } from '../../fuzz/targets/lan.ts';
import { seq } from '../../src/wire/seq.ts';

test('a client whose MSS leaves no room beside the timestamps is answered by a new primary, in frames that a kernel takes', () => {
  for (const mss of [1, 11, 12, 13]) {
    const primary = new Stage({ family: 4, logged: true }).speak().converse(CLIENT_PORT, seq(5), mss);
    backupOf(primary).speak().check();
  }
});
