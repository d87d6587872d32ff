import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Member,
  type View,
  WITNESS_PROBLEMS,
  type WitnessAnswer,
  type WitnessRequest,
} from '../../src/replica/view.ts';
import {
  BACKUPS_MAX,
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

/** Keyed, and different for any changed bit: enough to see that the codec asks for it. */
const seal =
  (key: number): Seal =>
  (bytes) => {
    let state = key;
    for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
    return Uint8Array.from({ length: SEAL_BYTES }, (_, i) => {
      state = Math.imul(state ^ i, 0x9e3779b1) >>> 0;
      return state >>> 24;
    });
  };

const SERVICE = Uint8Array.from({ length: SERVICE_ID_BYTES }, (_, i) => 0xf8 + i);
const SELF: Member = { index: 255, life: 0xffffffff };

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const PLAIN = { noNullPrototype: true };
const member = fc.record({ index: fc.integer({ min: 0, max: 255 }), life: u32 }, PLAIN);
const view: fc.Arbitrary<View> = fc.record(
  {
    epoch: fc.integer({ min: 1, max: 0xffffffff }),
    primary: member,
    backups: fc.array(member, { maxLength: BACKUPS_MAX }),
  },
  PLAIN,
);
const change = fc.record({ expected: u32, next: view, refound: fc.boolean() }, PLAIN);
const request: fc.Arbitrary<WitnessRequest> = fc.record(
  { sequence: u32, from: member, change },
  { ...PLAIN, requiredKeys: ['sequence', 'from'] },
);
const answer: fc.Arbitrary<WitnessAnswer> = fc.record(
  {
    sequence: u32,
    view: fc.option(view, { nil: undefined }),
    problem: fc.constantFrom(...WITNESS_PROBLEMS),
  },
  PLAIN,
);

const readAnswer = (bytes: Uint8Array, self: Member = SELF, key = 1) => decodeAnswer(bytes, SERVICE, self, seal(key));

test('a request is read as it was written', () => {
  fc.assert(
    fc.property(request, (sent) => {
      const bytes = encodeRequest(SERVICE, sent, seal(1));
      ok(bytes.length <= WITNESS_MESSAGE_BYTES_MAX);
      deepEqual(serviceOfRequest(bytes), SERVICE);
      deepEqual(decodeRequest(bytes, seal(1)), { ok: true, value: sent });
    }),
  );
});

test('an answer is read as it was written, by who asked', () => {
  fc.assert(
    fc.property(member, answer, (asker, sent) => {
      deepEqual(readAnswer(encodeAnswer(SERVICE, asker, sent, seal(1)), asker), { ok: true, value: sent });
    }),
  );
});

test('a view of 7 backups makes the longest message', () => {
  const backups = Array.from({ length: BACKUPS_MAX }, (_, index) => ({ index, life: index }));
  const next = { epoch: 1, primary: SELF, backups };
  const bytes = encodeRequest(
    SERVICE,
    { sequence: 1, from: SELF, change: { expected: 0, next, refound: true } },
    seal(1),
  );
  equal(bytes.length, WITNESS_MESSAGE_BYTES_MAX);
});

const SAMPLE_VIEW: View = { epoch: 3, primary: SELF, backups: [{ index: 1, life: 7 }] };
const SAMPLE_REQUEST = encodeRequest(
  SERVICE,
  { sequence: 9, from: SELF, change: { expected: 2, next: SAMPLE_VIEW, refound: false } },
  seal(1),
);
const SAMPLE_ANSWER = encodeAnswer(SERVICE, SELF, { sequence: 9, view: SAMPLE_VIEW, problem: 'disk-full' }, seal(1));

const reasonOf = (decoded: { ok: boolean; reason?: string }) => (decoded.ok ? '' : decoded.reason);

test('with another key, one bit changed, or cut at any place a message is refused', () => {
  equal(reasonOf(decodeRequest(SAMPLE_REQUEST, seal(2))), 'seal');
  equal(reasonOf(readAnswer(SAMPLE_ANSWER, SELF, 2)), 'seal');
  for (const [message, read] of [
    [SAMPLE_REQUEST, (bytes: Uint8Array) => decodeRequest(bytes, seal(1))],
    [SAMPLE_ANSWER, (bytes: Uint8Array) => readAnswer(bytes)],
  ] as const) {
    for (let bit = 0; bit < 8 * message.length; bit++) {
      const bytes = message.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      notEqual(reasonOf(read(bytes)), '');
    }
    for (let length = 0; length < message.length; length++) notEqual(reasonOf(read(message.slice(0, length))), '');
    notEqual(reasonOf(read(Uint8Array.of(...message, 0))), '');
  }
});

test('an answer for another life, another service, or a request, is no answer', () => {
  equal(reasonOf(readAnswer(SAMPLE_ANSWER, { ...SELF, life: 1 })), 'life');
  equal(reasonOf(readAnswer(SAMPLE_ANSWER, { ...SELF, index: 1 })), 'life');
  equal(reasonOf(decodeAnswer(SAMPLE_ANSWER, new Uint8Array(SERVICE_ID_BYTES), SELF, seal(1))), 'service');
  equal(reasonOf(readAnswer(SAMPLE_REQUEST)), 'version');
  equal(reasonOf(decodeRequest(SAMPLE_ANSWER, seal(1))), 'version');
  equal(serviceOfRequest(SAMPLE_ANSWER), undefined);
});

/** As a holder of the key could make it: any bytes with a right seal. */
const resealed = (bytes: Uint8Array) => {
  const content = bytes.subarray(0, bytes.length - SEAL_BYTES);
  return Uint8Array.of(...content, ...seal(1)(content));
};

test('no bytes make a decoder throw, sealed or not', () => {
  const start = fc.constantFrom(
    Uint8Array.of(),
    SAMPLE_REQUEST.slice(0, 23),
    SAMPLE_ANSWER.slice(0, 23),
    SAMPLE_REQUEST.slice(0, 40),
  );
  const bytes = fc.tuple(start, fc.uint8Array({ maxLength: 100 })).map(([a, b]) => Uint8Array.of(...a, ...b));
  fc.assert(
    fc.property(bytes, (hostile) => {
      for (const message of [hostile, resealed(hostile)]) {
        serviceOfRequest(message);
        const read = decodeRequest(message, seal(1));
        // What is taken means exactly these bytes.
        if (read.ok) deepEqual(encodeRequest(message.slice(6, 14), read.value, seal(1)), message);
        const got = readAnswer(message);
        if (got.ok) deepEqual(encodeAnswer(SERVICE, SELF, got.value, seal(1)), message);
      }
    }),
    { numRuns: 2000 },
  );
});

test('sealed nonsense is refused with its reason', () => {
  const request = (at: number, value: number) => {
    const bytes = SAMPLE_REQUEST.slice();
    bytes[at] = value;
    return reasonOf(decodeRequest(resealed(bytes), seal(1)));
  };
  equal(request(5, 2), 'kind');
  equal(request(27, 2), 'flags');
  equal(request(31, 0), 'view'); // epoch 0
  equal(request(37, 8), 'view'); // 8 backups
  equal(request(37, 2), 'length');
  equal(request(37, 0), 'length');
  const answered = SAMPLE_ANSWER.slice();
  answered[5] = WITNESS_PROBLEMS.length;
  equal(reasonOf(readAnswer(resealed(answered))), 'problem');
  const views = SAMPLE_ANSWER.slice();
  views[23] = 2;
  equal(reasonOf(readAnswer(resealed(views))), 'view');
});
