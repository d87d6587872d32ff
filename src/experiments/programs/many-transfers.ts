// So many clients at once, each of which sends N bytes to the stream server, which checks them. Prints the seconds from the first
// connecting to the last answer. Usage: many-transfers CLIENTS N. Exit code 0 when all is right.
import { connect } from 'node:net';
import { SLICE_BYTES, streamSlice } from './stream.ts';

const [clients, count] = process.argv.slice(2).map(Number);

function upload(bytes: number): Promise<void> {
  const socket = connect(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);
  let position = 0;
  let answer = '';
  const go = () => {
    for (let room = true; room && position < bytes; ) {
      const slice = streamSlice(position, Math.min(SLICE_BYTES, bytes - position));
      position += slice.length;
      room = socket.write(slice);
    }
  };
  return new Promise((resolve, reject) => {
    socket.on('connect', () => {
      socket.write(`up ${bytes}\n`);
      go();
    });
    socket.on('drain', go).on('data', (data) => {
      answer += data;
      if (answer === 'ok\n') resolve(void socket.destroy());
      else if (answer.endsWith('\n')) reject(new Error(`the server says ${answer.trim()}`));
    });
    socket.on('error', reject).on('close', () => reject(new Error(`connection closed after ${position} bytes`)));
  });
}

const startMs = performance.now();
try {
  await Promise.all(Array.from({ length: clients ?? 0 }, () => upload(count ?? 0)));
  process.stdout.write(((performance.now() - startMs) / 1000).toFixed(6));
} catch (error) {
  process.stderr.write(`many-transfers: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
