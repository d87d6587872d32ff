/** Rule 4: whatever pieces the two servers' TCPs cut the same output into, and whoever is ahead, it compares equal; else it does not. */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import type { OpenFields } from '../../src/log/log-writer.ts';
import { Budget } from '../../src/south/budget.ts';
import { Connection } from '../../src/south/connection.ts';
import type { SouthContext } from '../../src/south/context.ts';
import { compareOutput, expectOutput } from '../../src/south/output-comparison.ts';
import { seq } from '../../src/wire/seq.ts';

const OPEN: OpenFields = {
  clientIp: new Uint8Array(16),
  serviceIp: new Uint8Array(16),
  clientPort: 1,
  servicePort: 2,
  clientMac: new Uint8Array(6),
  irs: seq(1),
  iss: seq(2),
  clientMss: 1460,
  serverMss: 1460,
  clientWindow: 0xffff,
  serverWindow: 0xffff,
  clientScale: -1,
  serverScale: -1,
  timestamps: false,
  sackPermitted: false,
  ecn: false,
  clientTsVal: 0,
  serverTsVal: 0,
};

class Comparison {
  readonly connection = new Connection(1, OPEN, false, 1 << 20, new Budget(1 << 20));
  readonly counters = { divergences: 0 };

  /** The primary's server has said `data`, cut at `ends`. */
  expect(data: Uint8Array, end: number): void {
    expectOutput(this.connection, 1 + end, crc32(data.subarray(0, end)));
    this.compare();
  }

  /** The local server says `data`. */
  say(data: Uint8Array): void {
    this.connection.output.write(this.connection.output.end, data, 0, data.length);
    this.compare();
  }

  compare(): void {
    const checksum = (seed: number, bytes: Uint8Array, offset: number, length: number) =>
      crc32(bytes.subarray(offset, offset + length), seed);
    const context = { checksum, counters: this.counters, diverged: [], killedBy: '' };
    compareOutput(this.connection, context as unknown as SouthContext);
    const { output, outUna, outChecksumEnd } = this.connection;
    output.release(Math.min(outUna, outChecksumEnd));
  }
}

const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 });

/** Cuts both sides' output and takes their pieces in the given turns; `local` is what the backup's server says. */
function compareInTurns(primary: number[], backup: number[], turns: boolean[], change: number): Comparison {
  const total = Math.min(sum(primary), sum(backup));
  const data = new Uint8Array(total).map((_, i) => (i * 37) & 0xff);
  const local = data.slice();
  if (change >= 0) local[change % total] = (local[change % total] ?? 0) ^ 1;
  const comparison = new Comparison();
  let [said, expected, turn] = [0, 0, 0];
  while (said < total || expected < total) {
    const saysNow = expected >= total || (said < total && turns[turn % turns.length] === true);
    turn++;
    if (saysNow) {
      const end = Math.min(total, said + (backup.shift() ?? total));
      comparison.say(local.subarray(said, end));
      said = end;
    } else {
      expected = Math.min(total, expected + (primary.shift() ?? total));
      comparison.expect(data, expected);
    }
  }
  return comparison;
}

test('the same output compares equal, however it is cut and whoever is ahead', () => {
  fc.assert(
    fc.property(cuts, cuts, fc.array(fc.boolean(), { minLength: 1 }), (primary, backup, turns) => {
      const { connection, counters } = compareInTurns([...primary], [...backup], turns, -1);
      equal(connection.diverged, false);
      equal(counters.divergences, 0);
      equal(connection.uncompared.length, 0, 'all of it was compared');
    }),
  );
});

test('one bit that differs anywhere is found, and counted once', () => {
  fc.assert(
    fc.property(cuts, cuts, fc.array(fc.boolean(), { minLength: 1 }), fc.nat(), (primary, backup, turns, change) => {
      const { connection, counters } = compareInTurns([...primary], [...backup], turns, change);
      equal(connection.diverged, true);
      equal(counters.divergences, 1);
    }),
  );
});

test('a local server that is far behind does not make the list of entries grow without end', () => {
  const comparison = new Comparison();
  const data = new Uint8Array(10_000).map((_, i) => i & 0xff);
  for (let end = 10; end <= data.length; end += 10) comparison.expect(data, end);
  equal(comparison.connection.uncompared.length <= 512, true);
  comparison.say(data);
  equal(comparison.connection.diverged, false);
  equal(comparison.connection.uncompared.length, 0);
});

test('a local server that is far behind has its output compared on its way, not only once it has come as far', () => {
  const comparison = new Comparison();
  const data = new Uint8Array(10_000).map((_, i) => i & 0xff);
  for (let end = 10; end <= data.length; end += 10) comparison.expect(data, end);
  const local = data.slice();
  local[1_000] = 0xff;
  comparison.say(local.subarray(0, 1_100));
  equal(comparison.connection.divergedAt, 1);
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
