/** Each target for a moment: a seed that stays, and one that nobody has tried. The long run is `npm run fuzz`. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../../fuzz/campaign.ts';
import { shrunk } from '../../fuzz/shrink.ts';
import type { Target } from '../../fuzz/target.ts';
import { TARGETS } from '../../fuzz/targets.ts';

const INPUTS = 1_000;
/** `control` speaks to a real socket. */
const INPUTS_OF_SLOW = 60;
const FRESH = Math.floor(Math.random() * 2 ** 31);

for (const target of TARGETS) {
  test(`no input makes ${target.name} throw, hang or grow`, async (t) => {
    t.diagnostic(`fresh seed ${FRESH}`);
    const inputs = target.weight < 0.1 ? INPUTS_OF_SLOW : INPUTS;
    for (const seed of [1, FRESH]) {
      const { failures, inputs: given } = await fuzz({ targets: [target], inputs, seed });
      deepEqual(failures, [], `seed ${seed}`);
      equal(given, inputs);
    }
  });
}

/** Throws at the third input that has a 7 somewhere in its first four bytes. */
function brittle(): Target {
  return {
    name: 'brittle',
    weight: 1,
    bytesMax: 50,
    subject() {
      let sevens = 0;
      return {
        corpus: [Uint8Array.from({ length: 20 }, (_, i) => i), new Uint8Array(30)],
        prepare: () => undefined,
        take(input) {
          if (input.subarray(0, 4).includes(7)) sevens++;
          if (sevens === 3) throw new Error('three sevens');
        },
        check: () => undefined,
      };
    },
  };
}

test('what fails is found, made smaller, and had again by its seed and episode', async () => {
  const targets = [brittle()];
  const { ok: fine, failures } = await fuzz({ targets, inputs: 50_000, seed: 3 });
  const [failure] = failures;
  ok(failure !== undefined && !fine);
  match(failure.problem, /three sevens/);
  equal(failure.inputs.length, 3);
  ok((failure.inputs.at(-1)?.length ?? 0) <= 8, 'no more than the four bytes that are looked at');
  equal(failure.command, `npm run fuzz -- --target brittle --seed 3 --episode ${failure.episode}`);
  const again = await fuzz({ targets, inputs: 1, seed: 3, episode: failure.episode });
  deepEqual(again.failures[0]?.inputs, failure.inputs);
});

test('a subject that keeps what it is given is found to grow', async () => {
  const kept: Uint8Array[] = [];
  const greedy: Target = {
    ...brittle(),
    name: 'greedy',
    subject: () => ({
      corpus: [new Uint8Array(8)],
      prepare: () => undefined,
      take: () => void kept.push(new Uint8Array(4_000)),
      check: () => undefined,
    }),
  };
  const { failures } = await fuzz({ targets: [greedy], inputs: 1, seed: 1, episode: 63 });
  match(failures[0]?.problem ?? '', /memory grew/);
  deepEqual(failures[0]?.inputs, []);
});

test('shrinking keeps the kind of problem', async () => {
  const attempt = async (inputs: readonly Uint8Array[]) =>
    inputs.length > 1 ? `sum ${inputs.length}` : inputs.length === 1 ? 'another' : undefined;
  const inputs = Array.from({ length: 9 }, () => Uint8Array.of(1, 2, 3));
  deepEqual(await shrunk(inputs, 'sum 9', attempt), [Uint8Array.of(1, 2, 3), new Uint8Array(0)]);
});
