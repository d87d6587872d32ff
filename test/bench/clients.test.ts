import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { parseIperf } from '../../bench/iperf.ts';
import { parseRoundTrips } from '../../bench/latency.ts';
import { isStream, SLICE_BYTES, streamSlice } from '../../bench/stream.ts';
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

test('the stream is the same at each position, whatever the slices', () => {
  const from = 999_990; // across the period
  const whole = Buffer.from(streamSlice(from, 1000));
  equal(isStream(from, whole), true);
  equal(isStream(from + 10, whole.subarray(10)), true);
  const long = Buffer.concat([streamSlice(0, SLICE_BYTES), streamSlice(SLICE_BYTES, SLICE_BYTES)]);
  equal(isStream(0, long), true);
});

test('a wrong, a lost and a repeated byte are seen', () => {
  const right = Buffer.from(streamSlice(5000, 1000));
  const wrong = Buffer.from(right);
  wrong[500] = (wrong[500] ?? 0) ^ 1;
  equal(isStream(5000, wrong), false);
  equal(isStream(5000, Buffer.concat([right.subarray(0, 500), right.subarray(501)])), false);
  equal(isStream(5000, Buffer.concat([right.subarray(0, 501), right.subarray(500)])), false);
  equal(isStream(5001, right), false);
});
