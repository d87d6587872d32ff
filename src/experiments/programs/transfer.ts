// Sends N bytes to the stream server, or has it send them, and checks each. Says `running` when a tenth is under way. Usage:
// transfer up|down N. Exit code 0 when all is right.
import { connect } from 'node:net';
import { isStream, SLICE_BYTES, streamSlice } from './stream.ts';

const [direction, count] = [process.argv[2], Number(process.argv[3])];
const socket = connect(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);
let position = 0;

function end(code: number, said: string): never {
  process.stdout.write(`${said}\n`);
  process.exit(code);
}

let running = false;

function noteProgress(): void {
  if (running || position < count / 10) return;
  running = true;
  process.stdout.write('running\n');
}

function upload(): void {
  const go = () => {
    for (let room = true; room && position < count; ) {
      const slice = streamSlice(position, Math.min(SLICE_BYTES, count - position));
      position += slice.length;
      room = socket.write(slice);
    }
    noteProgress();
  };
  let answer = '';
  socket.on('drain', go).on('data', (data) => {
    answer += data;
    if (answer.endsWith('\n')) end(answer === 'ok\n' ? 0 : 1, `the server says ${answer.trim()}`);
  });
  go();
}

function download(): void {
  socket.on('data', (data) => {
    if (!isStream(position, data)) end(1, `wrong bytes after ${position}`);
    position += data.length;
    noteProgress();
    if (position >= count) end(position === count ? 0 : 1, `${position} bytes`);
  });
}

socket.on('error', (error) => end(1, `connection lost after ${position} bytes: ${error.message}`));
socket.on('close', () => end(1, `connection closed after ${position} bytes`));
socket.on('connect', () => {
  socket.write(`${direction} ${count}\n`);
  if (direction === 'up') upload();
  else download();
});
