import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectationOf } from '../../soak/expectation.ts';
import { faultText, planRound, planText } from '../../soak/plan.ts';
import { SERVER_NAMES, SERVERS } from '../../soak/traffic.ts';
import { parseFault } from '../../src/lab/faults.ts';
import { parseUnkindness } from '../../src/lab/unkindness.ts';

const MANY = Array.from({ length: 1000 }, (_, index) => planRound(20_031, index + 1, SERVER_NAMES));

test('the same seed and round give the same plan, whatever was planned before', () => {
  assert.deepEqual(planRound(20_031, 7, SERVER_NAMES), MANY[6]);
  assert.notDeepEqual(planRound(20_032, 7, SERVER_NAMES), MANY[6]);
});

test('every plan must be survived, and says how often a host takes over', () => {
  for (const plan of MANY) {
    const expectation = expectationOf(plan.faults);
    assert.ok(expectation.survived, planText(plan));
    assert.deepEqual(plan.expected, expectation);
  }
});

test('every fault is one that the lab can do, at a time when the clients work', () => {
  for (const { faults, durationMs } of MANY) {
    for (const fault of faults) {
      const { atMs, action, host } = parseFault(faultText(fault), ['a', 'b'], true);
      assert.deepEqual({ atMs, action, host }, fault);
      assert.ok(atMs >= 500 && atMs + 1000 < durationMs);
    }
  }
});

test('nothing is done to a host that is gone, or to a program that is', () => {
  for (const { faults } of MANY) {
    for (const host of ['a', 'b']) {
      const done = faults.filter((fault) => fault.host === host).map(({ action }) => action);
      if (done.includes('stall') && done.includes('kill-daemon'))
        assert.ok(done.indexOf('stall') < done.indexOf('kill-daemon'));
    }
    const gone = faults.filter(({ action }) => action === 'power-off').map(({ host }) => host);
    for (const host of gone) assert.equal(faults.filter((fault) => fault.host === host).at(-1)?.action, 'power-off');
  }
});

test('a server that tells the time is not asked by two hosts at different times', () => {
  for (const { server, faults } of MANY) {
    if (!SERVERS[server].tellsTime) continue;
    const text = faults.map(faultText).join(' ');
    assert.doesNotMatch(text, /resume:[ab]/);
    assert.doesNotMatch(text, /cut-link.*heal:[ab]/);
  }
});

test('all servers, all traffic, all faults and their combinations come up', () => {
  assert.deepEqual([...new Set(MANY.map(({ server }) => server))].sort(), [...SERVER_NAMES].sort());
  for (const name of SERVER_NAMES) {
    const traffic = MANY.filter(({ server }) => server === name).flatMap((plan) => plan.traffic);
    assert.deepEqual([...new Set(traffic)].sort(), [...SERVERS[name].traffic].sort());
  }
  const clients = MANY.map(({ traffic }) => traffic.length);
  assert.deepEqual([Math.min(...clients), Math.max(...clients)], [1, 20]);
  const done = new Set(MANY.flatMap(({ faults }) => faults.map(({ action, host }) => `${action} ${host}`)));
  for (const action of [
    'power-off',
    'kill-daemon',
    'kill-server',
    'pause',
    'stall',
    'cut-lan',
    'cut-lan-in',
    'cut-link',
    'cut-link-out',
  ]) {
    assert.ok(done.has(`${action} a`) && done.has(`${action} b`), action);
  }
  for (const what of ['witness-stop', 'witness-start', 'disk-full', 'power-off', 'pause', 'cut-lan', 'heal']) {
    assert.ok(done.has(`${what} witness`), what);
  }
  const share = (some: (plan: (typeof MANY)[number]) => boolean) => MANY.filter(some).length / MANY.length;
  assert.ok(share(({ faults }) => faults.length === 0) > 0.02);
  assert.ok(share(({ faults }) => new Set(faults.map(({ host }) => host)).size > 1) > 0.15);
  assert.ok(share(({ expected }) => expected.failovers.least === 1) > 0.3);
  assert.ok(share(({ plainTakeover }) => plainTakeover) > 0.15);
});

test('only servers that are there are chosen', () => {
  for (let round = 1; round < 20; round++) assert.equal(planRound(1, round, ['redis']).server, 'redis');
});

test('each round has a cable of its own where that is asked for, and all else but the load is what it was', () => {
  const unkind = MANY.map(({ round }) => planRound(20_031, round, SERVER_NAMES, { cable: 'random', family: 'mixed' }));
  assert.ok(new Set(unkind.map(({ cable }) => cable)).size > 990);
  const newer = unkind.filter(({ ipv6 }) => ipv6).length;
  assert.ok(newer > 400 && newer < 600, `${newer}`);
  unkind.forEach((plan, index) => {
    parseUnkindness(plan.cable ?? '');
    const { cable, bytesPerMs, ipv6, ...rest } = plan;
    const { bytesPerMs: kindBytesPerMs, ipv6: kindIpv6, ...kind } = MANY[index] ?? plan;
    assert.deepEqual(rest, kind);
    assert.ok(bytesPerMs <= kindBytesPerMs && !kindIpv6);
  });
  assert.equal(planRound(20_031, 7, SERVER_NAMES, { cable: 'loss=1%' }).cable, 'loss=1%');
});

test('a plan is told in one line', () => {
  const [plan] = MANY;
  assert.ok(plan);
  const text = planText({
    ...plan,
    round: 3,
    server: 'echo',
    traffic: ['lines', 'stream', 'lines'],
    rate: '100mbit',
    linkRate: '100mbit',
    durationMs: 2600,
    faults: [
      { atMs: 700, action: 'witness-stop', host: 'witness' },
      { atMs: 812, action: 'pause', host: 'a' },
    ],
    expected: { survived: true, failovers: { least: 0, most: 1 } },
  });
  assert.equal(
    text,
    'round 3: echo, 2 lines + 1 stream, 100mbit, link 100mbit, 2.6 s | 700ms:witness-stop 812ms:pause:a | 0 to 1 failover',
  );
});

test('a cold backup is given no server that tells the time, and nobody kills the server that it does not run', () => {
  const cold = MANY.map(({ round }) => planRound(20_031, round, SERVER_NAMES, { backup: 'mixed' })).filter(
    ({ backup }) => backup === 'cold',
  );
  assert.ok(cold.length > 0.3 * MANY.length);
  assert.ok(!cold.some(({ server }) => SERVERS[server].tellsTime));
  assert.ok(!cold.some(({ faults }) => faults.some(({ host, action }) => host === 'b' && action === 'kill-server')));
});
