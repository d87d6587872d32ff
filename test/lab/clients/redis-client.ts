// 100 connections to a redis, each counting on a key of its own for so long: INCR must answer exactly one more each time, so that
// a command that was lost or carried out twice shows. Usage: redis-client SECONDS. Exit code 0 when all is right.
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const CLIENTS = 100;
const untilMs = performance.now() + 1000 * Number(process.argv[2]);

/** @returns how many commands were answered. */
async function count(key: string): Promise<number> {
  const socket = connect(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);
  socket.setNoDelay(true);
  await once(socket, 'connect');
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  const ask = async (command: string): Promise<string> => {
    socket.write(`${command}\r\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error(`${key}: the connection has ended`);
    return value;
  };
  let counted = 0;
  while (performance.now() < untilMs) {
    const answer = await ask(`INCR ${key}`);
    counted++;
    if (answer !== `:${counted}`) throw new Error(`${key}: answer ${answer} to INCR number ${counted}`);
  }
  const length = await ask(`GET ${key}`);
  const value = await answers.next();
  if (length !== `$${String(counted).length}` || value.value !== String(counted)) {
    throw new Error(`${key}: ${value.value} at the end, counted ${counted}`);
  }
  socket.end();
  return counted;
}

try {
  const counts = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => count(`key${i}`)));
  process.stdout.write(`${counts.reduce((sum, n) => sum + n, 0)} commands\n`);
} catch (error) {
  process.stdout.write(`${error}\n`);
  process.exit(1);
}
