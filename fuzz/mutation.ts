/** Valid messages made invalid, or valid in an unusual way: a few small changes each, all drawn from one source. */
import type { Random } from '../src/lab/random.ts';
import { getU16, getU32, joinBytes, setU16, setU32 } from '../src/wire/bytes.ts';

/** Lengths, counts and numbers stand at their ends and beside their signs. */
const INTERESTING_8 = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 0x40, 0x45, 0x60, 0x7f, 0x80, 0xf0, 0xfe, 0xff];
const INTERESTING_16 = [0, 1, 8, 20, 28, 40, 0x7f, 0x80, 0xff, 0x100, 0x5dc, 0x7fff, 0x8000, 0xfffe, 0xffff];
const INTERESTING_32 = [0, 1, 12, 80, 0xffff, 0x10000, 0x10400, 0x1fffff, 0x200000, 0x7fffffff, 0x80000000, 0xffffffff];
/** Some inputs are left as they are: what is valid must be taken between what is not. */
const UNCHANGED = 0.15;
const CHANGES_MAX = 4;
const EXTENSION_MAX = 80;

type Mutation = (bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = place(bytes, 1, random);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[place(bytes, 1, random)] = random.chance(0.3) ? random.integer(0, 255) : random.pick(INTERESTING_8);
    return bytes;
  },
  function setWord(bytes, random) {
    if (random.chance(0.5)) setU16(bytes, place(bytes, 2, random), random.pick(INTERESTING_16));
    else setU32(bytes, place(bytes, 4, random), random.pick(INTERESTING_32));
    return bytes;
  },
  function addToNumber(bytes, random) {
    const by = random.integer(-20, 20);
    if (random.chance(0.5)) {
      const at = place(bytes, 2, random);
      setU16(bytes, at, getU16(bytes, at) + by);
    } else {
      const at = place(bytes, 4, random);
      setU32(bytes, at, getU32(bytes, at) + by);
    }
    return bytes;
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.integer(0, bytes.length));
  },
  function extend(bytes, random) {
    const more = new Uint8Array(random.integer(1, EXTENSION_MAX));
    if (random.chance(0.5)) for (let i = 0; i < more.length; i++) more[i] = random.integer(0, 255);
    return joinBytes(bytes, more);
  },
  function duplicateRange(bytes, random) {
    const [from, to] = range(bytes, random);
    const again = bytes.subarray(from, to);
    return random.chance(0.5) ? joinBytes(bytes, again) : joinBytes(bytes.subarray(0, to), again, bytes.subarray(to));
  },
  function removeRange(bytes, random) {
    const [from, to] = range(bytes, random);
    return joinBytes(bytes.subarray(0, from), bytes.subarray(to));
  },
  function splice(bytes, random, corpus) {
    const other = random.pick(corpus);
    return joinBytes(
      bytes.subarray(0, random.integer(0, bytes.length)),
      other.subarray(random.integer(0, other.length)),
    );
  },
];

/** A message of the corpus, mutated; its own copy. */
export function mutated(corpus: readonly Uint8Array[], random: Random, bytesMax: number): Uint8Array {
  let bytes: Uint8Array = random.pick(corpus).slice();
  if (!random.chance(UNCHANGED)) {
    for (let i = random.integer(1, CHANGES_MAX); i > 0; i--) bytes = random.pick(MUTATIONS)(bytes, random, corpus);
  }
  return bytes.length > bytesMax ? bytes.slice(0, bytesMax) : bytes;
}

/** Where `length` bytes lie in `bytes`, if there are so many. */
function place(bytes: Uint8Array, length: number, random: Random): number {
  return random.integer(0, Math.max(0, bytes.length - length));
}

function range(bytes: Uint8Array, random: Random): [number, number] {
  const from = random.integer(0, bytes.length);
  return [from, random.integer(from, Math.min(bytes.length, from + EXTENSION_MAX))];
}
