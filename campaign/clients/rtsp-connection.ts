/** A connection to an RTSP 1.0 server (RFC 2326) in which RTP is interleaved (§10.12). */
import { Connection } from '../../soak/clients/connection.ts';
import { SERVER, wanted } from './client-program.ts';

const DOLLAR = 0x24;

export interface Answer {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export class RtspConnection {
  readonly #connection: Connection;
  readonly #onFrame: (channel: number, packet: Buffer) => void;
  #sequence = 0;
  #session: string | undefined;

  private constructor(connection: Connection, onFrame: (channel: number, packet: Buffer) => void) {
    this.#connection = connection;
    this.#onFrame = onFrame;
  }

  /** @param onFrame gets every interleaved packet, while an answer or a packet is waited for */
  static async open(onFrame: (channel: number, packet: Buffer) => void): Promise<RtspConnection> {
    return new RtspConnection(await Connection.open(SERVER.host, SERVER.port), onFrame);
  }

  /** @throws unless the answer is 200, to this request and of this session */
  async ask(method: string, url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const sequence = String(++this.#sequence);
    const session = this.#session === undefined ? {} : { Session: this.#session };
    const lines = Object.entries({ CSeq: sequence, ...session, ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    await this.#connection.write(`${[`${method} ${url} RTSP/1.0`, ...lines].join('\r\n')}\r\n\r\n`);
    let first = await this.#frameOrByte();
    while (first === undefined) first = await this.#frameOrByte();
    const answer = await this.#answer(first);
    wanted(`${method}, CSeq`, answer.headers.get('cseq'), sequence);
    const named = answer.headers.get('session')?.replace(/;.*/, '');
    if (this.#session !== undefined) wanted(`${method}, Session`, named, this.#session);
    this.#session = named;
    return answer;
  }

  /** Waits for one packet. */
  async frame(): Promise<void> {
    if ((await this.#frameOrByte()) !== undefined) throw new Error('an answer came that nobody asked for');
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** The first byte of an answer, or undefined when a packet came. */
  async #frameOrByte(): Promise<Buffer | undefined> {
    const first = await this.#connection.read(1);
    if (first[0] !== DOLLAR) return first;
    const head = await this.#connection.read(3);
    this.#onFrame(head.readUInt8(0), await this.#connection.read(head.readUInt16BE(1)));
    return undefined;
  }

  async #answer(first: Buffer): Promise<Answer> {
    wanted('answer', `${first}${await this.#connection.readLine()}`, 'RTSP/1.0 200 OK');
    const headers = new Map<string, string>();
    for (let line = await this.#connection.readLine(); line; line = await this.#connection.readLine()) {
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const body = await this.#connection.read(Number(headers.get('content-length') ?? 0));
    return { headers, body: body.toString() };
  }
}
