/**
 * Keeps an event that may come for every connection from filling the log: a few are told at once, and of those that follow within the
 * same second only the last.
 */
const TOLD_AT_ONCE = 10;
const WINDOW_MS = 1_000;

export class BurstLimit<T> {
  readonly #tell: (event: T) => void;
  #told = 0;
  #last: T | undefined;
  #window: NodeJS.Timeout | undefined;

  constructor(tell: (event: T) => void) {
    this.#tell = tell;
  }

  take(event: T): void {
    this.#window ??= setTimeout(() => this.end(), WINDOW_MS).unref();
    if (this.#told < TOLD_AT_ONCE) {
      this.#told++;
      this.#tell(event);
    } else this.#last = event;
  }

  /** Tells what was kept back. */
  end(): void {
    clearTimeout(this.#window);
    this.#window = undefined;
    this.#told = 0;
    const last = this.#last;
    this.#last = undefined;
    if (last !== undefined) this.#tell(last);
  }
}
