// For how long a number has stayed the same, looked at now and then.

export class Standstill {
  #value = Number.NaN;
  #sinceMs = 0;

  /** @returns milliseconds since `value` was seen to change. */
  look(value: number, nowMs: number): number {
    if (value !== this.#value) {
      this.#value = value;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs;
  }

  /** The next value is a new one, whatever it is. */
  reset(): void {
    this.#value = Number.NaN;
  }
}
