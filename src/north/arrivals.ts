/** Which byte of a stream was taken when, to a millisecond. Pure. */

export class Arrivals {
  /** By turns: the stream's length, and when it had that. */
  #marks: number[] = [];

  add(length: number, nowMs: number): void {
    const [before, lastMs] = this.#marks.slice(-2);
    if (before === length) return;
    // What came within a millisecond of the last mark counts as having come with it.
    if (lastMs !== undefined && nowMs - lastMs < 1) this.#marks.splice(-2, 1, length);
    else this.#marks.push(length, nowMs);
  }

  /** For how long the byte behind `length` has been there; 0: it has not come yet. */
  ageOf(length: number, nowMs: number): number {
    let past = 0;
    while (past < this.#marks.length && (this.#marks[past] ?? 0) <= length) past += 2;
    this.#marks.splice(0, past);
    const [, sinceMs = nowMs] = this.#marks;
    return nowMs - sinceMs;
  }
}
