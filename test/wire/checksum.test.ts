import { ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checksum,
  foldSum,
  ipv4HeaderChecksum,
  sumBytes,
  updateChecksum16,
  updateChecksum32,
} from '../../src/wire/checksum.ts';
import { word16, word32 } from './arbitraries.ts';
import { fromHex, naiveChecksum, naiveSum, toHex } from './reference.ts';

/** The two zeros of one's complement are the same number. */
const same = (a: number, b: number) => a % 0xffff === b % 0xffff;

test('RFC 1071 §3: the worked example', () => {
  strictEqual(foldSum(sumBytes(fromHex('0001f203f4f5f6f7'), 0, 8)), 0xddf2);
});

test('RFC 1624 §4: the worked example', () => {
  strictEqual(updateChecksum16(0xdd2f, 0x5555, 0x3285), 0x0000);
});

test('RFC 791 §3.1: the header checksum', () => {
  const header = fromHex('45000073000040004011ffffc0a80001c0a800c7');
  ipv4HeaderChecksum(header, 0);
  strictEqual(toHex(header.subarray(10, 12)), 'b861');
  strictEqual(checksum(header, 0, 20), 0);
});

test('a sum is that of the naive one at every offset, alignment and length', () => {
  const bytes = Uint8Array.from({ length: 3000 }, (_, i) => (i * 7919 + (i >>> 3)) & 0xff);
  const shifted = new Uint8Array(4000).subarray(3, 3003);
  shifted.set(bytes);
  for (const array of [bytes, shifted]) {
    for (let offset = 0; offset < 9; offset++) {
      for (const length of [0, 1, 2, 3, 7, 8, 9, 20, 511, 512, 513, 514, 515, 516, 517, 518, 519, 1460, 2990]) {
        const naive = naiveSum(array.slice(offset, offset + length));
        ok(same(foldSum(sumBytes(array, offset, length)), naive), `offset ${offset}, length ${length}`);
      }
    }
  }
});

test('a sum of random bytes is the naive one, and continues from another', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1200 }), fc.uint8Array({ maxLength: 1200 }), (a, b) => {
      const first = a.length % 2 === 0 ? a : a.subarray(1);
      const both = Uint8Array.from([...first, ...b]);
      const sum = sumBytes(b, 0, b.length, sumBytes(first, 0, first.length));
      ok(same(foldSum(sum), naiveSum(both)));
      strictEqual(checksum(both, 0, both.length), 0xffff - foldSum(sum));
    }),
  );
});

test('64 KB and 2 MB of 0xff overflow no accumulator', () => {
  const jumbo = new Uint8Array(2 ** 21).fill(0xff);
  jumbo[5] = 0xfe;
  ok(same(foldSum(sumBytes(jumbo, 0, jumbo.length)), 0xfffe));
  const bytes = new Uint8Array(65536).fill(0xff);
  strictEqual(foldSum(sumBytes(bytes, 0, bytes.length)), 0xffff);
  strictEqual(foldSum(sumBytes(bytes, 1, 65535)), foldSum(32767 * 0xffff + 0xff00));
});

test('folding keeps the value modulo 2^16 − 1', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (sum) => {
      const folded = foldSum(sum);
      ok(folded <= 0xffff && same(folded, sum) && (sum === 0 || folded > 0));
    }),
  );
});

test('RFC 1624 §3: an incremental update is the full computation', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 12, maxLength: 60 }),
      fc.nat(3),
      word32,
      word16,
      (bytes, at, long, short) => {
        bytes[8] = 0x5a; // not all zero: RFC 1624 §3 has no −0 then
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const before32 = naiveChecksum(bytes);
        const old32 = view.getUint32(at * 2);
        view.setUint32(at * 2, long);
        bytes[8] = 0x5a;
        const new32 = view.getUint32(at * 2);
        const after32 = naiveChecksum(bytes);
        strictEqual(updateChecksum32(before32, old32, new32), after32);
        const old16 = view.getUint16(at * 2);
        view.setUint16(at * 2, short);
        strictEqual(updateChecksum16(after32, old16, short), naiveChecksum(bytes));
      },
    ),
  );
});
