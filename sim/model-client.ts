/**
 * An unmodified client on the LAN: a model TCP and a script of what it sends and what it must be answered. It judges what it is
 * told: its answer is exactly the expected one, byte for byte, and the connection ends as it should.
 */
import { ok } from 'node:assert/strict';
import { positionOf, seq } from '../src/wire/seq.ts';
import { keyOf } from './checkers.ts';
import { ModelTcp, type TcpOptions } from './model-tcp.ts';
import { type ChecksumKind, type Ends, type Heard, lanFrame, sameStream, type TcpPacket } from './packets.ts';

export interface Script {
  readonly sends: Uint8Array;
  readonly expects: Uint8Array;
  /** Closes its half as soon as all is sent; otherwise when the server has closed. */
  readonly closesFirst: boolean;
  /** Sends this much at a time and waits for as much of an answer; 0: everything at once. */
  readonly stepBytes?: number;
  /** The last byte of each step is urgent. */
  readonly urgent?: boolean;
  /** Resets the connection when so much of the answer has come. */
  readonly abortsAfter?: number;
  /** Bits of each byte that count; the others differ whenever the client repeats itself. All count if it is left out. */
  readonly mask?: number;
}

export interface ClientOptions {
  readonly name: string;
  readonly ip: Uint8Array;
  readonly mac: Uint8Array;
  readonly port: number;
  readonly servicePort: number;
  readonly iss: number;
  readonly tcp: TcpOptions;
  readonly script: Script;
}

export class ModelClient {
  readonly options: ClientOptions;
  readonly tcp: ModelTcp;
  readonly ends: Ends;
  reads = true;
  #offset = 0;
  /** End of what it has sent. */
  #saidEnd = 1;

  constructor(options: ClientOptions, serviceIp: Uint8Array) {
    this.options = options;
    this.ends = { source: options.ip, destination: serviceIp };
    this.tcp = new ModelTcp(options.tcp, options.port, options.servicePort, seq(options.iss));
  }

  /** As checkers.ts names a client. */
  get key(): string {
    const { ip, port, servicePort } = this.options;
    return keyOf(ip, port, servicePort);
  }

  start(nowMs: number): void {
    this.tcp.connect(nowMs);
  }

  /** A packet of the service for this client's address. */
  receive(heard: Heard, nowMs: number): void {
    if (heard.kind === 'icmp' && heard.mtu > 0) this.tcp.resend(nowMs);
    else if (heard.kind === 'icmp') this.tcp.undoBackOff(nowMs);
    if (heard.kind !== 'tcp' || heard.tcp.destinationPort !== this.options.port) return;
    this.tcp.receive(heard.tcp, nowMs);
    this.turn(nowMs);
  }

  turn(nowMs: number): void {
    const { tcp } = this;
    const { script } = this.options;
    tcp.timer(nowMs);
    if (!tcp.established) return;
    if (this.reads) tcp.read(tcp.unread, nowMs);
    if (script.abortsAfter !== undefined && tcp.received.length >= script.abortsAfter) {
      tcp.abort(nowMs);
      return;
    }
    const step = script.stepBytes ?? 0;
    while (this.#offset < script.sends.length) {
      if (step > 0 && tcp.received.length < this.#offset) break;
      const part = script.sends.subarray(this.#offset, step > 0 ? this.#offset + step : undefined);
      this.#offset += part.length;
      const calm = script.urgent === true ? part.length - 1 : part.length;
      tcp.write(part.subarray(0, calm), nowMs);
      if (calm < part.length) tcp.writeUrgent(part.subarray(calm), nowMs);
    }
    const mayClose = this.#offset === script.sends.length && (script.closesFirst || tcp.peerFinished);
    if (mayClose) tcp.close(nowMs);
  }

  /** The client has all that it waits for. */
  get isContent(): boolean {
    if (this.options.script.abortsAfter !== undefined) return this.tcp.state === 'reset';
    return this.tcp.state === 'closed';
  }

  /** What has come so far must be the begin of what is expected. @param mayBeReset the service may have given the connection up. */
  check(mayBeReset = false): void {
    const { expects, mask = 0xff } = this.options.script;
    const received = Uint8Array.from(this.tcp.received, (byte) => byte & mask);
    const expected = expects.subarray(0, received.length).map((byte) => byte & mask);
    sameStream(received, expected, `${this.options.name}: the answer`);
    if (this.options.script.abortsAfter === undefined && !mayBeReset)
      ok(this.tcp.state !== 'reset', `${this.options.name} was reset`);
  }

  /** The frames that this client has to send. */
  frames(serviceMac: Uint8Array): Uint8Array[] {
    return this.tcp.out.splice(0).map((packet) => {
      if (this.options.script.mask !== undefined) this.#twist(packet, ~this.options.script.mask);
      return this.frame(packet, serviceMac);
    });
  }

  /** Changes those bits of what is sent for another time. */
  #twist({ seq, data }: TcpPacket, bits: number): void {
    const position = positionOf(this.tcp.iss, seq, this.#saidEnd);
    for (let i = 0; i < data.length; i++) if (position + i < this.#saidEnd) data[i] = (data[i] ?? 0) ^ (bits & 0xff);
    this.#saidEnd = Math.max(this.#saidEnd, position + data.length);
  }

  frame(packet: TcpPacket, serviceMac: Uint8Array, kind: ChecksumKind = 'full'): Uint8Array {
    return lanFrame(packet, this.ends, { source: this.options.mac, destination: serviceMac }, kind);
  }
}
