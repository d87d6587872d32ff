/**
 * The server of transfers; it knows nothing of fttcp. A line of a connection says what is wanted: `up N` sends it N bytes of the known
 * stream, which it checks and answers with `ok` or `wrong`, and after which another line may follow at once; `down N` wants N bytes.
 */
import { createServer, type Socket } from 'node:net';
import { isStream, SLICE_BYTES, streamSlice } from './stream.ts';

const ORDER_BYTES_MAX = 64;

createServer((socket) => {
  socket.on('error', () => socket.destroy());
  const connection = new Connection(socket);
  socket.on('data', (data) => connection.take(data));
}).listen(Number(process.env.FTTCP_PORT));

class Connection {
  readonly #socket: Socket;
  /** Of a line that is not complete. */
  #head = Buffer.alloc(0);
  /** Of an upload: how much is to come, and has come. */
  #count = 0;
  #position = 0;
  #right = true;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  take(data: Buffer): void {
    for (let rest = data; rest.length > 0 && !this.#socket.destroyed; ) {
      rest = this.#position < this.#count ? this.#receive(rest) : this.#takeOrder(rest);
    }
  }

  /** Returns what comes after the upload. */
  #receive(data: Buffer): Buffer {
    const piece = data.subarray(0, this.#count - this.#position);
    this.#right &&= isStream(this.#position, piece);
    this.#position += piece.length;
    if (this.#position === this.#count) this.#socket.write(this.#right ? 'ok\n' : 'wrong\n');
    return data.subarray(piece.length);
  }

  /** Returns what comes after the line. */
  #takeOrder(data: Buffer): Buffer {
    const all = Buffer.concat([this.#head, data]);
    const end = all.indexOf('\n');
    if (end < 0 && all.length < ORDER_BYTES_MAX) {
      this.#head = all;
      return all.subarray(all.length);
    }
    this.#head = Buffer.alloc(0);
    const [, direction, count] = /^(up|down) (\d+)$/.exec(all.toString('latin1', 0, Math.max(0, end))) ?? [];
    if (direction === 'down') send(this.#socket, Number(count));
    else if (direction === undefined) this.#socket.destroy();
    this.#count = direction === 'up' ? Number(count) : 0;
    this.#position = 0;
    this.#right = true;
    return all.subarray(end + 1);
  }
}

function send(socket: Socket, count: number): void {
  let position = 0;
  const go = () => {
    for (let room = true; room && position < count; ) {
      const slice = streamSlice(position, Math.min(SLICE_BYTES, count - position));
      position += slice.length;
      room = socket.write(slice);
    }
  };
  socket.on('drain', go);
  go();
}
