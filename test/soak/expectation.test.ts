import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expectationOf } from '../../soak/expectation.ts';
import type { HostName, TimedFault } from '../../soak/world.ts';

/** `500 pause a`: what is done when. */
const faults = (...texts: string[]): TimedFault[] =>
  texts.map((text) => {
    const [atMs, action = '', host = 'witness'] = text.split(' ');
    return { atMs: Number(atMs), action, host: host as HostName };
  });

/** `lost`, or how many failovers. */
function expected(...texts: string[]): string {
  const { survived, failovers } = expectationOf(faults(...texts));
  if (!survived) return 'lost';
  const { least, most } = failovers;
  return least === most ? `${least}` : `${least} to ${most}`;
}

test('without a fault nobody takes over', () => {
  assert.equal(expected(), '0');
});

test('a primary that is gone is taken over once, a backup that is gone never', () => {
  for (const action of ['power-off', 'kill-daemon', 'kill-server', 'pause', 'stall', 'cut-lan'])
    assert.equal(expected(`500 ${action} a`), '1');
  for (const action of ['power-off', 'kill-daemon', 'kill-server', 'pause', 'stall', 'cut-lan'])
    assert.equal(expected(`500 ${action} b`), '0');
});

test('a short trouble of the primary may be over before anybody takes over', () => {
  assert.equal(expected('500 pause a', '600 resume a'), '0 to 1');
  assert.equal(expected('500 pause a', '2500 resume a'), '1');
  assert.equal(expected('500 stall a', '600 resume a'), '0 to 1');
  assert.equal(expected('500 cut-lan a', '520 heal a'), '0 to 1');
});

test('a lost link leaves the primary alone, whichever direction is lost', () => {
  for (const action of ['cut-link', 'cut-link-in', 'cut-link-out']) {
    assert.equal(expected(`500 ${action} a`), '0');
    assert.equal(expected(`500 ${action} b`, '900 heal b'), '0');
  }
});

test('one direction of the LAN is noticed late, by that the witness does not answer', () => {
  assert.equal(expected('500 cut-lan-in a'), '1');
  assert.equal(expected('500 cut-lan-out a'), '1');
  assert.equal(expected('500 cut-lan-in a', '900 heal a'), '0');
  assert.equal(expected('500 cut-lan-in a', '4000 heal a'), '0 to 1');
  assert.equal(expected('500 cut-lan-in a', '500 cut-lan-in witness'), 'lost');
  assert.equal(expected('500 cut-lan-out b'), '0');
});

test('with both paths cut the one who reaches the witness goes on', () => {
  assert.equal(expected('500 cut-link a', '500 cut-lan a'), '1');
  assert.equal(expected('500 cut-link b', '500 cut-lan b'), '0');
  assert.equal(expected('500 cut-link a', '500 cut-lan-out a'), '1');
  // The primary hears no answer of the witness, and its backup hears of that.
  assert.equal(expected('500 cut-link a', '500 cut-lan-in a'), '1');
  assert.equal(expected('500 cut-link a', '500 cut-lan-in a', '900 heal a'), '0');
});

test('a lost link first may cost the backup, and then the LAN must not be lost', () => {
  assert.equal(expected('500 cut-link a', '501 cut-lan a'), 'lost');
  assert.equal(expected('500 cut-link a', '2500 cut-lan a'), 'lost');
  assert.equal(expected('500 cut-link a', '2500 cut-lan a', '2900 heal a'), '0');
});

test('both replicas lost is lost', () => {
  assert.equal(expected('500 power-off a', '900 power-off b'), 'lost');
  assert.equal(expected('500 power-off b', '900 pause a'), 'lost');
  assert.equal(expected('500 power-off b', '900 pause a', '1100 resume a'), '0');
  assert.equal(expected('500 power-off a', '3000 pause b', '3100 resume b'), '1');
});

test('a witness is missed by nobody as long as nothing else happens', () => {
  for (const action of ['witness-stop', 'power-off', 'pause', 'disk-full', 'cut-lan-in']) {
    assert.equal(expected(`500 ${action} witness`), '0');
    assert.equal(expected(`500 ${action} witness`, '900 power-off a'), 'lost');
    assert.equal(expected(`500 ${action} witness`, '900 power-off b'), 'lost');
  }
});

test('a takeover waits for a witness that comes back', () => {
  assert.equal(expected('500 witness-stop', '900 power-off a', '1400 witness-start'), '1');
  assert.equal(expected('500 disk-full witness', '900 pause a', '1400 heal witness'), '1');
  assert.equal(expected('500 pause witness', '900 power-off b', '1400 resume witness'), '0');
});

test('while the witness is away a hiccup stays one, and where it only cannot store, it may not', () => {
  assert.equal(expected('500 witness-stop', '900 pause a', '1000 resume a'), '0');
  // The backup may have asked, and then it acknowledges nothing more.
  assert.equal(expected('500 disk-full witness', '900 pause a', '1000 resume a'), 'lost');
  assert.equal(expected('500 disk-full witness', '900 pause a', '1000 resume a', '1500 heal witness'), '0 to 1');
});

test('a backup without a LAN takes over when it has one again', () => {
  assert.equal(expected('500 cut-lan b', '900 power-off a'), 'lost');
  assert.equal(expected('500 cut-lan b', '900 power-off a', '1400 heal b'), '1');
});

test('clients that cannot be reached for ever are lost, for a while they wait', () => {
  assert.equal(expected('500 cut-lan client'), 'lost');
  assert.equal(expected('500 pause client', '1400 resume client', '1500 power-off a'), '1');
});

const someFaults = fc
  .array(
    fc.record({
      atMs: fc.integer({ min: 0, max: 5000 }),
      action: fc.constantFrom(
        'pause',
        'stall',
        'resume',
        'cut-lan',
        'cut-link-in',
        'cut-lan-out',
        'heal',
        'witness-stop',
        'disk-full',
      ),
      host: fc.constantFrom<HostName>('a', 'b', 'witness'),
    }),
    { maxLength: 6 },
  )
  .map((list) => list.sort((one, other) => one.atMs - other.atMs));

test('at most one takeover follows from any faults, since nobody comes back into the view', () => {
  fc.assert(
    fc.property(someFaults, (list) => {
      const { least, most } = expectationOf(list).failovers;
      assert.ok(least >= 0 && least <= most && most <= 1);
    }),
  );
});

test('with both replicas dead nothing is survived, whatever else is done', () => {
  fc.assert(
    fc.property(someFaults, (list) => {
      const end = faults('5100 power-off a', '5200 power-off b');
      assert.equal(expectationOf([...list, ...end]).survived, false);
    }),
  );
});

test('what is survived in haste is survived in peace too', () => {
  // Fewer courses are possible when all that is due is done between two faults (and too little time passes for a deaf LAN to show).
  fc.assert(
    fc.property(someFaults, (list) => {
      if (!expectationOf(list.map((fault, i) => ({ ...fault, atMs: 500 + i }))).survived) return;
      assert.ok(expectationOf(list.map((fault, i) => ({ ...fault, atMs: 500 + 1600 * i }))).survived);
    }),
  );
});
