/**
 * A long stream of which every byte is known, so that both ends can check what comes without holding it: a loss, a repetition or a
 * shift shows, unless it is by a multiple of the period.
 */
const PERIOD_BYTES = 1_000_003;
/** The longest slice that there is in one piece. */
export const SLICE_BYTES = 1 << 17;

const bytes = Buffer.allocUnsafe(PERIOD_BYTES + SLICE_BYTES);
// Marsaglia's xorshift32: the same everywhere, and no pattern within the period.
for (let i = 0, state = 0x2545f491; i < PERIOD_BYTES; i++) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  bytes[i] = state;
}
bytes.copyWithin(PERIOD_BYTES, 0, SLICE_BYTES);

/** @param length at most SLICE_BYTES. The slice is shared: not to be written to. */
export function streamSlice(position: number, length: number): Buffer {
  const start = position % PERIOD_BYTES;
  return bytes.subarray(start, start + length);
}

/** Is `data` what the stream has from `position` on? */
export function isStream(position: number, data: Buffer): boolean {
  for (let done = 0; done < data.length; done += SLICE_BYTES) {
    const piece = data.subarray(done, done + SLICE_BYTES);
    if (!piece.equals(streamSlice(position + done, piece.length))) return false;
  }
  return true;
}
