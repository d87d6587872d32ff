// Sends a numbered line every millisecond, whether or not the last was answered, and wants each of them back, once and in order.
// Usage: echo-client LINES. Exit code 0 when all is right.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const lines = Number(process.argv[2]);
const socket = connect(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);
socket.setNoDelay(true);

function end(code: number, said: string): never {
  process.stdout.write(`${said}\n`);
  process.exit(code);
}

let sent = 0;
let answered = 0;
socket.on('error', (error) => end(1, `connection lost after ${answered} answers: ${error.message}`));
socket.on('close', () => end(1, `connection closed after ${answered} answers`));
createInterface({ input: socket }).on('line', (line) => {
  if (line !== `line ${answered}`) end(1, `expected "line ${answered}", got "${line}"`);
  answered++;
  if (answered === lines) end(0, `${answered} lines`);
});
socket.on('connect', () => {
  const begunAtMs = performance.now();
  const timer = setInterval(() => {
    const due = Math.min(lines, Math.floor(performance.now() - begunAtMs));
    for (; sent < due; sent++) socket.write(`line ${sent}\n`);
    if (sent === lines) clearInterval(timer);
  }, 1);
});
