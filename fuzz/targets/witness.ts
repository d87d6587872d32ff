/**
 * Datagrams between replica and witness, both ways: requests are decoded, decided upon and answered as the witness does it, answers
 * come to a replica in the middle of its succession. What bears no right seal is refused; what does is of one's own, and may still
 * be of another life, late, or nonsense.
 */

import { deepEqual, ok } from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { RECOVERY } from '../../sim/host.ts';
import type { Random } from '../../src/lab/random.ts';
import { NO_PEER } from '../../src/replica/health.ts';
import { Replica } from '../../src/replica/replica.ts';
import { changed, type View, type WitnessAnswer, type WitnessRequest } from '../../src/replica/view.ts';
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  SEAL_BYTES,
  SERVICE_ID_BYTES,
  type Seal,
  serviceOfRequest,
  WITNESS_MESSAGE_BYTES_MAX,
} from '../../src/replica/witness-protocol.ts';
import { setU32 } from '../../src/wire/bytes.ts';
import { Stage } from '../stage.ts';
import type { Target } from '../target.ts';

const SERVICE = new Uint8Array(SERVICE_ID_BYTES).fill(9);
const SELF = { index: 0, life: 1 };
const PEER = { index: 1, life: 2 };
const SEQUENCE_AT = 14;

const seal: Seal = (bytes) => createHmac('sha256', 'key').update(bytes).digest();

export const witness: Target = {
  name: 'witness',
  weight: 2,
  bytesMax: WITNESS_MESSAGE_BYTES_MAX + 50,
  subject(random) {
    const asked: WitnessRequest[] = [];
    const replica = replicaThatAsks(random.chance(0.5), asked);
    let view: View | undefined;
    let nowMs = 1000;
    return {
      corpus: [...REQUESTS, ...ANSWERS],
      prepare: (input, numbers) => prepare(input, numbers, asked.at(-1)?.sequence ?? 0),
      take(input) {
        view = answeredTo(input, view);
        const answer = decodeAnswer(input, SERVICE, SELF, seal);
        if (answer.ok) replica.fromWitness(answer.value, nowMs);
        nowMs += 30;
        replica.tick(nowMs, 0, { peer: { ...NO_PEER, heard: true, role: 'backup' }, lanUp: true });
        if (asked.length > 2) asked.splice(0, asked.length - 2);
      },
      check: () => ok(replica.epoch <= 0xffff_ffff),
    };
  },
};

/** As `witness/server.ts` does. @returns the view after it. */
function answeredTo(input: Uint8Array, view: View | undefined): View | undefined {
  if (serviceOfRequest(input) === undefined) return view;
  const request = decodeRequest(input, seal);
  if (!request.ok) return view;
  const { sequence, from, change } = request.value;
  const next = change === undefined ? view : changed(view, from, change);
  ok((next?.epoch ?? 0) >= (view?.epoch ?? 0), 'a view is never replaced by an earlier one');
  const answer: WitnessAnswer = { sequence, view: next, problem: '' };
  const said = encodeAnswer(SERVICE, from, answer, seal);
  ok(said.length <= WITNESS_MESSAGE_BYTES_MAX);
  deepEqual(decodeAnswer(said, SERVICE, from, seal), { ok: true, value: answer });
  return next;
}

function replicaThatAsks(startAsPrimary: boolean, asked: WitnessRequest[]): Replica {
  const stage = new Stage({ family: 4, logged: false });
  return new Replica(
    {
      self: SELF,
      witnessed: true,
      peerIndex: 1,
      startAsPrimary,
      service: 7,
      timeoutMs: 1e9,
      ackTimeoutMs: 1e9,
      catchUpTimeoutMs: 1e9,
      ...RECOVERY,
    },
    stage.south,
    stage.log,
    {
      event: () => undefined,
      flushLink: () => undefined,
      closeLink: () => undefined,
      listen: () => undefined,
      askWitness: (request) => asked.push(request),
      logBegins: () => {},
      refusesJoiner: () => '',
      lagMs: () => 0,
    },
    (_label, parts) => seal(parts[0] ?? new Uint8Array(0)),
    1000,
  );
}

const VIEWS: readonly View[] = [
  { epoch: 1, primary: SELF, backups: [] },
  { epoch: 2, primary: SELF, backups: [PEER] },
  { epoch: 3, primary: PEER, backups: [] },
  { epoch: 2, primary: PEER, backups: Array.from({ length: 7 }, (_, index) => ({ index, life: index })) },
];

const REQUESTS = [
  encodeRequest(SERVICE, { sequence: 1, from: SELF }, seal),
  ...VIEWS.map((next, i) => {
    const change = { expected: next.epoch - 1, next, refound: i === 2 };
    return encodeRequest(SERVICE, { sequence: 2, from: SELF, change }, seal);
  }),
].map((bytes) => bytes.slice());

const ANSWERS = [undefined, ...VIEWS].flatMap((view) =>
  (['', 'disk-full'] as const).map((problem) =>
    encodeAnswer(SERVICE, SELF, { sequence: 1, view, problem }, seal).slice(),
  ),
);

/** @param sequence of the question that is open. */
function prepare(input: Uint8Array, random: Random, sequence: number): void {
  if (input.length < SEQUENCE_AT + 4 + SEAL_BYTES) return;
  if (random.chance(0.7)) setU32(input, SEQUENCE_AT, sequence);
  const end = input.length - SEAL_BYTES;
  if (random.chance(0.8)) input.set(seal(input.subarray(0, end)), end);
}
