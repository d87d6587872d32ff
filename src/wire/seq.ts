/**
 * Sequence numbers (RFC 9293 §3.4): 32-bit numbers that wrap, kept apart from ordinary numbers by their type. All
 * arithmetic modulo 2³² lives here. A *position* is the unwrapped counterpart: how many sequence numbers a stream has
 * gone past its initial one, a safe integer that never wraps. `seqAt` and `positionOf` are inverse to each other.
 */

declare const seqBrand: unique symbol;
export type Seq = number & { readonly [seqBrand]: true };

/** Any integer, modulo 2³². */
export function seq(n: number): Seq {
  return (n >>> 0) as Seq;
}

export function seqAdd(a: Seq, n: number): Seq {
  return ((a + (n >>> 0)) >>> 0) as Seq;
}

/** The signed distance a − b, in [−2³¹, 2³¹). */
export function seqDiff(a: Seq, b: Seq): number {
  return (a - b) | 0;
}

/** Whether `a` lies before `b`: RFC 9293 §3.4's `a < b` modulo 2³². */
export function seqBefore(a: Seq, b: Seq): boolean {
  return ((a - b) | 0) < 0;
}

/** The sequence number of a stream position, which may exceed 2³² by any amount that is still a safe integer. */
export function seqAt(isn: Seq, position: number): Seq {
  return ((isn + (position >>> 0)) >>> 0) as Seq;
}

/** The stream position nearest to `near` whose sequence number is `s`. Before the stream's begin it is negative. */
export function positionOf(isn: Seq, s: Seq, near: number): number {
  return near + seqDiff(s, seqAt(isn, near));
}
