// Asks an HTTPS server for the same small file again and again over connections that it keeps, the next when the last was answered. All
// answers are of the same length; handshakes and the first answers are before the measured time. Prints it in JSON.
// Usage: https-requests PATH CONNECTIONS REQUESTS (of each connection)
import { hrtime } from 'node:process';
import { connect, type TLSSocket } from 'node:tls';

const [file = '', connections = '', requests = ''] = process.argv.slice(2);
const host = process.env.FTTCP_ADDRESS ?? '';
const port = Number(process.env.FTTCP_PORT);
const request = `GET ${file} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

async function open(): Promise<TLSSocket> {
  const socket = connect({ host, port, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', resolve);
  });
  socket.setNoDelay();
  return socket;
}

/** @returns its length */
async function firstAnswer(socket: TLSSocket): Promise<number> {
  socket.write(request);
  let answer = '';
  for (;;) {
    const [head = '', body] = answer.split('\r\n\r\n');
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1]);
    if (body !== undefined && !head.startsWith('HTTP/1.1 200 ')) throw new Error(`the server says: ${head}`);
    if (body?.length === length) return answer.length;
    answer += await new Promise<string>((resolve, reject) => {
      socket.once('close', () => reject(new Error('the connection was lost')));
      socket.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1')));
    });
    socket.removeAllListeners('close');
  }
}

function ask(socket: TLSSocket, length: number, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let answered = 0;
    let received = 0;
    socket.once('close', () => reject(new Error(`the connection was lost after ${answered} answers`)));
    socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
      if (received < length) return;
      if (received > length) reject(new Error('that was more than an answer'));
      received = 0;
      if (++answered === count) resolve();
      else socket.write(request);
    });
    socket.write(request);
  });
}

const sockets = await Promise.all(Array.from({ length: Number(connections) }, open));
const lengths = await Promise.all(sockets.map(firstAnswer));
const startNs = hrtime.bigint();
await Promise.all(sockets.map((socket, index) => ask(socket, lengths[index] ?? 0, Number(requests))));
const seconds = Number(hrtime.bigint() - startNs) / 1e9;
process.stdout.write(`${JSON.stringify({ count: sockets.length * Number(requests), seconds })}\n`);
process.exit(0);
