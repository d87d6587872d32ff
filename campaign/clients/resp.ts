/** A connection to a redis that speaks RESP 2: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
import { Connection } from '../../soak/clients/connection.ts';
import { SERVER } from './client-program.ts';

export type Reply = string | number | null | readonly Reply[];

export class RespConnection {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async open(): Promise<RespConnection> {
    return new RespConnection(await Connection.open(SERVER.host, SERVER.port));
  }

  /** @throws what the server says of an error */
  async ask(...words: readonly (string | number)[]): Promise<Reply> {
    const bulks = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    await this.#connection.write(`*${words.length}\r\n${bulks.join('')}`);
    return this.receive();
  }

  /** What comes without being asked for, too: messages of a channel. */
  async receive(): Promise<Reply> {
    const line = (await this.#connection.readLine()) ?? '';
    const value = line.slice(1);
    switch (line[0]) {
      case '+':
        return value;
      case ':':
        return Number(value);
      case '$':
        return this.#bulk(Number(value));
      case '*':
        return this.#array(Number(value));
      case '-':
        throw new Error(`the server says ${value}`);
      default:
        throw new Error(line === '' ? 'the stream ended' : `"${line}" is no reply`);
    }
  }

  async #bulk(length: number): Promise<string | null> {
    if (length < 0) return null;
    const bytes = await this.#connection.read(length + 2);
    return bytes.subarray(0, length).toString();
  }

  async #array(length: number): Promise<Reply[] | null> {
    if (length < 0) return null;
    const replies: Reply[] = [];
    while (replies.length < length) replies.push(await this.receive());
    return replies;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
