// The bytes of one direction of a connection that may still be needed, by stream position, with holes where segments came out
// of order. A byte that is present is never replaced: whoever overlaps it gets to see the one that was logged first.
import type { Budget } from './budget.ts';

const SMALLEST = 4096;

export class StreamBuffer {
  #ring = new Uint8Array(0);
  #base: number;
  #end: number;
  /** Runs beyond `end`, ascending, as start, end, start, end… */
  #islands: number[] = [];
  readonly #bytesMax: number;
  readonly #budget: Budget;
  /** Nothing was written since `rest` found it empty. */
  #rests = false;

  constructor(start: number, bytesMax: number, budget: Budget) {
    this.#base = start;
    this.#end = start;
    this.#bytesMax = bytesMax;
    this.#budget = budget;
  }

  /** First position that is kept. */
  get base(): number {
    return this.#base;
  }

  /** First position that is missing. */
  get end(): number {
    return this.#end;
  }

  /** End of the last byte present, beyond holes too. */
  get highest(): number {
    return this.#islands.at(-1) ?? this.#end;
  }

  get holes(): number {
    return this.#islands.length / 2;
  }

  /** First position of the run beyond the hole `index`. */
  islandStart(index: number): number {
    return this.#islands[2 * index] ?? this.#end;
  }

  islandEnd(index: number): number {
    return this.#islands[2 * index + 1] ?? this.#end;
  }

  /** First position that is beyond the bound of one buffer. */
  get limit(): number {
    return this.#base + this.#bytesMax;
  }

  /** Whether bytes up to `end` are within the bound of one buffer. */
  fits(end: number): boolean {
    return end <= this.limit;
  }

  /** Whether bytes up to `end` can be kept within the bounds, of this buffer and of all. */
  accepts(end: number): boolean {
    return this.fits(end) && this.#budget.allows(this.#ring.length, this.#sizeFor(end - this.#base));
  }

  /** First missing position in [from, to), or `to`. */
  nextMissing(from: number, to: number): number {
    let at = Math.max(from, this.#end);
    for (let i = 0; i < this.#islands.length; i += 2) {
      if (at >= (this.#islands[i] ?? 0) && at < (this.#islands[i + 1] ?? 0)) at = this.#islands[i + 1] ?? 0;
    }
    return Math.min(at, to);
  }

  /** End of the hole that begins at the missing position `from`, at most `to`. */
  missingEnd(from: number, to: number): number {
    for (let i = 0; i < this.#islands.length; i += 2) {
      const start = this.#islands[i] ?? 0;
      if (start > from) return Math.min(start, to);
    }
    return to;
  }

  /** Stores bytes that are all missing: a run from `nextMissing` to `missingEnd`. */
  write(position: number, source: Uint8Array, offset: number, length: number): void {
    this.#rests = false;
    this.#reserve(position + length - this.#base);
    this.#copyIn(position, source, offset, length);
    if (position === this.#end && this.#islands.length === 0) {
      this.#end += length;
      return;
    }
    this.#insert(position, position + length);
  }

  /** Copies what is present of [position, position + length) over `target`; positions that are missing stay as they are. */
  overlay(position: number, length: number, target: Uint8Array, offset: number): void {
    this.#overlayRun(this.#base, this.#end, position, length, target, offset);
    for (let i = 0; i < this.#islands.length; i += 2) {
      this.#overlayRun(this.#islands[i] ?? 0, this.#islands[i + 1] ?? 0, position, length, target, offset);
    }
  }

  /** Copies [position, position + length), which must be present, to `target`. */
  read(position: number, length: number, target: Uint8Array, offset: number): void {
    const mask = this.#ring.length - 1;
    const start = position & mask;
    const first = Math.min(length, this.#ring.length - start);
    target.set(this.#ring.subarray(start, start + first), offset);
    if (first < length) target.set(this.#ring.subarray(0, length - first), offset + first);
  }

  /** Where in `ring` [position, position + length) lies in one run, or -1 where it does not. */
  offsetInRing(position: number, length: number): number {
    const start = position & (this.#ring.length - 1);
    return start + length <= this.#ring.length ? start : -1;
  }

  /** The memory behind `offsetInRing`; it changes when bytes are added. */
  get ring(): Uint8Array {
    return this.#ring;
  }

  /** Calls `visit` with the one or two runs of the ring that hold [position, position + length). */
  visit(position: number, length: number, visit: (ring: Uint8Array, offset: number, length: number) => void): void {
    const start = position & (this.#ring.length - 1);
    const first = Math.min(length, this.#ring.length - start);
    visit(this.#ring, start, first);
    if (first < length) visit(this.#ring, 0, length - first);
  }

  /** Forgets what is before `position`. */
  release(position: number): void {
    const to = Math.min(position, this.#end);
    if (to > this.#base) this.#base = to;
  }

  /** Gives the memory back, and with it whatever is still kept. */
  drop(): void {
    this.#base = this.#end;
    this.#islands = [];
    this.#budget.resized(this.#ring.length, 0);
    this.#ring = new Uint8Array(0);
  }

  /** Gives the memory back when nothing was kept here twice in a row. */
  rest(): void {
    if (this.#rests) this.drop();
    this.#rests = this.isEmpty;
  }

  get isEmpty(): boolean {
    return this.#base === this.#end && this.#islands.length === 0;
  }

  #sizeFor(length: number): number {
    let size = Math.max(SMALLEST, this.#ring.length);
    while (size < length) size *= 2;
    return size;
  }

  #reserve(length: number): void {
    if (length <= this.#ring.length) return;
    const size = this.#sizeFor(length);
    const grown = new Uint8Array(size);
    const old = this.#ring;
    this.#budget.resized(old.length, size);
    if (old.length > 0) {
      const kept = this.highest - this.#base;
      for (let done = 0; done < kept; ) {
        const from = (this.#base + done) & (old.length - 1);
        const to = (this.#base + done) & (size - 1);
        const run = Math.min(kept - done, old.length - from, size - to);
        grown.set(old.subarray(from, from + run), to);
        done += run;
      }
    }
    this.#ring = grown;
  }

  #copyIn(position: number, source: Uint8Array, offset: number, length: number): void {
    const start = position & (this.#ring.length - 1);
    const first = Math.min(length, this.#ring.length - start);
    this.#ring.set(source.subarray(offset, offset + first), start);
    if (first < length) this.#ring.set(source.subarray(offset + first, offset + length), 0);
  }

  #overlayRun(
    runStart: number,
    runEnd: number,
    position: number,
    length: number,
    target: Uint8Array,
    offset: number,
  ): void {
    const from = Math.max(runStart, position);
    const to = Math.min(runEnd, position + length);
    if (to > from) this.read(from, to - from, target, offset + (from - position));
  }

  /** Adds the run [start, end) to the islands, or to the contiguous part, and joins what touches. */
  #insert(start: number, end: number): void {
    const islands = this.#islands;
    let at = 0;
    while (at < islands.length && (islands[at] ?? 0) < start) at += 2;
    islands.splice(at, 0, start, end);
    for (let i = 0; i + 2 < islands.length; ) {
      if (islands[i + 1] === islands[i + 2]) islands.splice(i + 1, 2);
      else i += 2;
    }
    if (islands[0] === this.#end) {
      this.#end = islands[1] ?? this.#end;
      islands.splice(0, 2);
    }
  }
}
