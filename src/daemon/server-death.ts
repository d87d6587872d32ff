/**
 * Whether the server is being killed. The kernel closes the sockets of a process that dies by a signal as if it had closed them, and
 * before anybody is told of its end; but by then /proc shows it dying, until it is reaped. Asked when the server ends a connection.
 */
import { readdirSync } from 'node:fs';
import { monotonicMs } from '../linux/clock.ts';
import { deathSignal, processState, signalName } from '../linux/process.ts';
import type { ServerFate } from '../south/context.ts';

/** Those by which one asks a program to end, as masters do their workers: no crash. */
const ORDERLY: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);
/** Where many processes make a look long, it holds for so many times its own length. */
const HOLDS_FACTOR = 4;
/** A look that is shorter is always made anew. */
const SHORT_MS = 0.3;

/** Whether a program that died of this signal has crashed. */
export function isCrash(signal: string | null): signal is string {
  return signal !== null && !ORDERLY.has(signal);
}

export class ServerDeath {
  readonly #procRoot: string;
  readonly #serverPid: number;
  #freshUntilMs = 0;

  /**
   * @param initPid process 1 of the enclosure
   * @param serverPid the server program
   */
  constructor(initPid: number, serverPid: number) {
    this.#procRoot = `/proc/${initPid}/root/proc`;
    this.#serverPid = serverPid;
  }

  /** Of the server program and all that it has forked. */
  look(): ServerFate {
    const atMs = monotonicMs();
    if (atMs < this.#freshUntilMs) return { is: 'alive' };
    for (const entry of this.#processes()) {
      const signal = signalName(deathSignal(entry, this.#procRoot));
      if (isCrash(signal)) return { is: 'dying', signal };
    }
    if (processState(this.#serverPid) === undefined) return { is: 'gone' };
    const tookMs = monotonicMs() - atMs;
    if (tookMs > SHORT_MS) this.#freshUntilMs = atMs + HOLDS_FACTOR * tookMs;
    return { is: 'alive' };
  }

  #processes(): string[] {
    try {
      return readdirSync(this.#procRoot).filter((entry) => /^\d+$/.test(entry) && entry !== '1');
    } catch {
      // The enclosure has ended as a whole: that is told otherwise.
      return [];
    }
  }
}
