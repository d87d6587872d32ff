import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DoneFault, falsePromotions, isBeforeFaults } from '../../src/lab/false-promotions.ts';

const event = (host: string, kind: string, epoch: number, atMs: number) => ({ host, event: kind, epoch, atMs });
const START = [event('a', 'primary', 1, 0), event('a', 'admitted', 2, 10)];
const PROMOTION = event('b', 'promoted', 4, 1010);

/** `1000 pause a`: what was done when. */
const faults = (...texts: string[]): DoneFault[] =>
  texts.map((text) => {
    const [wallMs, action = '', host = ''] = text.split(' ');
    return { wallMs: Number(wallMs), action, host };
  });
const count = (...texts: string[]) => falsePromotions([...START, PROMOTION], faults(...texts)).length;

test('a first primary is no promotion, and a promotion before any fault is a false one', () => {
  assert.deepEqual(falsePromotions(START, []), []);
  assert.deepEqual(falsePromotions([...START, PROMOTION], []), [PROMOTION]);
  assert.equal(count('1500 power-off a'), 1);
  assert.equal(isBeforeFaults(PROMOTION, faults('1500 power-off a')), true);
  assert.equal(isBeforeFaults(PROMOTION, faults('900 cut-link b')), false);
});

test('what the primary suffers is a cause', () => {
  for (const action of ['power-off', 'kill-daemon', 'pause', 'cut-lan', 'cut-lan-out']) {
    assert.equal(count(`1000 ${action} a`), 0, action);
  }
});

test('what others suffer is none', () => {
  assert.equal(count('1000 pause b'), 1);
  assert.equal(count('1000 cut-lan client'), 1);
  assert.equal(count('1000 cut-link a'), 1);
});

test('two that cannot hear each other on any path have a cause', () => {
  assert.equal(count('1000 cut-link a', '1005 cut-lan-in b'), 0);
  assert.equal(count('1000 cut-link-in b', '1005 cut-lan-in b'), 0);
  assert.equal(count('1000 cut-lan-in b'), 1);
});

test('a cause that has ended long ago is none any more', () => {
  assert.equal(count('5 pause a', '6 resume a'), 1);
  assert.equal(count('900 pause a', '950 resume a'), 0);
  assert.equal(count('5 cut-lan a', '6 heal a'), 1);
  assert.equal(count('5 cut-lan a', '6 heal b'), 0);
});

test('with two takeovers each has its own primary to ask about', () => {
  const events = [...START, PROMOTION, event('c', 'promoted', 6, 3000)];
  assert.deepEqual(falsePromotions(events, faults('1000 power-off a')), [events[3]]);
  assert.deepEqual(falsePromotions(events, faults('1000 power-off a', '2990 pause b')), []);
});

test('a planned end is handed over, and no takeover', () => {
  assert.deepEqual(falsePromotions([...START, { ...PROMOTION, reason: 'handover' }], []), []);
});
