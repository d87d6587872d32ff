import { test } from 'node:test';
import { needs } from '../needs.ts';
import { client, example, survives, withFile } from './failover.ts';

const skip = needs('tun');

const RUNS = 20;
const BYTES = 40_000_000;
const RATE = '300mbit';
const seed = Number(process.env.FTTCP_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Moments from 100 to 900 ms, repeatable by the seed (a linear congruential generator): before the transfers, or amid them. */
function moments(): number[] {
  let state = seed;
  return Array.from({ length: RUNS }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return 100 + Math.floor((state / 0x80000000) * 800);
  });
}

test(`${RUNS} power-offs at random moments of uploads, downloads and echo, seed ${seed}`, { skip }, async (t) => {
  await withFile(BYTES, async (directory, file) => {
    for (const [index, atMs] of moments().entries()) {
      await t.test(`number ${index + 1}, at ${atMs} ms`, async () => {
        await survives({
          server: `FTTCP_PORT=8001 ${example('echo-server')} & exec ${example('file-server')}`,
          port: 8000,
          state: directory,
          rate: RATE,
          client: `exec ${client('mixed-client')} ${BYTES} '${file}'`,
          at: [`${atMs}ms:power-off:primary`],
        });
      });
    }
  });
});
