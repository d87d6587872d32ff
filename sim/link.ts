/**
 * The replication link of the simulated world: two byte streams, cut anywhere, each with its latency. It loses nothing until it
 * is cut or a host loses its power; then what the other side has not received may be cut off at any byte. That it has ended is
 * noticed by a side when it next looks, behind what has still arrived.
 */
import type { Random } from './random.ts';

interface Chunk {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** The stream ends here, for this reason. */
  readonly end?: string;
}

/** One end's view: what it has received and what is on its way to it. */
export class LinkEnd {
  readonly #random: Random;
  readonly latencyMs: number;
  readonly #coming: Chunk[] = [];
  /** Received and not consumed. */
  received = new Uint8Array(0);
  connected = false;
  /** Why the connection has ended, once that has arrived; ''. */
  ended = '';
  /** While true the other side does not get rid of anything: its queue fills. */
  blocked = false;

  constructor(random: Random, latencyMs: number) {
    this.#random = random;
    this.latencyMs = latencyMs;
  }

  /** Bytes that the other side has sent; nothing follows the end, of which it may not know yet. */
  push(bytes: Uint8Array, nowMs: number): void {
    if (this.ended !== '' || this.#coming.at(-1)?.end !== undefined) return;
    const earliest = this.#coming.at(-1)?.at ?? 0;
    const cut = bytes.length > 1 && this.#random.chance(0.3) ? this.#random.between(1, bytes.length - 1) : bytes.length;
    const at = Math.max(earliest, nowMs + this.latencyMs * (0.5 + this.#random.next()));
    this.#coming.push({ at, bytes: bytes.slice(0, cut) });
    if (cut < bytes.length) this.#coming.push({ at: at + this.#random.next() * 0.2, bytes: bytes.slice(cut) });
  }

  get nextAt(): number {
    return this.connected ? (this.#coming[0]?.at ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  }

  /** Moves what has arrived to `received`. */
  arrive(nowMs: number): void {
    while ((this.#coming[0]?.at ?? Number.POSITIVE_INFINITY) <= nowMs) {
      const { bytes, end } = this.#coming.shift() as Chunk;
      if (end !== undefined) this.ended = end;
      const joined = new Uint8Array(this.received.length + bytes.length);
      joined.set(this.received);
      joined.set(bytes, this.received.length);
      this.received = joined;
    }
  }

  consumed(length: number): void {
    this.received = this.received.slice(length);
  }

  /** The other side has ended the connection: in good order, behind all that it has sent, or by a reset that overtakes it. */
  end(reason: string, nowMs: number): void {
    if (this.#random.chance(0.5)) this.#coming.length = 0;
    const at = Math.max(this.#coming.at(-1)?.at ?? 0, nowMs + this.latencyMs * (0.5 + this.#random.next()));
    this.#coming.push({ at, bytes: new Uint8Array(0), end: reason });
  }

  /** The other side lost its power: of what is on its way, only a part arrives. */
  cutShort(): void {
    const whole = this.#random.between(0, this.#coming.length);
    const cut = this.#coming.splice(whole)[0];
    if (cut !== undefined && cut.bytes.length > 1) {
      this.#coming.push({ at: cut.at, bytes: cut.bytes.slice(0, this.#random.between(1, cut.bytes.length)) });
    }
  }

  reset(): void {
    this.#coming.length = 0;
    this.received = new Uint8Array(0);
    this.connected = false;
    this.ended = '';
  }
}
