// Sends a datagram every 20 ms, and a line over a connection beside it. Whatever is answered is answered right; of the datagrams, the last fifth
// all, and no more are lost than a takeover may cost. Usage: datagram-client COUNT BYTES. Exit code 0 when all is right.
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [count, bytes] = [Number(process.argv[2]), Number(process.argv[3])];
const address = process.env.FTTCP_ADDRESS ?? '';
const port = Number(process.env.FTTCP_PORT);
const EVERY_MS = 20;
const LOST_MAX = count / 5;
const PATIENCE_MS = 1000;

function end(code: number, said: string): never {
  process.stdout.write(`${said}\n`);
  process.exit(code);
}

const datagram = (number: number) => Buffer.alloc(bytes, `datagram ${number} `);
const answered = new Set<number>();
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
socket.on('message', (got) => {
  const number = Number(/^datagram (\d+) /.exec(got.toString('latin1', 0, 20))?.[1]);
  if (!got.equals(datagram(number))) end(1, `a wrong answer to datagram ${number}, of ${got.length} bytes`);
  answered.add(number);
});

const connection = connect(port, address);
let lines = 0;
connection.on('error', (error) => end(1, `connection lost after ${lines} lines: ${error.message}`));
connection.on('close', () => end(1, `connection closed after ${lines} lines`));
createInterface({ input: connection }).on('line', (line) => {
  if (line !== `line ${lines}`) end(1, `expected "line ${lines}", got "${line}"`);
  lines++;
});

let sent = 0;
const timer = setInterval(() => {
  socket.send(datagram(sent), port, address);
  connection.write(`line ${sent}\n`);
  if (++sent < count) return;
  clearInterval(timer);
  setTimeout(() => {
    const late = Array.from({ length: count / 5 }, (_, index) => count - 1 - index).filter((n) => !answered.has(n));
    const right = lines === count && late.length === 0 && count - answered.size <= LOST_MAX;
    end(
      right ? 0 : 1,
      `${answered.size} datagrams of ${count}, ${lines} lines; of the last ones not answered: ${late}`,
    );
  }, PATIENCE_MS);
}, EVERY_MS);
