import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type CrashedUpload, resumptionOf, startOfGap } from '../../src/experiments/crashed-upload.ts';
import type { FlowReport } from '../../src/lab/flow.ts';
import type { LabResult } from '../../src/lab/result.ts';

const START = 1_700_000_000_000;

const lab: LabResult = {
  ok: true,
  client: { exitCode: 0, stdout: '', stderr: '', durationMs: 9000 },
  faults: [],
  failovers: [],
  connections: [],
  voices: { violations: 0, speakers: [] },
  falsePromotions: 0,
  divergences: 0,
};

/** As the paper's Figure 4: four retransmissions, and an ACK before the last of them that restarts nothing. */
function upload(more: { lab?: Partial<LabResult>; flow?: Partial<FlowReport> } = {}): CrashedUpload {
  const at = (...ms: number[]) => ms.map((one) => START + one);
  const flow: FlowReport = {
    client: 'c:1',
    service: 's:1',
    bytesIn: 1,
    bytesOut: 1,
    stallMs: 3800,
    established: true,
    ending: 'closed',
    closeUnanswered: false,
    retransmissions: 5,
    startMs: START + 80,
    sentMs: at(1001, 1300, 1900, 3100, 4800, 4801),
    resentMs: at(1300, 1900, 3100, 4800, 4801),
    acks: at(1000.5, 3600, 4801).map((atMs) => ({ atMs, advances: atMs !== START + 3600 })),
    whole: [],
    closeUp: [],
    ...more.flow,
  };
  const event = (name: string, atMs: number) => ({ host: 'b', event: name, epoch: 2, atMs: START + atMs });
  return {
    lab: { ...lab, ...more.lab },
    trace: {
      startMs: START,
      faults: [{ action: 'power-off', host: 'a', wallMs: START + 1000 }],
      events: [event('suspected', 1006), event('promoted', 1008), event('recovered', 3500)],
      flows: [flow],
    },
  };
}

test('after the recovery an ACK alone restarts nothing, and the fourth retransmission does', () => {
  deepEqual(resumptionOf(upload(), 'recovered'), {
    crashAtMs: 1000,
    detectedAtMs: 1006,
    promotedAtMs: 1008,
    recoveredAtMs: 3500,
    firstClientRetransmissionAfterMs: 300,
    retransmissions: 4,
    ackAtMs: 3600,
    ackBeforeResumption: true,
    ackAdvances: false,
    resumedAtMs: 4800,
    gapMs: 1300,
    stallMs: 3800,
    pauseMs: 1700,
  });
});

test('with new data the client goes on as well, and has sent nothing again', () => {
  const at = (ms: number) => START + ms;
  const flow = { sentMs: [at(1001), at(3501)], resentMs: [], acks: [{ atMs: at(3500.5), advances: true }] };
  const { gapMs, retransmissions, firstClientRetransmissionAfterMs, ackAdvances } =
    resumptionOf(upload({ flow }), 'recovered') ?? {};
  deepEqual(
    { gapMs, retransmissions, firstClientRetransmissionAfterMs, ackAdvances },
    {
      gapMs: 1,
      retransmissions: 0,
      firstClientRetransmissionAfterMs: null,
      ackAdvances: true,
    },
  );
});

test('with the takeover first the gap begins there', () => {
  equal(startOfGap('takeover-first'), 'promoted');
  equal(startOfGap('nudge'), 'recovered');
  equal(resumptionOf(upload(), 'promoted')?.gapMs, 292);
});

test('an upload that failed, or never went on, has no resumption', () => {
  equal(resumptionOf(upload({ lab: { ok: false } }), 'recovered'), undefined);
  equal(resumptionOf(upload({ flow: { sentMs: [START + 1300] } }), 'recovered'), undefined);
});
