/**
 * Frames from the LAN to a host that speaks, a primary from the start or one that was promoted and has not caught up, and to one that
 * does not. Whoever is on the LAN may send them: nothing throws, and no frame makes many.
 */
import { equal } from 'node:assert/strict';
import type { Random } from '../../src/lab/random.ts';
import { ETHERNET_HEADER } from '../../src/wire/ethernet.ts';
import { seq, seqAdd } from '../../src/wire/seq.ts';
import {
  CLIENT_PORT,
  clientPackets,
  type Family,
  frameOf,
  otherFrames,
  repairChecksums,
  repairLengths,
  setNumbers,
} from '../packets.ts';
import { CIRCUMSTANCES, OTHER_ISS, randomCircumstances, Stage } from '../stage.ts';
import type { Target } from '../target.ts';

const IP = CIRCUMSTANCES + ETHERNET_HEADER;

export const lan: Target = {
  name: 'lan',
  weight: 5,
  bytesMax: 3_000,
  subject(random) {
    const family = random.pick<Family>([4, 6]);
    const stage = stageOf(family, random);
    const frames = [...clientPackets(family).map((packet) => frameOf(packet, family)), ...otherFrames()];
    return {
      corpus: frames.map((frame) => Uint8Array.of(0, ...frame)),
      prepare(input, numbers) {
        input[0] = randomCircumstances(numbers);
        if (numbers.chance(0.6)) aim(stage, input, numbers);
        if (numbers.chance(0.5)) repairLengths(input, IP);
        if (numbers.chance(0.6)) repairChecksums(input, IP);
      },
      take: (input) => stage.lan(input.subarray(CIRCUMSTANCES), input[0]),
      check: () => stage.check(),
    };
  },
};

/** Each kind of host, with two connections; on a new primary they are not direct. */
export function stageOf(family: Family, random: Random): Stage {
  const kind = random.pick(['primary', 'primary', 'solo', 'promoted', 'promoted', 'silent'] as const);
  const primary = new Stage({ family, logged: kind !== 'solo' }).speak().converse();
  primary.converse(CLIENT_PORT + 1, seq(7), random.pick([1460, 0, 1, 12, 13, 536, 65_535]));
  if (kind === 'primary' || kind === 'solo') return primary;
  const stage = backupOf(primary);
  return kind === 'silent' ? stage : stage.speak();
}

/** A host that has been given the log of `primary`; its kernel chooses other numbers. */
export function backupOf(primary: Stage): Stage {
  const stage = new Stage({ family: primary.family, logged: false, serverIss: OTHER_ISS });
  for (const entry of primary.entries) equal(stage.entry(entry), '');
  return stage;
}

/** Gives a segment the numbers of a connection that is there, or numbers near them. */
function aim(stage: Stage, input: Uint8Array, random: Random): void {
  const connections = [...stage.south.connections];
  if (connections.length === 0) return;
  const connection = random.pick(connections);
  const near = () => (random.chance(0.7) ? 0 : random.integer(-300, 300));
  const sequence = seqAdd(connection.inPositionToSeq(connection.inEnd), near());
  const acknowledgement = seqAdd(connection.outPositionToWire(connection.outWireNxt), near());
  setNumbers(input, IP, sequence, acknowledgement);
}
