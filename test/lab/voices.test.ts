import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeVoices, type Office, Speech } from '../../src/lab/voices.ts';

/** `a10 a11 b12`: who spoke when. */
function runs(text: string) {
  const speech = new Speech();
  for (const word of text.split(' ')) speech.hear(word.slice(0, 1), Number(word.slice(1)));
  return speech.runs();
}

const office = (host: string, epoch: number, atMs: number): Office => ({ host, epoch, atMs });
const TAKEOVER = [office('a', 1, 0), office('a', 2, 5), office('b', 4, 1000)];

test('a host that falls silent before another begins is no violation', () => {
  assert.deepEqual(judgeVoices(runs('a10 a500 b1000.5 b1200'), TAKEOVER, 10), {
    violations: 0,
    speakers: [
      { host: 'a', firstMs: 0, lastMs: 490, frames: 2 },
      { host: 'b', firstMs: 990.5, lastMs: 1190, frames: 2 },
    ],
  });
});

test('each frame of a host that was replaced is a violation, and shows in how long it spoke', () => {
  const { violations, speakers } = judgeVoices(runs('a10 b1001 a1002 a1003 b1004 a1005 b1006'), TAKEOVER, 0);
  assert.equal(violations, 3);
  assert.deepEqual(speakers, [
    { host: 'a', firstMs: 10, lastMs: 1005, frames: 4 },
    { host: 'b', firstMs: 1001, lastMs: 1006, frames: 3 },
  ]);
});

test('frames are put in order by their times, however late they are read', () => {
  assert.equal(judgeVoices(runs('a10 b1000.002 a1000.001 b1001'), TAKEOVER, 0).violations, 0);
  assert.equal(judgeVoices(runs('a10 b1000.001 b1001 a1000.002'), TAKEOVER, 0).violations, 1);
});

test('a host that speaks without an office is a violation from its first frame', () => {
  const result = judgeVoices(runs('a10 b20 a30'), [office('a', 1, 0)], 0);
  assert.equal(result.violations, 1);
  assert.deepEqual(
    result.speakers.map(({ host }) => host),
    ['a', 'b'],
  );
});

test('two hosts that came to the same epoch are two voices', () => {
  assert.equal(judgeVoices(runs('a10 b1000 a1001'), [office('a', 3, 0), office('b', 3, 1000)], 0).violations, 1);
});

test('a host that comes to office again may speak again, and is listed twice', () => {
  const offices = [...TAKEOVER, office('a', 6, 3000)];
  const { violations, speakers } = judgeVoices(runs('a10 b1000 b2990 a3000 a3100'), offices, 0);
  assert.equal(violations, 0);
  assert.deepEqual(
    speakers.map(({ host, frames }) => `${host}${frames}`),
    ['a1', 'b2', 'a2'],
  );
  assert.equal(judgeVoices(runs('a10 b1000 b2990 a3000 b3001'), offices, 0).violations, 1);
});

test('a primary that goes on alone, and is alone in a higher epoch, is still the same voice', () => {
  const offices = [office('a', 1, 0), office('a', 2, 5), office('a', 3, 700)];
  assert.deepEqual(judgeVoices(runs('a10 a600 a800'), offices, 0), {
    violations: 0,
    speakers: [{ host: 'a', firstMs: 10, lastMs: 800, frames: 3 }],
  });
});

test('two who talk across each other without end cost a bounded memory, and no violation is forgotten', () => {
  const speech = new Speech();
  for (let i = 0; i < 30_000; i++) speech.hear(i % 2 === 0 ? 'a' : 'b', 2000 + i);
  const found = speech.runs();
  assert.equal(found.length, 10_000);
  const { violations, speakers } = judgeVoices(found, TAKEOVER, 0);
  assert.equal(violations, 15_000 - 1);
  assert.deepEqual(
    speakers.map(({ frames }) => frames),
    [15_000, 15_000],
  );
});

test('nobody spoke: nobody is listed', () => {
  assert.deepEqual(judgeVoices([], [], 0), { violations: 0, speakers: [] });
});
