/**
 * What the operator can do something about. A broken invariant is not one of these: that is an `assert`, which stays on
 * in production and ends the host, so that its backup takes over.
 */
export class FttcpError extends Error {
  override readonly name: string = 'FttcpError';
  /** Stable identifier for scripts, for example `config-invalid`, `tun-missing`. */
  readonly code: string;

  /** @param message one sentence that says what is wrong and what to do about it. */
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** A broken invariant: the process ends, its backup takes over. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${invariant}`);
}

export function assertNever(value: never): never {
  throw new Error(`broken invariant: unexpected ${JSON.stringify(value)}`);
}
