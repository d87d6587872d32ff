// What the programs said, cut to what is read and what surrounds it; and results of a run, made up.
import {
  type BenchResults,
  type DirectionProfile,
  type HostProfile,
  NORTH_LOADS,
  OUTAGES_MS,
} from '../../bench/results.ts';

/** iperf3 3.12, upload of two seconds after one to omit. */
export const IPERF = `{
	"start":	{
		"connected":	[{
				"socket":	5,
				"local_host":	"10.77.0.1",
				"local_port":	50546,
				"remote_host":	"10.77.0.100",
				"remote_port":	5201
			}],
		"version":	"iperf 3.12",
		"test_start":	{
			"protocol":	"TCP",
			"num_streams":	1,
			"blksize":	131072,
			"omit":	1,
			"duration":	2,
			"reverse":	0
		}
	},
	"intervals":	[],
	"end":	{
		"sum_sent":	{
			"start":	0,
			"end":	1.999248,
			"seconds":	1.999248,
			"bytes":	686817280,
			"bits_per_second":	2748302481.7331314,
			"retransmits":	0,
			"sender":	true
		},
		"sum_received":	{
			"start":	0,
			"end":	2.00102,
			"seconds":	2.00102,
			"bytes":	686923408,
			"bits_per_second":	2746293022.558495,
			"sender":	true
		},
		"sender_tcp_congestion":	"bbr",
		"receiver_tcp_congestion":	"bbr"
	}
}`;

export const IPERF_REFUSED = `{
	"start":	{
		"connected":	[],
		"version":	"iperf 3.12"
	},
	"intervals":	[],
	"end":	{
	},
	"error":	"unable to connect to server: Connection refused"
}`;

export const ROUND_TRIPS = '{"count":20000,"p50Us":20.039,"p99Us":575.796}\n';

/** Of north-calls, cut. */
export const CALLS = 'clock_gettime 25.3\nwrite-read 1200.0\n';

/** redis-benchmark --csv, 7.0. */
export const REDIS_CSV = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"SET","40000.00","0.612","0.208","0.575","0.887","1.135","2.383"
"GET","50000.00","0.552","0.200","0.527","0.783","0.967","1.495"
`;

const host: HostProfile = {
  busy: 0.8,
  waiting: 0.2,
  groups: [
    { name: 'system call: write', share: 0.4 },
    { name: 'system call: send', share: 0.3 },
    { name: 'log and buffers', share: 0.2 },
    { name: 'packets and decisions', share: 0.1 },
  ],
  functions: [
    { name: 'write linux/io', share: 0.4 },
    { name: 'send linux/io', share: 0.3 },
  ],
  packets: 20_000,
  calls: {
    read: { calls: 24_000, bytes: 1_000_000_000 },
    write: { calls: 20_000, bytes: 1_010_000_000 },
    recv: { calls: 2000, bytes: 100_000 },
    send: { calls: 4000, bytes: 1_000_000_000 },
    poll: { calls: 6000, bytes: 0 },
  },
  logBytes: 1_000_000_000,
  cpu: { dataUser: 0.2, dataSystem: 0.6, detector: 0.1, daemonOther: 0.05, server: 0.25 },
};

const direction: DirectionProfile = {
  mbps: 4000,
  machineBusy: 0.97,
  carriedBytes: 1_000_000_000,
  primary: host,
  backup: {
    ...host,
    busy: 0.5,
    groups: [
      { name: 'native, not attributed', share: 0.7 },
      { name: 'packets and decisions', share: 0.3 },
    ],
    cpu: { ...host.cpu, dataUser: 0.5, dataSystem: 0.3 },
  },
  directSecondsPerGb: 0.3,
};

const pairs = { directMbps: 940, fttcpMbps: 935.2, ratio: 0.995, ratioMin: 0.99, ratioMax: 1, pairs: 7 };
const stalls = {
  n: 15,
  p50Ms: 12.3,
  p95Ms: 19.8,
  maxMs: 22.4,
  detectedP50Ms: 6.1,
  promotedP50Ms: 8.2,
  falsePromotions: 0,
  failed: 0,
};

/** Every goal is met. */
export const RESULTS: Required<BenchResults> = {
  throughput: {
    '1gbit': { up: pairs, down: pairs },
    unshaped: { up: { ...pairs, ratio: 0.45 }, down: { ...pairs, ratio: 0.55 } },
  },
  latency: {
    directP50Us: 30.2,
    fttcpP50Us: 210.4,
    directP99Us: 60,
    fttcpP99Us: 390,
    addedP50Us: 180.2,
    addedP99Us: 330,
    pairs: 7,
    roundTrips: 20_000,
  },
  failover: { up: stalls, down: stalls, echo: stalls, pingpong: { ...stalls, p50Ms: 207, p95Ms: 214, maxMs: 214 } },
  nudge: {
    outages: OUTAGES_MS.map((outageMs) => ({
      outageMs,
      auto: { n: 10, p50Ms: 0.4, p95Ms: 1.2, failed: 0 },
      off: { n: 10, p50Ms: 0.6 * outageMs, p95Ms: 1.1 * outageMs, failed: 0 },
    })),
  },
  north: {
    calls: [
      { call: 'clock_gettime', directNs: 25.3, recordedNs: 140.2, ratio: 5.54, addedNs: 114.9, pairs: 7 },
      { call: 'write-read', directNs: 1200, recordedNs: 1380, ratio: 1.15, addedNs: 180, pairs: 7 },
    ],
    loads: NORTH_LOADS.map((load) => ({
      load,
      unit: load === 'https-download' ? 'megabytes' : 'requests',
      rounds: 7,
      systems: [
        {
          ...{ system: 'direct', perSecond: 9000, ratio: 1, ratioMin: 1, ratioMax: 1 },
          cpuUsPerUnit: { primary: 80, backup: null },
        },
        {
          ...{ system: 'hot', perSecond: 2700, ratio: 0.3, ratioMin: 0.28, ratioMax: 0.31 },
          cpuUsPerUnit: { primary: 200.5, backup: 180 },
        },
        {
          ...{ system: 'cold', perSecond: 3600, ratio: 0.4, ratioMin: 0.39, ratioMax: 0.42 },
          cpuUsPerUnit: { primary: 190, backup: 90 },
        },
      ],
    })),
  },
  profile: { up: direction, down: direction },
  machine: {
    cores: 2,
    cpu: 'Some Processor',
    memoryBytes: 8 * 2 ** 30,
    kernel: '6.1.0',
    node: 'v20.0.0',
    congestion: 'cubic',
  },
  run: {
    version: '0.1.0',
    startedIso: '2024-05-06T07:08:09.000Z',
    quick: false,
    detectTimeout: 'auto',
    falsePromotions: 0,
  },
};
