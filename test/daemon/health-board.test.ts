import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HealthBoard, HealthReading } from '../../src/daemon/health-board.ts';
import { ROLES } from '../../src/detector/heartbeat.ts';
import type { PeerHealth } from '../../src/replica/health.ts';

const word31 = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const peerHealth: fc.Arbitrary<PeerHealth> = fc.record({
  heard: fc.boolean(),
  silent: fc.boolean(),
  silentMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
  lost: fc.boolean(),
  life: fc.nat({ max: 2 ** 32 - 1 }),
  role: fc.constantFrom(...ROLES),
  epoch: word31,
  proposal: word31,
  lanUp: fc.boolean(),
  stuck: fc.boolean(),
  lanWorks: fc.boolean(),
  witnessLost: fc.boolean(),
});

test('what the detector publishes is what another thread over the same memory reads', () => {
  fc.assert(
    fc.property(peerHealth, fc.boolean(), (peer, lanUp) => {
      const board = new HealthBoard();
      board.writePeer(peer);
      board.lanUp = lanUp;
      const reading = new HealthReading();
      new HealthBoard(board.memory).readHealth(reading);
      deepEqual({ ...reading.peer }, { ...peer });
      equal(reading.lanUp, lanUp);
    }),
  );
});

test('the detector tells a change from the mere passing of time', () => {
  fc.assert(
    fc.property(peerHealth, peerHealth, (before, after) => {
      const board = new HealthBoard();
      board.writePeer(before);
      equal(board.writePeer({ ...before, silentMs: before.silentMs + 1 }), false);
      const same = JSON.stringify({ ...before, silentMs: 0 }) === JSON.stringify({ ...after, silentMs: 0 });
      equal(board.writePeer(after), !same);
    }),
  );
});

test('what the data worker writes is what the heartbeats say', () => {
  for (const role of ROLES) {
    const board = new HealthBoard();
    board.writeSelf({ role, life: 2 ** 32 - 1, epoch: 5, proposal: 6, witnessLost: true, linked: true }, 1234.5);
    const other = new HealthBoard(board.memory);
    deepEqual([other.selfRole, other.selfLife, other.selfEpoch], [role, 2 ** 32 - 1, 5]);
    deepEqual(
      [other.selfProposal, other.selfWitnessLost, other.selfLinked, other.dataTurnAtMs],
      [6, true, true, 1234.5],
    );
  }
});

test('a fresh board knows of no peer and asks nobody to stop', () => {
  const board = new HealthBoard();
  const reading = new HealthReading();
  board.readHealth(reading);
  deepEqual([reading.peer.heard, reading.peer.role, board.mustStop, board.dataTurnAtMs], [false, 'starting', false, 0]);
  board.askToStop();
  equal(new HealthBoard(board.memory).mustStop, true);
});
