// Asks another host's kernel whether it lives: ICMP echo, RFC 792. The kernel answers, whatever keeps the host's programs from running.
// IPv4 only.
import { randomBytes } from 'node:crypto';
import { checksum } from '../wire/checksum.ts';
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST, ICMP_HEADER } from '../wire/icmp.ts';
import { close } from './io.ts';
import { allocate } from './memory.ts';
import { icmpConnect, recvFrom, sendTo, sockAddr } from './socket.ts';

/** Bytes that tell an answer to this probe from any other: nobody who has not seen the question can make it. */
const NONCE_BYTES = 16;
const REQUEST_BYTES = ICMP_HEADER + NONCE_BYTES;
const CHECKSUM = 2;
/** A raw socket gives the IPv4 header too. */
const REPLY_BYTES = 60 + REQUEST_BYTES;

export class EchoProbe {
  readonly #fd: number;
  readonly #peer;
  readonly #request = allocate(REQUEST_BYTES);
  readonly #reply = allocate(REPLY_BYTES);

  /** @param own address of this host that the question comes from. */
  constructor(own: string, peer: string) {
    this.#fd = icmpConnect(own, peer);
    this.#peer = sockAddr(peer, 0);
    this.#request[0] = ICMP_ECHO_REQUEST;
    this.#request.set(randomBytes(NONCE_BYTES), ICMP_HEADER);
    new DataView(this.#request.buffer).setUint16(CHECKSUM, checksum(this.#request, 0, REQUEST_BYTES));
  }

  ask(): void {
    sendTo(this.#fd, this.#peer, this.#request, 0, REQUEST_BYTES);
  }

  /** Whether an answer has come since this was asked last. */
  answered(): boolean {
    let answered = false;
    for (;;) {
      const length = recvFrom(this.#fd, this.#reply, 0, REPLY_BYTES);
      if (length < 0) return answered;
      answered ||= this.#isAnswer(length);
    }
  }

  close(): void {
    close(this.#fd);
  }

  #isAnswer(length: number): boolean {
    const icmp = 4 * ((this.#reply[0] ?? 0) & 0xf);
    if (length !== icmp + REQUEST_BYTES || this.#reply[icmp] !== ICMP_ECHO_REPLY) return false;
    for (let i = ICMP_HEADER; i < REQUEST_BYTES; i++) {
      if (this.#reply[icmp + i] !== this.#request[i]) return false;
    }
    return true;
  }
}
