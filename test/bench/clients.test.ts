import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { parseIperf } from '../../bench/iperf.ts';
import { parseRoundTrips } from '../../bench/latency.ts';
import { parseNorthCalls } from '../../bench/north-calls.ts';
import { northSystemsOf, redisSeconds } from '../../bench/north-loads.ts';
import { FttcpError } from '../../src/errors.ts';
import { CALLS, IPERF, IPERF_REFUSED, REDIS_CSV, ROUND_TRIPS } from './samples.ts';

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

test('what calls cost is read, and nothing else is taken for it', () => {
  deepEqual(
    [...parseNorthCalls(CALLS)],
    [
      ['clock_gettime', 25.3],
      ['write-read', 1200],
    ],
  );
  throws(() => parseNorthCalls('north-calls.c:99: not so'), failure('bench-north-calls', /not so/));
  throws(() => parseNorthCalls(''), failure('bench-north-calls', /printed/));
});

test("redis-benchmark's requests of both kinds are taken together", () => {
  equal(redisSeconds(REDIS_CSV, 20_000).toFixed(3), '0.900');
  equal(redisSeconds('Could not connect to Redis', 20_000), Number.NaN);
});

test('a ratio is that to the direct run of the same round, processor time that of a unit', () => {
  const round = (direct: number, hot: number) =>
    new Map([
      ['direct', { perSecond: direct, cpuS: { primary: 0.5, backup: null } }],
      ['hot', { perSecond: hot, cpuS: { primary: 1.5, backup: 1 } }],
      ['cold', { perSecond: hot, cpuS: { primary: 1.5, backup: 0.25 } }],
    ] as const);
  const systems = northSystemsOf([round(100, 50), round(200, 150), round(80, 20)], 10_000);
  const [direct, hot] = systems;
  deepEqual([direct?.ratio, direct?.cpuUsPerUnit], [1, { primary: 50, backup: null }]);
  deepEqual([hot?.perSecond, hot?.ratio, hot?.ratioMin, hot?.ratioMax], [50, 0.5, 0.25, 0.75]);
  deepEqual(hot?.cpuUsPerUnit, { primary: 150, backup: 100 });
});
