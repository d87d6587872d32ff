import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { parseIperf } from '../../bench/iperf.ts';
import { parseRoundTrips } from '../../bench/latency.ts';
import { FttcpError } from '../../src/errors.ts';
import { IPERF, IPERF_REFUSED, ROUND_TRIPS } from './samples.ts';

const failure = (code: string, pattern: RegExp) => (error: unknown) =>
  error instanceof FttcpError && error.code === code && pattern.test(error.message);

test('of iperf3 what has arrived counts', () => {
  const report = parseIperf(IPERF);
  equal(report.receivedBytes, 686_923_408);
  equal(Math.round(report.receivedMbps), 2746);
});

test("iperf3's own complaint is passed on", () => {
  throws(() => parseIperf(IPERF_REFUSED), failure('bench-iperf', /Connection refused/));
  throws(() => parseIperf('iperf3: not found'), failure('bench-iperf', /not found/));
  throws(
    () => parseIperf('{"end":{"sum_received":{"bytes":0,"bits_per_second":0}}}'),
    failure('bench-iperf', /nothing/),
  );
});

test('round trips are read, and nothing else is taken for them', () => {
  deepEqual(parseRoundTrips(ROUND_TRIPS), { count: 20_000, p50Us: 20.039, p99Us: 575.796 });
  throws(() => parseRoundTrips('{"count":20000,"p50Us":null}'), failure('bench-round-trips', /null/));
  throws(() => parseRoundTrips('killed'), failure('bench-round-trips', /killed/));
});
