/**
 * The server of transfers; it knows nothing of fttcp. The first line of a connection says what is wanted:
 * `up N` sends it N bytes of the known stream, which it checks and answers with `ok` or `wrong`; `down N` wants N bytes.
 */
import { createServer, type Socket } from 'node:net';
import { isStream, SLICE_BYTES, streamSlice } from './stream.ts';

const ORDER_BYTES_MAX = 64;

createServer((socket) => {
  socket.on('error', () => socket.destroy());
  let head = Buffer.alloc(0);
  const takeOrder = (data: Buffer) => {
    head = Buffer.concat([head, data]);
    const end = head.indexOf('\n');
    if (end < 0 && head.length < ORDER_BYTES_MAX) return;
    socket.off('data', takeOrder);
    const [, direction, count] = /^(up|down) (\d+)$/.exec(head.toString('latin1', 0, Math.max(0, end))) ?? [];
    if (direction === 'up') receive(socket, Number(count), head.subarray(end + 1));
    else if (direction === 'down') send(socket, Number(count));
    else socket.destroy();
  };
  socket.on('data', takeOrder);
}).listen(Number(process.env.FTTCP_PORT));

function receive(socket: Socket, count: number, first: Buffer): void {
  let position = 0;
  let right = true;
  const take = (data: Buffer) => {
    right &&= isStream(position, data);
    position += data.length;
    if (position >= count) socket.write(right && position === count ? 'ok\n' : 'wrong\n');
  };
  socket.on('data', take);
  if (first.length > 0) take(first);
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
  socket.resume();
  go();
}
