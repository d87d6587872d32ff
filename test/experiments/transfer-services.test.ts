import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { SERVICES, TRANSFER_SERVICES } from '../../src/experiments/transfer-services.ts';

const { http, samba } = TRANSFER_SERVICES;

test('there are the transfers of HTTP, and those of the paper', () => {
  deepEqual([...SERVICES], Object.keys(TRANSFER_SERVICES));
});

test('curl tells the time, smbclient how fast it was', () => {
  equal(http.secondsOf('3.379183', 40e6), 3.379183);
  const put = 'putting file /tmp/source as \\taken (11560.4 kb/s) (average 11560.4 kb/s)\n';
  const get =
    'getting file \\given of size 40000000 as /dev/null (11560.4 KiloBytes/sec) (average 11560.4 KiloBytes/sec)\n';
  for (const said of [put, get]) equal(samba.secondsOf(said, 40e6).toFixed(3), '3.379');
});

test('a client that says no time, or that something went wrong, has measured nothing', () => {
  const failed = 'cli_push returned NT_STATUS_DISK_FULL\nputting file a as \\b (9.0 kb/s) (average 9.0 kb/s)\n';
  equal(http.secondsOf('killed', 1), Number.NaN);
  for (const said of ['', 'killed', failed]) equal(samba.secondsOf(said, 1), Number.NaN);
});
