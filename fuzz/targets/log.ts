/**
 * Frames of the log to a backup, which is promoted in the middle of it. They come from a primary that has proved itself, over a cable
 * of its own, and may still make no sense: then they are refused by a reason, and what is known of a connection stays numbers.
 */
import { setU64 } from '../../src/log/frame.ts';
import { setU32 } from '../../src/wire/bytes.ts';
import type { Family } from '../packets.ts';
import { CIRCUMSTANCES, randomCircumstances, Stage } from '../stage.ts';
import type { Target } from '../target.ts';
import { backupOf } from './lan.ts';

/** Where the first byte of an input says so, the host is promoted before it. */
const PROMOTED = 0x80;

export const log: Target = {
  name: 'log',
  weight: 4,
  bytesMax: 3_000,
  subject(random) {
    const family = random.pick<Family>([4, 6]);
    const primary = new Stage({ family, logged: true }).speak().converse();
    const backup = backupOf(primary);
    return {
      corpus: primary.entries.map((entry) => Uint8Array.of(0, ...entry)),
      prepare(input, numbers) {
        input[0] = randomCircumstances(numbers) | (numbers.chance(0.02) ? PROMOTED : 0);
        if (input.length < CIRCUMSTANCES + 20) return;
        if (numbers.chance(0.8)) setU32(input, CIRCUMSTANCES, input.length - CIRCUMSTANCES);
        if (numbers.chance(0.7)) setU32(input, CIRCUMSTANCES + 8, numbers.integer(0, 3));
        const connections = [...backup.south.connections];
        if (connections.length === 0 || numbers.chance(0.4)) return;
        const { inEnd, outLocalNxt, outWireNxt } = numbers.pick(connections);
        const position = numbers.pick([inEnd, inEnd, outLocalNxt, outWireNxt, inEnd + numbers.integer(-50, 5_000)]);
        setU64(input, CIRCUMSTANCES + 12, Math.max(0, position));
      },
      take(input) {
        const promoted = ((input[0] ?? 0) & PROMOTED) !== 0;
        if (promoted && !backup.south.speaking) backup.speak();
        else if (!backup.south.speaking) backup.entry(input.subarray(CIRCUMSTANCES), input[0]);
      },
      check: () => backup.check(),
    };
  },
};
