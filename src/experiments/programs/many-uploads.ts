// So many clients at once, each of which sends to the stream server without a pause, in pieces that it checks and confirms. Prints how
// many bytes were confirmed to all of them together in a time after one to warm up. Usage: many-uploads CLIENTS WARM_UP_MS MEASURED_MS
// Exit code 0 when all is right.
import { connect } from 'node:net';
import { streamSlice } from './stream.ts';

const PIECE_BYTES = 16_384;
const PIECE = Buffer.concat([Buffer.from(`up ${PIECE_BYTES}\n`), streamSlice(0, PIECE_BYTES)]);
const ANSWER = 'ok\n';

const [clients = 0, warmUpMs = 0, measuredMs = 0] = process.argv.slice(2).map(Number);
let confirmed = 0;

function end(code: number, said: string): never {
  process.stdout.write(said);
  process.exit(code);
}

function upload(): void {
  const socket = connect(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);
  let answers = '';
  const go = () => {
    while (socket.write(PIECE));
  };
  socket.on('connect', go).on('drain', go);
  socket.on('data', (data) => {
    answers += data;
    for (; answers.startsWith(ANSWER); answers = answers.slice(ANSWER.length)) confirmed += PIECE_BYTES;
    if (!ANSWER.startsWith(answers)) end(1, `the server says ${answers.trim()}`);
  });
  socket.on('error', (error) => end(1, `connection lost: ${error.message}`));
  socket.on('close', () => end(1, 'connection closed'));
}

for (let client = 0; client < clients; client++) upload();
setTimeout(() => {
  const before = confirmed;
  setTimeout(() => end(0, String(confirmed - before)), measuredMs);
}, warmUpMs);
