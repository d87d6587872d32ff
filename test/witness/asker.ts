/** A replica's side of the talk with a witness, for tests: asks by datagram, waits for the answer, asks again when none comes. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { witnessSeal, witnessServiceId } from '../../src/daemon/witness-seal.ts';
import type { Member, View, ViewChange, WitnessAnswer, WitnessRequest } from '../../src/replica/view.ts';
import { decodeAnswer, encodeRequest } from '../../src/replica/witness-protocol.ts';

export const KEY_HEX = '000102030405060708090a0b0c0d0e0f';
export const KEY = Uint8Array.from(Buffer.from(KEY_HEX, 'hex'));
const REPEAT_MS = 200;
const DEADLINE_MS = 15_000;

/** A UDP port of the loopback that nobody has. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

export class Asker {
  readonly self: Member;
  readonly #socket: Socket = createSocket('udp4');
  readonly #id: Uint8Array;
  readonly #seal;
  readonly #port: number;
  #sequence = 0;
  #repeating: NodeJS.Timeout | undefined;
  /** Datagrams that came back. */
  received = 0;

  constructor(port: number, self: Member, service = 'files', key = KEY) {
    this.#port = port;
    this.self = self;
    this.#id = witnessServiceId(service);
    this.#seal = witnessSeal(key);
    this.#socket.on('message', () => this.received++);
  }

  read(): Promise<WitnessAnswer> {
    return this.ask(this.request());
  }

  change(expected: number, next: View, refound = false): Promise<WitnessAnswer> {
    return this.ask(this.request({ expected, next, refound }));
  }

  request(change?: ViewChange): WitnessRequest {
    return { sequence: ++this.#sequence, from: this.self, ...(change === undefined ? {} : { change }) };
  }

  /** Repeats the request until it is answered. One at a time. */
  ask(request: WitnessRequest): Promise<WitnessAnswer> {
    return new Promise((resolve, reject) => {
      const endAtMs = performance.now() + DEADLINE_MS;
      const take = (bytes: Uint8Array) => {
        const answer = decodeAnswer(bytes, this.#id, this.self, this.#seal);
        if (!answer.ok || answer.value.sequence !== request.sequence) return;
        clearInterval(this.#repeating);
        this.#socket.off('message', take);
        resolve(answer.value);
      };
      this.#repeating = setInterval(() => {
        this.sendRequest(request);
        if (performance.now() > endAtMs) reject(new Error('the witness does not answer'));
      }, REPEAT_MS);
      this.#socket.on('message', take);
      this.sendRequest(request);
    });
  }

  /** One datagram, and no wait for its answer. */
  sendRequest(request: WitnessRequest): void {
    this.send(encodeRequest(this.#id, request, this.#seal));
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#port, '127.0.0.1');
  }

  /** Gives up what is not answered yet. */
  close(): void {
    clearInterval(this.#repeating);
    this.#socket.close();
  }
}
