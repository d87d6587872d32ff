// V8 compiles a function when it is called first, and drops what has not been called for long. A takeover is code that a host may
// run once in a year, and clients wait for it.
import { setFlagsFromString } from 'node:v8';

/** Threads that start from here on compile all of a module when they load it, and keep it. */
export function compileAhead(): void {
  setFlagsFromString('--no-lazy');
  setFlagsFromString('--no-flush-bytecode');
}
