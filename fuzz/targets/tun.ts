/**
 * Packets from the TUN: the server's kernel makes them, or a program beside the server that may open raw sockets. Nothing throws but
 * the assertion that rule 1 stands on: a kernel that acknowledges what was not logged is no kernel to go on with.
 */
import { seqAdd } from '../../src/wire/seq.ts';
import { type Family, repairChecksums, repairLengths, serverPackets, setNumbers } from '../packets.ts';
import { CIRCUMSTANCES, randomCircumstances } from '../stage.ts';
import type { Target } from '../target.ts';
import { stageOf } from './lan.ts';

const RULE_1 = 'broken invariant: the server acknowledges nothing that is not logged (rule 1)';

export const tun: Target = {
  name: 'tun',
  weight: 4,
  bytesMax: 3_000,
  subject(random) {
    const family = random.pick<Family>([4, 6]);
    const stage = stageOf(family, random);
    return {
      corpus: serverPackets(family).map((packet) => Uint8Array.of(0, ...packet)),
      prepare(input, numbers) {
        input[0] = randomCircumstances(numbers);
        const connections = [...stage.south.connections];
        if (connections.length > 0 && numbers.chance(0.7)) {
          const connection = numbers.pick(connections);
          const near = () => (numbers.chance(0.7) ? 0 : numbers.integer(-100, 100));
          const sequence = seqAdd(connection.outPositionToLocal(connection.outLocalNxt), near());
          // Seldom beyond what is logged: after that there is nothing more to be seen.
          const back = numbers.chance(0.02) ? -near() : Math.abs(near());
          setNumbers(input, CIRCUMSTANCES, sequence, seqAdd(connection.inPositionToSeq(connection.inEnd), -back));
        }
        if (numbers.chance(0.5)) repairLengths(input, CIRCUMSTANCES);
        if (numbers.chance(0.6)) repairChecksums(input, CIRCUMSTANCES);
      },
      take(input) {
        try {
          stage.tun(input.subarray(CIRCUMSTANCES), input[0] ?? 0);
        } catch (error) {
          if (!(error instanceof Error && error.message === RULE_1)) throw error;
        }
      },
      check: () => stage.check(),
    };
  },
};
