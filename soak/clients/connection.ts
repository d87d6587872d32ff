/** A TCP connection for a client that waits for what it needs, and is told of everything that must not happen. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class Connection {
  readonly #socket: Socket;
  readonly #reader: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Whoever reads or writes is told.
    socket.on('error', () => {});
    this.#reader = socket[Symbol.asyncIterator]();
  }

  static async open(host: string, port: number): Promise<Connection> {
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return new Connection(socket);
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Resolves when there is room for more. */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (this.#socket.write(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      const fail = (error?: Error) => reject(error ?? new Error('closed while it was written to'));
      this.#socket.once('error', fail).once('close', fail);
      this.#socket.once('drain', () => {
        this.#socket.off('error', fail).off('close', fail);
        resolve();
      });
    });
  }

  /** What has come, at least a byte; undefined at the end. */
  async readSome(): Promise<Buffer | undefined> {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    if (rest.length > 0) return rest;
    if (this.#ended) return undefined;
    const { value, done } = await this.#reader.next();
    this.#ended = done ?? false;
    return this.#ended ? undefined : value;
  }

  async read(length: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      const piece = await this.readSome();
      if (piece === undefined) throw new Error(`the stream ended ${missing} bytes too early`);
      pieces.push(piece.subarray(0, missing));
      this.#rest = piece.subarray(missing);
      missing -= Math.min(missing, piece.length);
    }
    return Buffer.concat(pieces);
  }

  /** Without its end, which is CR LF or LF; undefined at the end of the stream. */
  async readLine(): Promise<string | undefined> {
    let line: Buffer = Buffer.alloc(0);
    for (;;) {
      const piece = await this.readSome();
      if (piece === undefined && line.length === 0) return undefined;
      if (piece === undefined) throw new Error('the stream ended within a line');
      const end = piece.indexOf('\n');
      line = Buffer.concat([line, end < 0 ? piece : piece.subarray(0, end)]);
      if (end < 0) continue;
      this.#rest = piece.subarray(end + 1);
      return line.toString('latin1').replace(/\r$/, '');
    }
  }

  /** Says that nothing more will be sent. */
  end(): void {
    this.#socket.end();
  }

  /** Ends it, and wants the other side to have nothing more to say. */
  async close(): Promise<void> {
    this.#socket.end();
    const more = await this.readSome();
    if (more !== undefined) throw new Error(`${more.length} bytes too many`);
  }
}
