// Which heartbeats count. A datagram that was recorded and is sent again must not: neither one of the peer's present run (its
// sequence is not newer), nor one of an earlier run of the peer (its boot was superseded), nor one that was made before this daemon
// started (it does not echo this daemon's boot).
import { seq, seqDiff } from '../wire/seq.ts';
import { AUTHENTICATOR_BYTES, type Authenticator, Heartbeat } from './heartbeat.ts';

/** A peer that restarts more often during one run of this daemon: the first of its boots are forgotten. */
const SUPERSEDED_MAX = 64;

export interface HeartbeatInboxOptions {
  readonly service: number;
  /** Index of this replica: its own heartbeats, reflected, are not the peer's. */
  readonly selfIndex: number;
  /** The number that this daemon's heartbeats carry; not 0. */
  readonly boot: number;
  readonly authenticate: Authenticator;
}

export class HeartbeatInbox {
  readonly #options: HeartbeatInboxOptions;
  readonly #scratch = new Uint8Array(AUTHENTICATOR_BYTES);
  readonly #superseded: number[] = [];
  #last = new Heartbeat();
  #next = new Heartbeat();
  /** The peer's boot, once a heartbeat has counted; before, 0. */
  #peerBoot = 0;
  #echo = 0;

  constructor(options: HeartbeatInboxOptions) {
    this.#options = options;
  }

  /** The last heartbeat that counted. */
  get last(): Heartbeat {
    return this.#last;
  }

  /** What this daemon's heartbeats are to echo: the peer's boot, or before any heartbeat has counted what was heard last; or 0. */
  get echo(): number {
    return this.#echo;
  }

  /** The boot of the last heartbeat that counted; 0 before. It changes when the peer has started anew. */
  get peerBoot(): number {
    return this.#peerBoot;
  }

  /** @returns whether this is a heartbeat that counts; it is then `last`. */
  take(bytes: Uint8Array, length: number): boolean {
    const next = this.#next;
    const { service, selfIndex, boot, authenticate } = this.#options;
    if (next.parse(bytes, length) !== '') return false;
    if (next.service !== service || next.sender === selfIndex) return false;
    // Before the authenticator, which is what costs: the copy that comes on a second path ends here.
    const again = next.boot === this.#peerBoot;
    if (again && seqDiff(seq(next.sequence), seq(this.#last.sequence)) <= 0) return false;
    if (!again && this.#superseded.includes(next.boot)) return false;
    if (!Heartbeat.isAuthentic(bytes, authenticate, this.#scratch)) return false;
    if (next.echo !== boot) {
      if (this.#peerBoot === 0) this.#echo = next.boot;
      return false;
    }
    if (!again) this.#supersede(next.boot);
    this.#next = this.#last;
    this.#last = next;
    return true;
  }

  #supersede(boot: number): void {
    if (this.#peerBoot !== 0) this.#superseded.push(this.#peerBoot);
    if (this.#superseded.length > SUPERSEDED_MAX) this.#superseded.shift();
    this.#peerBoot = boot;
    this.#echo = boot;
  }
}
