import { deepEqual, equal, ok } from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, test } from 'node:test';
import { WitnessLink } from '../../src/daemon/witness-link.ts';
import { witnessSeal, witnessServiceId } from '../../src/daemon/witness-seal.ts';
import { Poller } from '../../src/linux/io.ts';
import type { View, WitnessAnswer, WitnessRequest } from '../../src/replica/view.ts';
import { decodeRequest, encodeAnswer, WITNESS_MESSAGE_BYTES_MAX } from '../../src/replica/witness-protocol.ts';

const KEY = new Uint8Array(16).fill(5);
const SELF = { index: 1, life: 77 };
const VIEW: View = { epoch: 3, primary: SELF, backups: [] };
const ID = witnessServiceId('files');
const SEAL = witnessSeal(KEY);

/** A witness that answers what the test tells it to. */
let witness: Socket;
let poller: Poller;
let link: WitnessLink;

beforeEach(async () => {
  witness = createSocket('udp4').bind(0, '127.0.0.1');
  await once(witness, 'listening');
  poller = new Poller(1);
  link = new WitnessLink(poller, { host: '127.0.0.1', port: witness.address().port }, 'files', KEY, SELF);
});

afterEach(() => {
  link.end();
  witness.close();
});

const REQUEST: WitnessRequest = { sequence: 1, from: SELF, change: { expected: 2, next: VIEW, refound: false } };
const ANSWER: WitnessAnswer = { sequence: 1, view: VIEW, problem: '' };

async function asked(): Promise<RemoteInfo> {
  link.ask(REQUEST);
  const [message, from]: [Uint8Array, RemoteInfo] = (await once(witness, 'message')) as [Uint8Array, RemoteInfo];
  deepEqual(decodeRequest(message, SEAL), { ok: true, value: REQUEST });
  return from;
}

function send(bytes: Uint8Array, { address, port }: RemoteInfo): Promise<void> {
  return new Promise((resolve) => witness.send(bytes, port, address, () => resolve()));
}

function received(): WitnessAnswer[] {
  const answers: WitnessAnswer[] = [];
  link.receive((answer) => answers.push(answer));
  return answers;
}

test('a request goes out, and its answer comes in', async () => {
  const from = await asked();
  equal(poller.wait(0), 0);
  deepEqual(received(), []);
  await send(encodeAnswer(ID, SELF, ANSWER, SEAL), from);
  equal(poller.wait(1000), 1);
  deepEqual(received(), [ANSWER]);
  equal(poller.wait(0), 0);
});

test('what is not an authentic answer to this life is dropped, and holds nothing up', async () => {
  const from = await asked();
  await send(new Uint8Array(0), from);
  await send(new Uint8Array(WITNESS_MESSAGE_BYTES_MAX + 100), from);
  await send(encodeAnswer(ID, SELF, ANSWER, witnessSeal(new Uint8Array(16))), from);
  await send(encodeAnswer(ID, { ...SELF, life: 76 }, ANSWER, SEAL), from);
  await send(encodeAnswer(witnessServiceId('mail'), SELF, ANSWER, SEAL), from);
  await send(encodeAnswer(ID, SELF, { sequence: 1, view: undefined, problem: 'disk-full' }, SEAL), from);
  equal(poller.wait(1000), 1);
  deepEqual(received(), [{ sequence: 1, view: undefined, problem: 'disk-full' }]);
  equal(poller.wait(0), 0);
});

test('a flood is taken in portions', async () => {
  const from = await asked();
  for (let n = 0; n < 100; n++) await send(encodeAnswer(ID, SELF, ANSWER, SEAL), from);
  let [turns, answers] = [0, 0];
  while (poller.wait(0) > 0) {
    turns++;
    answers += received().length;
  }
  equal(answers, 100);
  ok(turns > 1);
});

test('a witness that is down is silence, and no error that wakes the loop', async () => {
  const { port } = witness.address();
  await new Promise<void>((resolve) => witness.close(resolve));
  for (let n = 0; n < 5; n++) {
    link.ask(REQUEST);
    equal(poller.wait(20), 0);
    deepEqual(received(), []);
  }
  witness = createSocket('udp4').bind(port, '127.0.0.1');
  await once(witness, 'listening');
  await send(encodeAnswer(ID, SELF, ANSWER, SEAL), await asked());
  equal(poller.wait(1000), 1);
  deepEqual(received(), [ANSWER]);
});

test('a witness without a way to it is silence too', () => {
  const lost = new WitnessLink(new Poller(1), { host: '255.255.255.255', port: 9 }, 'files', KEY, SELF);
  lost.ask(REQUEST);
  lost.end();
});
