// One four-tuple used again and again, as a client behind a small NAT does: the server closes first, so its kernel keeps each in TIME-WAIT, and
// takes the next SYN from there. Each replica's own kernel has to, in the same order.
import { test } from 'node:test';
import { needs } from '../needs.ts';
import { client, FAULTS, survives } from './failover.ts';

const skip = needs('tun');

/** Answers a line by a line, and closes. */
const SERVER = `exec '${process.execPath}' -e '
  require("node:net").createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", (line) => socket.end(line));
  }).listen(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);'`;

for (const fault of FAULTS) {
  test(`a four-tuple is used again and again, before and after: ${fault}`, { skip }, async () => {
    await survives({
      server: SERVER,
      port: 7000,
      client: `exec ${client('same-port-client')} 400`,
      at: [`300ms:${fault}`],
    });
  });
}
