import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { anchorOf } from '../../src/experiments/claims/claim.ts';
import { type PageResults, paperFiles, paperPage } from '../../src/experiments/page.ts';
import { overheadCase, RESULTS } from './paper-samples.ts';

const { figure4, figure5, gap, table1, overhead, failover, scalability } = RESULTS;
const nudge = RESULTS['figure4-nudge'];
const first = RESULTS['figure4-takeover-first'];
const cold = RESULTS['cold-recovery'];
/** Paragraphs on one line each. */
const prose = (text: string) => text.replace(/(?<=[^\n|])\n *(?=[^\n|#!*]|\*\*)/g, ' ');
const page = (more: PageResults = {}) => prose(paperPage({ ...RESULTS, ...more }));

/** What stands in bold at the end of a section. */
function verdictOn(title: string, results: PageResults): string {
  const text = prose(paperPage(results));
  const section = text.split(/^## /m).find((one) => one.startsWith(`${title}\n`)) ?? '';
  return section.match(/^\*\*(?:Re|Ex|Not).*$/m)?.[0] ?? `no verdict on ${title}`;
}

test('good results are reproduced, exceeded, or reproduced in shape, and every goal is met', () => {
  const verdicts = [...page().matchAll(/^\| \[(.*?)\]\(#.*\*\*(.*?)\*\*(.*) \|$/gm)].map((found) => found.slice(1));
  deepEqual(verdicts, [
    ['Figure 4: no snooping', 'Reproduced in shape', ''],
    ['Figure 5: permanent snooping', 'Reproduced', ''],
    ['Figure 6: reactive snooping', 'Reproduced', ''],
    ['Beyond: the nudge', 'Exceeded', ''],
    ['Beyond: the takeover first', 'Exceeded', ''],
    ['How long the gap is', 'Reproduced in shape', ''],
    ['Table 1: round trips between the replicas', 'Reproduced', ''],
    ['The time of a fail-over', 'Exceeded', ''],
    ['Overhead in large transfers', 'Reproduced', ''],
    ['Hot and cold backup without failures', 'Reproduced', ''],
    ['No checkpoints: a cold backup recovers from the initial state', 'Exceeded', ''],
    ['Scalability', 'Reproduced', ''],
  ]);
  match(page(), /Every goal that this project has set itself for these is met\./);
  doesNotMatch(page(), /MISSED/);
});

test('Figure 4 is what the paper shows only if a timer that doubles restarts the flow, and no ACK does', () => {
  const on = (more: Partial<typeof figure4>) =>
    verdictOn('Figure 4: no snooping', { figure4: { ...figure4, ...more } });
  match(
    on({}),
    /^\*\*Reproduced in shape: .* after 240 ms in place of 300 ms, .* at 4\.30 s in place of 4\.80 s\.\*\*$/,
  );
  match(on({ retransmissions: 3, resumedAtMs: 3600 }), /number 3 restarts .* in place of number 4 at 4\.80 s/);
  equal(on({ firstClientRetransmissionAfterMs: 290, resumedAtMs: 4750 }), '**Reproduced.**');
  match(on({ ackAdvances: true, attempts: 5 }), /^\*\*Not reproduced: the ACK .* was news .* in each of 5 runs\.\*\*$/);
  match(on({ ackAtMs: null, ackBeforeResumption: false }), /^\*\*Not reproduced: the client went on before/);
  match(
    on({ firstClientRetransmissionAfterMs: null, retransmissions: 0 }),
    /^\*\*Not reproduced: .* without a retrans/,
  );
  match(on({ retransmissions: 13 }), /^\*\*Not reproduced: the intervals .* do not grow exponentially/);
  match(on({ gapMs: 12 }), /^\*\*Not reproduced: a timer happened to run out 12\.0 ms after/);
});

test('snooping is reproduced only if what was heard restarts the flow at once', () => {
  const on = (more: Partial<typeof figure5>) =>
    verdictOn('Figure 5: permanent snooping', { figure5: { ...figure5, ...more } });
  equal(on({}), '**Reproduced.**');
  match(on({ gapMs: 800 }), /^\*\*Not reproduced: the flow restarts only 800 ms after the recovery\.\*\*$/);
  match(on({ ackAdvances: false }), /^\*\*Not reproduced: the ACK at the recovery acknowledges nothing new/);
});

test('what goes beyond the paper must beat it, and its goal is judged apart', () => {
  const woken = (more: Partial<typeof nudge>) =>
    verdictOn('Beyond: the nudge', { 'figure4-nudge': { ...nudge, ...more } });
  equal(woken({}), '**Exceeded.**');
  match(woken({ gapMs: 700 }), /^\*\*Not exceeded: the client sends again only 700 ms after/);
  match(woken({ ackAdvances: true }), /^\*\*Not exceeded: .* the nudge was not what restarted the flow/);
  const taken = (stallMs: number) =>
    verdictOn('Beyond: the takeover first', { 'figure4-takeover-first': { ...first, stallMs } });
  match(taken(31), /^\*\*Exceeded\.\*\* Our goal is met: the longest stall at most 50 ms \(31\.0 ms\)\.$/);
  match(taken(135), /^\*\*Exceeded\.\*\* \*\*Our goal is MISSED: the longest stall at most 50 ms \(135 ms\)\.\*\*$/);
  match(taken(2600), /^\*\*Not exceeded: the client stalls for 2\.60 s, .*MISSED/);
  const text = page({ 'figure4-takeover-first': { ...first, stallMs: 135 } });
  match(text, /\*\*Exceeded\*\*; goal MISSED \|$/m);
  match(text, /\*\*Goals of ours that were missed are told in: Beyond: the takeover first\.\*\*/);
});

test('the gap is long without a cure, and short with each', () => {
  const title = 'How long the gap is';
  const on = (more: Partial<typeof gap.modes>) =>
    verdictOn(title, { gap: { ...gap, modes: { ...gap.modes, ...more } } });
  const { never, reactive, nudge: woken } = gap.modes;
  match(
    on({}),
    /^\*\*Reproduced in shape: .* 2\.00 s at most, .* a minute\.\*\* Our goal is met: .* Our goal is met: /,
  );
  match(on({ never: reactive }), /^\*\*Not reproduced: without snooping nobody waited/);
  match(on({ permanent: never }), /^\*\*Not reproduced: with permanent snooping the 95th percentile is 1\.40 s/);
  match(on({ reactive: { ...reactive, failed: 1 } }), /^\*\*Not reproduced: 1 of the uploads did not survive/);
  const straggler = { recoveryMs: 900, gapMs: 80, ackAdvances: true, pauseMs: 9 };
  match(
    on({ reactive: { ...reactive, samples: [straggler] } }),
    /; with snooping 1 of the clients waited all the same/,
  );
  match(on({ nudge: { ...woken, p95Ms: 21 } }), /MISSED: the nudge's 95th percentile at most 20 ms \(21\.0 ms\)/);
  const none = { samples: [], n: 2, p50Ms: null, p95Ms: null, maxMs: null, failed: 2 };
  match(on({ never: none, nudge: none }), /^\*\*Not reproduced: 4 of the uploads.*MISSED: .* \(none\)/);
});

test('a detection timeout of the paper is reasonable only if it was never wrong', () => {
  const on = (more: Partial<typeof table1>) =>
    verdictOn('Table 1: round trips between the replicas', { table1: { ...table1, ...more } });
  equal(on({}), '**Reproduced.**');
  const wrong = table1.suspicions.map((one) => (one.timeoutMs === 2 ? { ...one, seen: 4 } : one));
  match(
    on({ suspicions: wrong }),
    /^\*\*Reproduced in shape: .* 2 ms would have been wrong 4 times in 60 s.* 5 ms were needed/,
  );
  const allWrong = wrong.map((one) => ({ ...one, seen: 1 }));
  match(on({ suspicions: allWrong }), /none of those measured was long enough/);
  match(
    on({ roundTrip: { ...table1.roundTrip, averageMs: 0.8 } }),
    /^\*\*Not reproduced: a round trip takes 0\.800 ms/,
  );
});

test("a fail-over is held against the floor of the paper's timers", () => {
  const [variant, ...others] = failover.variants;
  if (variant === undefined) throw new Error('there is one');
  const on = (more: Partial<typeof variant.loads.up>) => {
    const loads = { ...variant.loads, down: { ...variant.loads.down, ...more } };
    return verdictOn('The time of a fail-over', {
      failover: { ...failover, variants: [{ ...variant, loads }, ...others] },
    });
  };
  equal(on({}), '**Exceeded.**');
  match(on({ promotedP50Ms: 27, detectedP50Ms: 25.5 }), /^\*\*Reproduced in shape: .* 27\.0 ms, .* 10 ms; .* 25\.5 ms/);
  match(on({ failed: 1 }), /^\*\*Not reproduced: in 1 of 12 rounds the connection was lost/);
});

test('an overhead beyond the bound is named; at 1 Gb/s alone it leaves the shape', () => {
  const on = (title: string, ...cases: (typeof overhead.cases)[number][]) =>
    verdictOn(title, { overhead: { ...overhead, cases } });
  const title = 'Overhead in large transfers';
  match(
    on(title, overheadCase('100mbit', 0.1, 0.2), overheadCase('1gbit', 1, -1)),
    /^\*\*Reproduced\.\*\* Our goal is met/,
  );
  const beyond = on(title, overheadCase('100mbit', 0.1, 0.2), overheadCase('1gbit', 12.5, 1));
  match(beyond, /^\*\*Reproduced in shape: at 100 Mb\/s it holds, at 1 Gb\/s .*1 Gb\/s, up, hot: 12\.5 %.*MISSED/);
  match(on(title, overheadCase('100mbit', 2, 0)), /^\*\*Not reproduced: .*100 Mb\/s, up, hot: 2\.00 %.*MISSED/);
  const apart = on('Hot and cold backup without failures', overheadCase('100mbit', 0, 10));
  match(apart, /^\*\*Not reproduced: hot and cold are 2 % or more apart \(HTTP, 100 Mb\/s, up: 10\.0 %\).*MISSED/);
});

test("Samba's goal is about 100 Mb/s, and what was not measured is not spoken of", () => {
  const text = (...cases: (typeof overhead.cases)[number][]) => page({ overhead: { ...overhead, cases } });
  const [http, fast] = [overheadCase('100mbit', 0.1, 0.2), overheadCase('1gbit', 1, 1)];
  const alone = text(http, fast);
  match(alone, /Here they go over HTTP, from nginx to curl and back, each right after/);
  match(alone, /^\* The large transfers are over HTTP; the paper's were to a Samba server\.$/m);
  doesNotMatch(alone, /SMB|Samba under|overhead-samba/);

  const slow = text(http, fast, overheadCase('100mbit', 1, 0.5, 'samba'), overheadCase('1gbit', 40, 9, 'samba'));
  match(slow, /\*\*Reproduced in shape: .*\(Samba, 1 Gb\/s, up, hot: 40\.0 %; Samba, 1 Gb\/s, up, cold: 9\.00 %\)/);
  match(
    slow,
    /Our goal is met: HTTP under 2 % at 100 Mb\/s and at 1 Gb\/s .* met: Samba under 2 % at 100 Mb\/s \(at most 1/,
  );
  match(slow, /\| HTTP: at most 0\.20 % .*; Samba: at most 1\.00 % at 100 Mb\/s, at most 40\.0 % at 1 Gb\/s \|/);
  match(slow, /!\[Throughput lost to fttcp in large transfers over SMB\]\(paper\/overhead-samba\.png\)/);
  doesNotMatch(slow, /The large transfers are over HTTP;/);

  const late = text(http, fast, overheadCase('100mbit', 3, 0.5, 'samba'));
  match(late, /Our goal is MISSED: Samba under 2 % at 100 Mb\/s \(Samba, 100 Mb\/s, up, hot 3\.00 %\)/);
});

test('scalability is lost only if more is lost with more clients', () => {
  const on = (few: number, many: number) => {
    const points = scalability.points.map((one) =>
      one.system === 'hot' ? { ...one, mbps: one.clients === 1 ? few : many } : one,
    );
    return verdictOn('Scalability', { scalability: { ...scalability, points } });
  };
  equal(on(95, 94.5), '**Reproduced.**');
  match(on(76, 76), /^\*\*Reproduced in shape: .* get 80\.0 % .* does not grow with their number/);
  match(on(95, 57), /^\*\*Not reproduced: with 200 clients and a hot backup they get 60\.0 % .*, with 1 100\.0 %/);
});

test('a cold recovery must be right to the byte, and its goals are judged apart', () => {
  const [recovered] = cold.upload.samples;
  const on = (more: object, failed = 0) =>
    verdictOn('No checkpoints: a cold backup recovers from the initial state', {
      'cold-recovery': {
        ...cold,
        upload: { n: 1, failed, samples: recovered === undefined ? [] : [{ ...recovered, ...more }] },
      },
    });
  match(on({}), /^\*\*Exceeded\.\*\* Our goal is met: .*1000 MB.* \(1000\)\. .*\(200 MB\/s\)\.$/);
  match(on({ megabytesPerS: 50 }), /^\*\*Reproduced\.\*\*.*MISSED: a replay at 100 MB\/s or more \(50 MB\/s\)/);
  match(on({ bytes: 1e8 }), /MISSED: a recovery of 1 GB .*/);
  match(on({}, 1), /^\*\*Not reproduced: 1 of 2 recoveries lost a connection/);
});

test('no number is missing in the text, whatever is missing in a result', () => {
  const nobody = { p50Ms: null, p95Ms: null, maxMs: null, samples: [], n: 1, failed: 1 };
  const texts = [
    page(),
    page({
      figure4: { ...figure4, firstClientRetransmissionAfterMs: null, ackAtMs: null, ackBeforeResumption: false },
      gap: { ...gap, modes: { ...gap.modes, never: nobody, nudge: nobody, 'takeover-first': nobody } },
    }),
    page({ scalability: { ...scalability, points: scalability.points.filter(({ system }) => system !== 'direct') } }),
    paperPage({}),
  ];
  for (const text of texts) doesNotMatch(text, /NaN|undefined|null|Infinity|\[object/);
});

test('what was not measured is left out, and named', () => {
  const text = paperPage({ table1 });
  const titles = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  deepEqual(titles, [
    'Claim by claim',
    'Table 1: round trips between the replicas',
    'What is different here',
    'What these numbers do not say',
  ]);
  match(prose(text), /\*\*Not measured, and so not on this page: figure4, .*cold-recovery\.\*\*/);
  doesNotMatch(page(), /Not measured/);
  match(
    paperPage({ table1: { ...table1, run: { ...table1.run, quick: true } } }),
    /--write --quick\n[\s\S]*\*\*A quick run\*\*/,
  );
});

test('links point to sections of the page, and to files of the results', () => {
  const text = page();
  const targets = [...text.matchAll(/\]\(([^)]*)\)/g)].map(([, target = '']) => target);
  const anchors = [...text.matchAll(/^## (.*)$/gm)].map(([, title = '']) => `#${anchorOf(title)}`);
  const files = targets.filter((target) => target.startsWith('paper/')).map((target) => target.slice('paper/'.length));
  deepEqual(
    targets.filter((target) => target.startsWith('#') && !anchors.includes(target)),
    [],
  );
  deepEqual([...new Set(files)].sort(), paperFiles(RESULTS).sort());
});

test('prose is wrapped; every row of a table has as many cells as its head', () => {
  const blocks = paperPage(RESULTS).split('\n\n');
  const long = blocks.filter((block) => !/^(\||!)/.test(block)).flatMap((block) => block.split('\n'));
  deepEqual(
    long.filter((line) => line.length > 130),
    [],
  );
  for (const table of blocks.filter((block) => block.startsWith('|'))) {
    equal(new Set(table.split('\n').map((line) => line.split('|').length)).size, 1, table);
  }
});
