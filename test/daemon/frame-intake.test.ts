import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { FrameIntake } from '../../src/daemon/frame-intake.ts';

/** An intake with these bytes. */
function intakeOf(...bytes: number[]): FrameIntake {
  const intake = new FrameIntake(new Uint8Array(16));
  intake.bytes.set(bytes);
  intake.filled = bytes.length;
  return intake;
}

test('what is not whole yet waits at the front', () => {
  const intake = intakeOf(1, 2, 3, 4, 5);
  equal(
    intake.drain((_, offset) => (offset < 4 ? 2 : 0)),
    true,
  );
  equal(intake.filled, 1);
  equal(intake.bytes[0], 5);
});

test('who ends the connection is given no more of it', () => {
  const offsets: number[] = [];
  const intake = intakeOf(1, 2, 3);
  equal(
    intake.drain((_, offset) => {
      offsets.push(offset);
      return offset === 0 ? 1 : -1;
    }),
    false,
  );
  deepEqual(offsets, [0, 1]);
});

test('an intake that is cleared meanwhile is empty', () => {
  const intake = intakeOf(1, 2, 3);
  equal(
    intake.drain(() => {
      intake.clear();
      return 1;
    }),
    true,
  );
  equal(intake.filled, 0);
});
