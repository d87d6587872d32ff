// An ordinary TCP server that knows nothing of fttcp: sends back every line as it comes.
import { createServer } from 'node:net';

createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
}).listen(Number(process.env.FTTCP_PORT ?? 7));
