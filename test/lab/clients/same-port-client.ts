// Opens connections one after the other from the same port; on each a line is answered by the same line and the server's end. Usage:
// same-port-client CONNECTIONS. Exit code 0 when all is right.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

const connections = Number(process.argv[2]);
const target = { host: process.env.FTTCP_ADDRESS ?? '', port: Number(process.env.FTTCP_PORT), localPort: 45_000 };

/** The port is free once the service has acknowledged the FIN of the connection before. */
async function connected(): Promise<Socket> {
  for (;;) {
    const socket = connect(target);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error;
      await setTimeout(1);
    }
  }
}

async function converse(number: number): Promise<void> {
  const socket = await connected();
  socket.write(`line ${number}\n`);
  let heard = '';
  for await (const chunk of socket) heard += chunk;
  if (heard !== `line ${number}\n`) throw new Error(`on connection ${number} came "${heard}"`);
}

try {
  for (let number = 0; number < connections; number++) await converse(number);
  process.stdout.write(`${connections} connections\n`);
} catch (error) {
  process.stdout.write(`${error}\n`);
  process.exit(1);
}
