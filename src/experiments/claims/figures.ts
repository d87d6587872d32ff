/** Figures 4 to 6, and Figure 4 with what goes beyond the paper. Pure. */
import type { Documented } from '../experiment.ts';
import type { FigureResult } from '../figure.ts';
import { AT_ONCE_MS, FIGURES, TAKEOVER_FIRST_STALL_GOAL_MS } from '../figures.ts';
import {
  type Claim,
  EXCEEDED,
  inShape,
  measuredIn,
  milliseconds,
  notExceeded,
  notReproduced,
  REPRODUCED,
  seconds,
  type Verdict,
} from './claim.ts';

type Figure = Documented<FigureResult>;

/** A time is the paper's, if it is no further from it. Its pictures are read by eye. */
const NEAR = 0.1;
/** What waiting for the recovery costs at least. */
const RECOVERY_MS = 2500;

export function figure4Claim(result: Figure): Claim {
  const { retransmissions, resumedAtMs, paper } = result;
  return {
    title: 'Figure 4: no snooping',
    claim:
      'A client uploads, and the primary crashes after one second; the recovery is drawn out to two and a half. What the client sends ' +
      'meanwhile is heard by nobody: its window fills, about 300 ms later its timer runs out and it sends again, and then at intervals that grow ' +
      'exponentially. At about 3.6 s the recovered backup sends an ACK, which does **not** restart the flow: it acknowledges what the client ' +
      'already knows to be acknowledged. The fourth retransmission does, at about 4.8 s. In this way a client may wait for up to 64 s.',
    theirs: `ACK at ${seconds(paper.ackAtMs ?? 0)} restarts nothing; retransmission ${paper.retransmissions ?? ''} does, at ${seconds(paper.resumedAtMs)}`,
    ours: result.ackAdvances
      ? `the ACK restarts the flow, at ${seconds(resumedAtMs)}`
      : `${acked(result)}; ${resumedBy(retransmissions)}, at ${seconds(resumedAtMs)}`,
    verdict: verdictOfFigure4(result),
    goals: [],
    ...measuredIn(FIGURES.figure4, result),
    name: 'figure4',
    pictures: { figure4: 'Sequence of data and acknowledgements over time, without snooping' },
  };
}

function acked({ ackAtMs, ackBeforeResumption }: FigureResult): string {
  return ackAtMs === null || !ackBeforeResumption
    ? 'no ACK comes first'
    : `ACK at ${seconds(ackAtMs)} restarts nothing`;
}

function resumedBy(retransmissions: number): string {
  return retransmissions === 0 ? 'new data does' : `retransmission ${retransmissions} does`;
}

function verdictOfFigure4(result: FigureResult): Verdict {
  const { attempts, ackAdvances, ackBeforeResumption, gapMs, firstClientRetransmissionAfterMs: firstMs } = result;
  const { retransmissions, resumedAtMs, crashAtMs, paper } = result;
  if (ackAdvances) return notReproduced(`the ACK at the recovery was news to the client, in each of ${attempts} runs`);
  if (!ackBeforeResumption)
    return notReproduced('the client went on before the recovered backup had acknowledged anything');
  if (firstMs === null || retransmissions === 0) return notReproduced('the client went on without a retransmission');
  if (gapMs <= AT_ONCE_MS) {
    return notReproduced(
      `a timer happened to run out ${milliseconds(gapMs)} after the recovery, so that there was no gap to see`,
    );
  }
  if (retransmissions > 1 && !doubles(retransmissions, firstMs, resumedAtMs - crashAtMs)) {
    return notReproduced('the intervals of the retransmissions do not grow exponentially');
  }
  const firstInPaperMs = paper.firstClientRetransmissionAfterMs ?? firstMs;
  if (
    retransmissions === paper.retransmissions &&
    near(firstMs, firstInPaperMs) &&
    near(resumedAtMs, paper.resumedAtMs)
  ) {
    return REPRODUCED;
  }
  const number = retransmissions === paper.retransmissions ? '' : `number ${paper.retransmissions ?? ''} at `;
  return inShape(
    `the client's first timer runs out after ${milliseconds(firstMs)} in place of ${milliseconds(firstInPaperMs)}, so that of timers that ` +
      `double from there number ${retransmissions} restarts the flow, at ${seconds(resumedAtMs)} in place of ${number}${seconds(paper.resumedAtMs)}`,
  );
}

/** The last of `count` timers runs out at `count` times the first if they stay, at 2^count − 1 times if they double: which is nearer? */
function doubles(count: number, firstMs: number, lastMs: number): boolean {
  return lastMs / firstMs > Math.sqrt(count * (2 ** count - 1));
}

function near(ours: number, theirs: number): boolean {
  return Math.abs(ours - theirs) <= theirs * NEAR;
}

export function figure5Claim(result: Figure): Claim {
  return {
    ...snooped(result),
    title: 'Figure 5: permanent snooping',
    claim:
      "The backup's network card is promiscuous from the beginning of the connection. What the client sends after the crash is in the backup's hands " +
      'when it has recovered: it is acknowledged, the ACK is news, and the flow restarts at once.',
    ...measuredIn(FIGURES.figure5, result),
    name: 'figure5',
    pictures: { figure5: 'Sequence of data and acknowledgements over time, with permanent snooping' },
  };
}

export function figure6Claim(result: Figure): Claim {
  return {
    ...snooped(result),
    title: 'Figure 6: reactive snooping',
    claim:
      'The card is promiscuous only from the detection of the crash on. What was sent before is lost, but the first retransmission is caught, and that ' +
      'is enough: the flow restarts as soon as the promotion is complete, at about 3.4 s.',
    ...measuredIn(FIGURES.figure6, result),
    name: 'figure6',
    pictures: { figure6: 'Sequence of data and acknowledgements over time, with reactive snooping' },
  };
}

function snooped(result: FigureResult): Pick<Claim, 'theirs' | 'ours' | 'verdict' | 'goals'> {
  const { gapMs, recoveredAtMs, ackAdvances, paper } = result;
  return {
    theirs: `at once, at ${seconds(paper.resumedAtMs)}`,
    ours: `${milliseconds(gapMs)} after the recovery at ${seconds(recoveredAtMs)}`,
    verdict:
      gapMs > AT_ONCE_MS
        ? notReproduced(`the flow restarts only ${milliseconds(gapMs)} after the recovery`)
        : ackAdvances
          ? REPRODUCED
          : notReproduced(
              'the ACK at the recovery acknowledges nothing new, so that what restarted the flow was not what the backup had heard',
            ),
    goals: [],
  };
}

export function nudgeClaim(result: Figure): Claim {
  const { gapMs, ackAdvances, paper } = result;
  return {
    title: 'Beyond: the nudge',
    claim:
      'The paper cures the gap of Figure 4 by snooping, for which the backup must see the frames of the clients. Here the recovered backup sends the client an ICMP ' +
      'message that has its TCP send again at once ([protocol.md](protocol.md)). It takes no promiscuous card, and no change to the client.',
    theirs: `${milliseconds(paper.gapMs)} after the recovery (Figure 4)`,
    ours: `${milliseconds(gapMs)} after the recovery`,
    verdict: ackAdvances
      ? notExceeded('the ACK at the recovery was news, so that the nudge was not what restarted the flow')
      : gapMs <= AT_ONCE_MS
        ? EXCEEDED
        : notExceeded(`the client sends again only ${milliseconds(gapMs)} after the recovery`),
    goals: [],
    ...measuredIn(FIGURES['figure4-nudge'], result),
    name: 'figure4-nudge',
    pictures: { 'figure4-nudge': 'Sequence of data and acknowledgements over time, with the nudge' },
  };
}

export function takeoverFirstClaim(result: Figure): Claim {
  const { stallMs, paper } = result;
  return {
    title: 'Beyond: the takeover first',
    claim:
      'In the paper clients hear nothing until the server has recovered, whatever else is done for them. Here the backup takes over at the detection: it answers ' +
      'from its log, and acknowledges and keeps what clients send, while its server recovers ([ADR 20](adr/0020-first-or-after-recovery.md)).',
    theirs: `the client stalls for at least the recovery, ${seconds(RECOVERY_MS)} (Figure 4: until ${seconds(paper.resumedAtMs)})`,
    ours: `longest stall ${milliseconds(stallMs)}`,
    verdict:
      stallMs < RECOVERY_MS
        ? EXCEEDED
        : notExceeded(`the client stalls for ${milliseconds(stallMs)}, no less than the recovery takes`),
    goals: [
      {
        met: stallMs <= TAKEOVER_FIRST_STALL_GOAL_MS,
        said: `the longest stall at most ${TAKEOVER_FIRST_STALL_GOAL_MS} ms (${milliseconds(stallMs)})`,
      },
    ],
    ...measuredIn(FIGURES['figure4-takeover-first'], result),
    name: 'figure4-takeover-first',
    pictures: { 'figure4-takeover-first': 'Sequence of data and acknowledgements over time, with the takeover first' },
  };
}
