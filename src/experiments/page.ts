/**
 * docs/paper.md from the results: claim by claim what the paper says, what was measured here, and what follows. Verdicts are
 * chosen by the numbers, so that the page stays true whatever they are. Pure.
 */
import { type Claim, filesOf, rowOf, sectionOf } from './claims/claim.ts';
import { coldClaim } from './claims/cold.ts';
import { failoverClaim } from './claims/failover.ts';
import { figure4Claim, figure5Claim, figure6Claim, nudgeClaim, takeoverFirstClaim } from './claims/figures.ts';
import { gapClaim } from './claims/gap.ts';
import { hotAndColdClaim, overheadClaim } from './claims/overhead.ts';
import { scalabilityClaim } from './claims/scalability.ts';
import { table1Claim } from './claims/table1.ts';
import type { Documented } from './experiment.ts';
import { EXPERIMENT_NAMES, type PaperResults } from './experiments.ts';
import { wrapped } from './prose.ts';
import { markdown } from './table.ts';

export type PageResults = Partial<PaperResults>;

/** Of JSON and pictures, as seen from the page. */
const FOLDER = 'paper';

export function paperPage(results: PageResults): string {
  const claims = claimsOf(results);
  const sections = [
    introduction(results),
    summary(claims),
    ...claims.map((claim) => sectionOf(claim, FOLDER)),
    DIFFERENCES,
    limits(results),
  ];
  return `${wrapped(sections.join('\n\n'))}\n`;
}

/** Those in its folder that the page of these results points to. */
export function paperFiles(results: PageResults): string[] {
  return [...new Set(claimsOf(results).flatMap(filesOf))];
}

/** In the order of the page. What was not measured is left out. */
function claimsOf(results: PageResults): Claim[] {
  const of = <Result>(result: Result | undefined, claim: (result: Result) => Claim | undefined) =>
    result === undefined ? undefined : claim(result);
  return [
    of(results.figure4, figure4Claim),
    of(results.figure5, figure5Claim),
    of(results.figure6, figure6Claim),
    of(results['figure4-nudge'], nudgeClaim),
    of(results['figure4-takeover-first'], takeoverFirstClaim),
    of(results.gap, gapClaim),
    of(results.table1, table1Claim),
    of(results.failover, failoverClaim),
    of(results.overhead, overheadClaim),
    of(results.overhead, hotAndColdClaim),
    of(results['cold-recovery'], coldClaim),
    of(results.scalability, scalabilityClaim),
  ].filter((claim) => claim !== undefined);
}

function introduction(results: PageResults): string {
  const all: readonly Documented<object>[] = Object.values(results);
  const quick = all.some(({ run }) => run.quick)
    ? '\n\n**A quick run** with few repetitions, at least in part: good for a look, not for a judgement.'
    : '';
  return `# The paper, repeated

FT-TCP (Zagorodnov, Marzullo, Alvisi, Bressoud: *Engineering Fault-Tolerant TCP/IP Servers Using FT-TCP*, DSN 2003) wraps the TCP of an unmodified
server, so that a backup goes on with its connections when its host has crashed, and no client notices. fttcp does the same by other means, so
what the paper measured can be measured again. Client, primary, backup and the switch between them are network namespaces of one machine here; the
LAN is shaped to 100 Mb/s where nothing else is said, and the replication link is a second cable. A crash is a power-off: cables dead, every process killed.

This page is written by

    npm run paper -- --write${all.length > 0 && all.every(({ run }) => run.quick) ? ' --quick' : ''}

and every number and verdict on it is that run's. *Reproduced*: the claim holds here. *Exceeded*: more than that does. *Reproduced in shape*: the same
happens for the same reason, with other numbers. What the paper says is in our words; its pictures are read by eye.${missing(results)}${quick}

${provenance(all)}`;
}

function missing(results: PageResults): string {
  const names = EXPERIMENT_NAMES.filter((name) => results[name] === undefined);
  return names.length === 0 ? '' : `\n\n**Not measured, and so not on this page: ${names.join(', ')}.**`;
}

function provenance(all: readonly Documented<object>[]): string {
  const each = (pick: (one: Documented<object>) => string) => [...new Set(all.map(pick))].join('; ') || '–';
  const days = all.map(({ run }) => run.startedIso.slice(0, 10)).sort();
  const [from, to] = [days[0] ?? '–', days.at(-1) ?? '–'];
  const minutes = all.reduce((sum, { run }) => sum + run.durationS, 0) / 60;
  return markdown({
    title: 'The machine',
    head: ['machine', ''],
    rows: [
      ['processors', each(({ machine }) => `${machine.cores} × ${machine.cpu}`)],
      ['memory', each(({ machine }) => `${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB`)],
      ['kernel', each(({ machine }) => machine.kernel)],
      ['Node', each(({ machine }) => machine.node)],
      ['congestion control, all ends', each(({ machine }) => machine.congestion)],
      ['fttcp', each(({ run }) => run.version)],
      ['measured on', from === to ? from : `${from} to ${to}`],
      ['measured for', `${minutes.toFixed(0)} min`],
    ],
  });
}

function summary(claims: readonly Claim[]): string {
  const late = claims.filter(({ goals }) => goals.some(({ met }) => !met)).map(({ title }) => title);
  const goals =
    late.length === 0
      ? 'Every goal that this project has set itself for these is met.'
      : `**Goals of ours that were missed are told in: ${late.join('; ')}.**`;
  return [
    '## Claim by claim',
    ['| claim | paper | here | verdict |', '|---|---|---|---|', ...claims.map(rowOf)].join('\n'),
    goals,
  ].join('\n\n');
}

const DIFFERENCES = `## What is different here

* **One machine.** The paper had a computer each for client, primary and backup. Here they are namespaces that share the processors of one: what one
  takes, the others lack, a host that waits for a processor looks like a dead one, and a cable has no length.
* **User space.** FT-TCP was in the kernel, around the server's TCP. fttcp is a daemon between a TUN device and a packet socket
  ([ADR 1](adr/0001-daemon-between-tun-and-packet-socket.md)): each packet costs system calls and copies that a kernel module spares.
* **Timers.** Today's Linux first sends again after 200 ms and a round trip, counts in a few milliseconds at most, and doubles up to two minutes.
  Timers of a program are finer still. So the same retransmissions come at other times than in the paper's pictures, and the floor of 10 ms under its fail-over is gone.
* **Congestion control, and loss recovery.** A client of today knows SACK, tail loss probes and RACK, and may use BBR: what it sends after a gap, and how fast,
  is another picture than that of 2003, even when the gap is the same.
* **The log may know more.** The backup's log may hold data that the old primary had not yet acknowledged to the client. Then the ACK at the recovery is news, and
  restarts the flow where in the paper it never does. Figure 4 is repeated until that is not the case; in Figures 5 and 6, where news is expected, one run alone
  cannot tell what was snooped from what was logged: the distribution of the gap can.
* **The recovery is drawn out** by a delay (\`recoveryDelay\`), as in the paper; a hot backup's own takes next to no time.`;

function limits(results: PageResults): string {
  const services = results.overhead?.cases.map(({ service }) => service);
  const http =
    services === undefined || services.includes('samba')
      ? ''
      : "\n* The large transfers are over HTTP; the paper's were to a Samba server.";
  const gap =
    results.gap === undefined
      ? ''
      : '\n* A gap of 64 s was not waited for: it takes an outage of a minute, and those here last five seconds at most.';
  return `## What these numbers do not say

* A figure is one run; how far runs differ is told by the distribution of the gap.
* Round trips and overhead on real hosts are others: there a wire adds delay, and processors of their own take work away.
* A run in which the hosts parted before the fault measured an unprotected service: it is repeated.${http}${gap}
* Whatever else ran on the machine is in the numbers.`;
}
