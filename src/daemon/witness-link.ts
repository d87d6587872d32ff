// The data loop's end of the talk with a witness: one UDP socket. It moves messages and vouches for them; when to ask, and to ask
// again, is the replica's business (`replica/witness-talk.ts`).
import { close, POLLIN, type Poller } from '../linux/io.ts';
import { allocate } from '../linux/memory.ts';
import { recvFrom, type SockAddr, sendTo, sockAddr, udpBind } from '../linux/socket.ts';
import type { Member, WitnessAnswer, WitnessRequest } from '../replica/view.ts';
import { decodeAnswer, encodeRequest, type Seal, WITNESS_MESSAGE_BYTES_MAX } from '../replica/witness-protocol.ts';
import type { Endpoint } from './config.ts';
import { witnessSeal, witnessServiceId } from './witness-seal.ts';

/** Datagrams taken in one turn: whoever floods the socket does not hold up the loop. */
const BATCH = 16;

export class WitnessLink {
  readonly #poller: Poller;
  readonly #witness: SockAddr;
  readonly #service: Uint8Array;
  readonly #seal: Seal;
  readonly #self: Member;
  // Not connected: nothing that becomes of an earlier datagram, or of the way there, is an error of this socket.
  readonly #fd = udpBind('0.0.0.0', 0);
  readonly #slot: number;
  readonly #sent = allocate(WITNESS_MESSAGE_BYTES_MAX);
  /** One byte more than the longest message: a longer datagram does not pass for one. */
  readonly #received = allocate(WITNESS_MESSAGE_BYTES_MAX + 1);

  constructor(poller: Poller, witness: Endpoint, service: string, key: Uint8Array, self: Member) {
    this.#poller = poller;
    this.#witness = sockAddr(witness.host, witness.port);
    this.#service = witnessServiceId(service);
    this.#seal = witnessSeal(key);
    this.#self = self;
    this.#slot = poller.add(this.#fd, POLLIN);
  }

  /** Sends one datagram. Whether it arrives only an answer tells. */
  ask(request: WitnessRequest): void {
    const message = encodeRequest(this.#service, request, this.#seal);
    this.#sent.set(message);
    sendTo(this.#fd, this.#witness, this.#sent, 0, message.length);
  }

  /** Hands over the authentic answers that the last wait has found. */
  receive(take: (answer: WitnessAnswer) => void): void {
    if (this.#poller.ready(this.#slot) === 0) return;
    for (let datagrams = 0; datagrams < BATCH; datagrams++) {
      const length = recvFrom(this.#fd, this.#received, 0, this.#received.length);
      if (length < 0) return;
      const answer = decodeAnswer(this.#received.subarray(0, length), this.#service, this.#self, this.#seal);
      if (answer.ok) take(answer.value);
    }
  }

  end(): void {
    close(this.#fd);
    this.#poller.setFd(this.#slot, -1);
  }
}
