/**
 * Many connections at once to an echo server: each says bytes of its own, piece by piece, before and after whatever happens meanwhile,
 * and checks that they come back. Says `running` when all are connected. Usage: conversations CONNECTIONS BYTES PAUSE_MS. Exit code 0 when all
 * of it is right.
 */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';

const [count, bytes, pauseMs] = process.argv.slice(2).map(Number) as [number, number, number];
const PIECES = 8;
let left = count;
let connected = 0;

function fail(why: string): never {
  process.stdout.write(`${why}\n`);
  process.exit(1);
}

function saidBy(index: number): Buffer {
  const seed = createHash('sha256').update(`connection ${index}`).digest();
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (seed[i % 32] ?? 0) + (i >> 5) * 31));
}

function converse(index: number): void {
  const said = saidBy(index);
  const socket = connect(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);
  let sent = 0;
  let heard = 0;
  const say = () => {
    const piece = said.subarray(sent, sent + Math.ceil(bytes / PIECES));
    sent += piece.length;
    socket.write(piece);
    if (sent < bytes) setTimeout(say, pauseMs);
  };
  socket.on('connect', () => {
    connected++;
    if (connected === count) process.stdout.write('running\n');
    say();
  });
  socket.on('data', (data) => {
    if (!data.equals(said.subarray(heard, heard + data.length)))
      fail(`connection ${index}: wrong after ${heard} bytes`);
    heard += data.length;
    if (heard === bytes) socket.end();
  });
  socket.on('error', (error) => fail(`connection ${index}: ${error.message} after ${heard} bytes`));
  socket.on('close', () => {
    if (heard !== bytes) fail(`connection ${index}: closed after ${heard} bytes`);
    left--;
    if (left === 0) process.stdout.write('ok\n');
  });
}

for (let index = 0; index < count; index++) converse(index);
