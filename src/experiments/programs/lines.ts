// Sends numbered lines to an echo server for so long and wants each of them back, once and in order. `echo` is an open loop: a line
// every millisecond, whether or not the last was answered. `pingpong` is a closed one: the next line when the last was answered.
// Says `running` when some have been answered. Usage: lines echo|pingpong MS. Exit code 0 when all is right.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const RUNNING = 20;
const [mode, forMs] = [process.argv[2], Number(process.argv[3])];
const socket = connect(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);
socket.setNoDelay(true);
let sent = 0;
let answered = 0;
let startMs = 0;

function end(code: number, said: string): never {
  process.stdout.write(`${said}\n`);
  process.exit(code);
}

const elapsedMs = () => performance.now() - startMs;

function sendUpTo(count: number): void {
  for (; sent < count; sent++) socket.write(`line ${sent}\n`);
}

function endIfDone(): void {
  if (elapsedMs() >= forMs && answered === sent) end(0, `${answered} lines`);
}

socket.on('error', (error) => end(1, `connection lost after ${answered} answers: ${error.message}`));
socket.on('close', () => end(1, `connection closed after ${answered} answers`));
createInterface({ input: socket }).on('line', (line) => {
  if (line !== `line ${answered}`) end(1, `expected "line ${answered}", got "${line}"`);
  answered++;
  if (answered === RUNNING) process.stdout.write('running\n');
  endIfDone();
  if (mode === 'pingpong') sendUpTo(answered + 1);
});
socket.on('connect', () => {
  startMs = performance.now();
  sendUpTo(1);
  if (mode === 'pingpong') return;
  const timer = setInterval(() => {
    sendUpTo(Math.ceil(Math.min(forMs, elapsedMs())));
    if (elapsedMs() < forMs) return;
    clearInterval(timer);
    endIfDone();
  }, 1);
});
