import { equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { formatStatus } from '../../src/daemon/status.ts';
import { STATUS } from './status-example.ts';

test('a level pair is said to be protected', () => {
  const text = formatStatus(STATUS);
  match(text, /^files on a: primary, epoch 1, up 1 min 30 s/);
  match(text, /^protected: 1 connection would survive a crash of the primary$/m);
  match(text, /^1 +10\.77\.0\.50:40000 +10\.77\.0\.100:8000 +ESTABLISHED +2 KiB +4\.8 MiB +0 B$/m);
});

test('a silent peer is the reason why nothing is protected', () => {
  const peer = { name: 'b', heard: false, lastHeardMs: null, role: null, epoch: null, lanUp: null };
  const text = formatStatus({ ...STATUS, level: false, protected: { connections: 0 }, peer });
  match(text, /^NOT PROTECTED: nothing is heard from b$/m);
  match(text, /^peer +b: NEVER HEARD$/m);
});

test("the daemon's own reason is shown, with how many connections are protected", () => {
  const [connection] = STATUS.connections;
  ok(connection !== undefined);
  const connections = [connection, { ...connection, id: 2, diverged: true }];
  const reason = 'the outputs of connection 2 differ';
  const text = formatStatus({ ...STATUS, connections, protected: { connections: 1, reason } });
  match(text, /^PARTLY PROTECTED: 1 of 2 connections; the outputs of connection 2 differ$/m);
  match(text, /DIVERGED$/m);
});

test('a divergence is told with what to do', () => {
  match(formatStatus({ ...STATUS, counters: { divergences: 3 } }), /^DIVERGED: .* 3 connections .*\n.*deploy\.md/m);
  ok(!formatStatus(STATUS).includes('DIVERGED'));
});

test('a long list of connections is cut', () => {
  const [connection] = STATUS.connections;
  ok(connection !== undefined);
  const connections = Array.from({ length: 50 }, (_, id) => ({ ...connection, id }));
  match(formatStatus({ ...STATUS, connections, protected: { connections: 50 } }), /^… and 30 more$/m);
});

test('the link is said to be encrypted or not', () => {
  const said = (link: typeof STATUS.link) => /^link +(.*)$/m.exec(formatStatus({ ...STATUS, link }))?.[1];
  equal(said(STATUS.link), 'encrypted, certificate until 2036-01-01T00:00:00.000Z');
  equal(said({ encrypted: true, certificateExpiresIso: null }), 'encrypted, certificate UNREADABLE');
  equal(said({ encrypted: false, certificateExpiresIso: null }), 'not encrypted');
  equal(said(null), undefined);
});

test('the last failover is told', () => {
  const text = formatStatus({
    ...STATUS,
    lastFailover: {
      atIso: '2026-01-01T00:00:00.000Z',
      epoch: 2,
      reason: 'peer silent',
      detectedAfterSilenceMs: 5.1,
      promotionMs: 0.8,
      connections: 3,
    },
  });
  match(
    text,
    /failover +2026-01-01T00:00:00.000Z to epoch 2: peer silent; after 5.1 ms of silence, promoted in 0.8 ms/,
  );
});

test('the detector advises a timeout, or says why it does not', () => {
  const advice = (detector: Partial<typeof STATUS.detector>) =>
    /^advice +(.*)$/m.exec(formatStatus({ ...STATUS, detector: { ...STATUS.detector, ...detector } }))?.[1];
  equal(advice({}), 'timeout 5 ms, by 24 h 0 min of heartbeats');
  equal(
    advice({ observedMs: 90_000, advisedTimeoutMs: null }),
    'none yet: 1 min 30 s of heartbeats, it takes 10 min 0 s',
  );
  equal(
    advice({ falsePerHour: [{ timeoutMs: 50, perHour: 3.21 }], advisedTimeoutMs: null }),
    'a timeout longer than those that are judged, by 24 h 0 min of heartbeats: 50 ms would suspect falsely 3.2 times an hour',
  );
});
