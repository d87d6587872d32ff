/** Rounds after the last word. */
const FINAL_ROUNDS = 3;

/**
 * HalfSipHash-1-3 (Aumasson, Bernstein), as Linux takes it for its tables, of a client's address and both ports. Who does not know the
 * key cannot choose addresses that collide.
 * @param key 2 words.
 * @param ports both, in one word.
 * @returns 32 bits, signed.
 */
export function hashTuple(key: Uint32Array, bytes: Uint8Array, offset: number, length: 4 | 16, ports: number): number {
  const k0 = key[0] ?? 0;
  const k1 = key[1] ?? 0;
  const words = length / 4;
  let v0 = k0 | 0;
  let v1 = k1 | 0;
  let v2 = k0 ^ 0x6c796765;
  let v3 = k1 ^ 0x74656462;
  for (let i = 0; i < words + 2 + FINAL_ROUNDS; i++) {
    let word = 0;
    if (i < words) word = littleEndian(bytes, offset + 4 * i);
    else if (i === words) word = ports | 0;
    else if (i === words + 1) word = (length + 4) << 24;
    else if (i === words + 2) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = rotate(v1, 5) ^ v0;
    v0 = rotate(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotate(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotate(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotate(v1, 13) ^ v2;
    v2 = rotate(v2, 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}

function littleEndian(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
