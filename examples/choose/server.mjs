// Greets each connection with a random session id, and answers each line with the id, a count and the line.
// At level `stream` it survives a crash because it draws the id by `choose`; with CHOOSE=off it would not.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { choose } from '../../hooks/node/index.js';

const draw = () => randomBytes(8).toString('hex');

createServer((socket) => {
  const peer = `${socket.remoteAddress} ${socket.remotePort}`;
  const session = process.env.CHOOSE === 'off' ? draw() : choose(`session of ${peer}`, draw);
  let lines = 0;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.write(`session ${session}\n`);
  createInterface({ input: socket })
    .on('line', (line) => socket.write(`${session} ${++lines} ${line}\n`))
    .on('close', () => socket.end());
}).listen(Number(process.env.FTTCP_PORT ?? 7));
