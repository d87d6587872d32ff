import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { benchmarksDocument } from '../../bench/document.ts';
import type { BenchResults } from '../../bench/results.ts';
import { RESULTS } from './samples.ts';

const { throughput, latency, failover, nudge, profile, machine, run } = RESULTS;
const written = (more: Partial<BenchResults> = {}) => benchmarksDocument({ ...RESULTS, ...more });
/** Paragraphs on one line each. */
const prose = (text: string) => text.replace(/(?<=[^\n|])\n *(?=[^\n|#])/g, ' ');

test('a run that meets its goals is said to', () => {
  const text = written();
  equal([...text.matchAll(/Every goal is met\.|The goal is met\./g)].length, 4);
  doesNotMatch(text, /MISSED|Missed|undefined|NaN|Infinity/);
  match(prose(text), /In all 60 rounds the connection survived with every byte right\./);
  match(text, /\| unshaped, down \| 940 \| 935 \| 0\.550 \| .* \| ≥ 0\.50 met \|/);
});

test('each missed goal is named, with its number', () => {
  const slow = { ...throughput.unshaped.up, ratio: 0.31 };
  const text = written({
    throughput: { ...throughput, unshaped: { ...throughput.unshaped, up: slow } },
    latency: { ...latency, addedP50Us: 208 },
    failover: { ...failover, echo: { ...failover.echo, p50Ms: 31.25 } },
    nudge: { outages: nudge.outages.map((one) => ({ ...one, auto: one.off })) },
  });
  match(text, /\*\*Missed: unshaped, up \(0\.310 of 0\.40\)\.\*\*/);
  match(text, /\*\*Missed: added p50 \(208 µs of 200 µs\)\.\*\*/);
  match(text, /\*\*Missed: echo p50 \(31\.3 ms of 20 ms\)\.\*\*/);
  doesNotMatch(text, /goal is met/);
});

test('a nudge that wakes too late, or nobody, is named', () => {
  const [first, second, ...others] = nudge.outages;
  if (first === undefined || second === undefined) throw new Error('there are several');
  const late = { ...first, auto: { ...first.auto, p95Ms: 33.3 } };
  const lost = { ...second, auto: { n: 10, p50Ms: null, p95Ms: null, failed: 10 } };
  const text = prose(written({ nudge: { outages: [late, lost, ...others] } }));
  match(text, /\*\*Missed: after 30 ms \(p95 33\.3 ms of 20 ms\); after 300 ms \(p95 none of 20 ms\)\.\*\*/);
  match(text, /\| 300 ms \| 10 \| – \| – \| 180\.0 \| 330\.0 \| 10 \| ≤ 20 MISSED \|/);
});

test('what the wrap costs is told call by call and load by load', () => {
  const text = prose(written());
  match(text, /Most is added to `write` and `read` of 64 bytes, socket pair: 180 ns\./);
  match(text, /\| `clock_gettime` \| 25 \| 140 \| 115 \| 5\.54 \| 7 \|/);
  match(text, /The least ratio, 0\.300, is that of nginx, TLS, small requests: hot\./);
  match(
    text,
    /\| nginx, TLS, one download: hot \| 2700 \| MB\/s \| 0\.300 \| 0\.280 – 0\.310 \| 200\.5 \| 180\.0 \| 7 \|/,
  );
  match(text, /\| redis, SET and GET: direct \| 9000 \| requests\/s \| {2}\| {2}\| 80\.0 \| – \| 7 \|/);
});

test('lost connections and repeated rounds are not hidden', () => {
  const text = prose(
    written({
      failover: { ...failover, up: { ...failover.up, failed: 1, falsePromotions: 1 } },
      run: { ...run, falsePromotions: 3 },
    }),
  );
  match(text, /\*\*In 1 of 60 rounds the connection was lost, or a byte was wrong, or nobody took over\.\*\*/);
  match(text, /1 round had to be repeated/);
  match(text, /3 measurements of throughput, latency, north or profile had to be repeated/);
});

test("the client's own timer is blamed only where it shows", () => {
  const with50 = (p50Ms: number, maxMs: number) =>
    prose(written({ failover: { ...failover, pingpong: { ...failover.pingpong, p50Ms, maxMs } } }));
  match(with50(207, 214), /The middle round shows it\./);
  match(with50(11, 214), /the longest was not\./);
  match(with50(11, 14), /No round of this run met it\./);
});

test('where the time goes follows from the numbers', () => {
  const text = prose(written());
  match(
    text,
    /The primary's data worker is on a processor 80 % of the time; 75 % of that is the kernel's, in 2\.8 system calls/,
  );
  match(
    text,
    /fewer, larger or cheaper calls would help there more than faster code\. The sampler saw system call: write most/,
  );
  match(text, /The backup's data worker is on a processor 50 % .* 37 % of .* its own code is the larger part/);
  match(text, /The sampler saw packets and decisions most \(30 %\)/);
  match(
    text,
    /A GB takes 1\.20 s of processor time on the primary and 1\.20 s on the backup, and 0\.30 s .*, 8\.0 times as much/,
  );
  match(text, /At 4000 Mb\/s that is 60 % of the machine, which was busy for 97 % .*: the processors are the limit\./);
  const idle = prose(written({ profile: { ...profile, up: { ...profile.up, machineBusy: 0.6 } } }));
  match(idle, /which was busy for 60 % .*: the processors are not the only limit/);
});

test('what was not measured has no section, and a quick run says so', () => {
  const text = benchmarksDocument({ machine, run: { ...run, quick: true } });
  deepEqual(
    [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title),
    ['What these numbers do not say'],
  );
  match(text, /\*\*A quick run\*\*/);
  match(written({ profile }), /^## Where the time goes$/m);
  doesNotMatch(written(), /quick run/);
});

test('prose is wrapped, tables and commands are not', () => {
  const lines = written().split('\n');
  const long = lines.filter((line) => line.length > 130 && !line.startsWith('|'));
  deepEqual(long, []);
  equal(lines.includes('    npm run bench -- --write'), true);
});

test('every row of a table has as many cells as its head', () => {
  const rows = written()
    .split('\n\n')
    .filter((block) => block.startsWith('|'))
    .map((block) => block.split('\n').map((line) => line.split('|').length));
  equal(rows.length, 12);
  for (const lengths of rows) equal(new Set(lengths).size, 1);
});
