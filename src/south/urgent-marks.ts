// Where urgent data ends, in one direction of a connection: what a segment's URG flag and urgent pointer say, as stream positions. Such
// an end only ever goes forward, but each that was told counts: of two a server may take two bytes out of its stream, of the last alone
// one. RFC 9293 §3.8.5, RFC 6093

/** Not yet told to, or acknowledged by, whom they are for. */
const MARKS_MAX = 64;
/** As far ahead as the pointer of a segment can point. */
const POINTER_MAX = 0xffff;

export class UrgentMarks {
  readonly #marks: number[] = [];
  #latest = 0;

  /** Whether `mark` is later than all that were added. */
  isNews(mark: number): boolean {
    return mark > this.#latest;
  }

  get isFull(): boolean {
    return this.#marks.length >= MARKS_MAX;
  }

  add(mark: number): void {
    if (!this.isNews(mark)) return;
    this.#latest = mark;
    this.#marks.push(mark);
  }

  has(mark: number): boolean {
    return this.#marks.includes(mark);
  }

  /** The first mark beyond `position`, or Infinity. */
  after(position: number): number {
    return this.#marks.find((mark) => mark > position) ?? Number.POSITIVE_INFINITY;
  }

  /** Forgets the marks up to `position`. */
  release(position: number): void {
    while ((this.#marks[0] ?? Number.POSITIVE_INFINITY) <= position) this.#marks.shift();
  }

  /** The urgent pointer of a segment that begins at `position`; 0: it has no URG flag. */
  pointer(position: number): number {
    const ahead = this.after(position) - position;
    return ahead <= POINTER_MAX ? ahead : 0;
  }
}
