/** The five figures: which mode each shows, what the paper says of it, and why our numbers are not the same. */
import type { Resumption } from './crashed-upload.ts';
import type { Experiment } from './experiment.ts';
import { type FigureResult, figure, PAPER_FIGURE_4, PAPER_FIGURE_5, PAPER_FIGURE_6 } from './figure.ts';

type FigureName = 'figure4' | 'figure5' | 'figure6' | 'figure4-nudge' | 'figure4-takeover-first';

/** What a person, and the paper, would call at once. */
export const AT_ONCE_MS = 50;
export const TAKEOVER_FIRST_STALL_GOAL_MS = 50;

export const FIGURES: Readonly<Record<FigureName, Experiment<FigureResult>>> = {
  figure4: figure({
    name: 'figure4',
    title: 'Figure 4: no snooping',
    mode: 'never',
    paper: PAPER_FIGURE_4,
    isCase: hasNothingNew,
    remark: ({ ackAdvances, retransmissions, attempts, firstClientRetransmissionAfterMs: firstMs }) =>
      `${
        ackAdvances
          ? 'Unlike in the paper, the ACK at the recovery acknowledges something new, and restarts the flow.'
          : 'As in the paper, the ACK at the recovery acknowledges nothing new and does not restart the flow; ' +
            `retransmission number ${retransmissions} does.`
      } A timer of today's Linux runs out ${firstMs?.toFixed(0) ?? '–'} ms after the crash for the first time, and then doubles: ` +
      'so the times are others, and the gap is as long as the outage before it at most. ' +
      `(The log of the backup may hold more than was acknowledged to the client, and then its ACK is news: this was run ${attempts}.)`,
  }),
  figure5: figure({
    name: 'figure5',
    title: 'Figure 5: permanent snooping',
    mode: 'permanent',
    paper: PAPER_FIGURE_5,
    remark: snoopedRemark,
  }),
  figure6: figure({
    name: 'figure6',
    title: 'Figure 6: reactive snooping',
    mode: 'reactive',
    paper: PAPER_FIGURE_6,
    remark: snoopedRemark,
  }),
  'figure4-nudge': figure({
    name: 'figure4-nudge',
    title: 'Figure 4 with the nudge',
    mode: 'nudge',
    paper: PAPER_FIGURE_4,
    isCase: hasNothingNew,
    remark: ({ gapMs }) =>
      `Beyond the paper: without any snooping, an ICMP message of the recovered backup has the client send again ` +
      `${gapMs <= AT_ONCE_MS ? 'at once, long before its timer would' : 'only with its timer'}.`,
  }),
  'figure4-takeover-first': figure({
    name: 'figure4-takeover-first',
    title: 'Figure 4 with the takeover first',
    mode: 'takeover-first',
    paper: PAPER_FIGURE_4,
    remark: ({ stallMs, pauseMs }) =>
      'Beyond the paper: the backup answers from its log as soon as the crash is detected, and acknowledges and keeps what clients send ' +
      `until its server has recovered; the longest stall is ${stallMs.toFixed(1)} ms (goal: at most ${TAKEOVER_FIRST_STALL_GOAL_MS} ms, ` +
      `${stallMs <= TAKEOVER_FIRST_STALL_GOAL_MS ? 'met' : 'MISSED'}), and the client never sends no data for longer than ${pauseMs.toFixed(1)} ms.`,
  }),
};

/** The ACK at the recovery cannot wake the client. */
function hasNothingNew({ ackAdvances }: Resumption): boolean {
  return !ackAdvances;
}

function snoopedRemark({ gapMs, recoveredAtMs, paper }: FigureResult): string {
  const restarts =
    gapMs <= AT_ONCE_MS
      ? 'As in the paper, what the backup has heard is acknowledged when it has recovered, and the flow restarts at once'
      : 'Unlike in the paper, the flow does not restart when the backup has recovered';
  const laterMs = recoveredAtMs - paper.recoveredAtMs;
  return Math.abs(laterMs) < AT_ONCE_MS
    ? `${restarts}.`
    : `${restarts}; the recovery itself ends ${Math.abs(laterMs).toFixed(0)} ms ${laterMs > 0 ? 'later' : 'earlier'} here.`;
}
