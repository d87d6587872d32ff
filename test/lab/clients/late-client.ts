// Connects when there is the file GO, and has the stream server send N bytes, of which it checks each. Usage: late-client GO N. Exit code 0
// when all is right.
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { isStream } from '../../../src/experiments/programs/stream.ts';

const [go = '', count = ''] = process.argv.slice(2);
const POLL_MS = 5;

function end(code: number, said: string): never {
  process.stdout.write(`${said}\n`);
  process.exit(code);
}

while (!existsSync(go)) await setTimeout(POLL_MS);
const socket = connect(Number(process.env.FTTCP_PORT), process.env.FTTCP_ADDRESS);
let position = 0;
socket.on('connect', () => socket.write(`down ${count}\n`));
socket.on('data', (data) => {
  if (!isStream(position, data)) end(1, `late: wrong bytes after ${position}`);
  position += data.length;
  if (position >= Number(count)) end(position === Number(count) ? 0 : 1, `late: ${position} bytes`);
});
socket.on('error', (error) => end(1, `late: connection lost after ${position} bytes: ${error.message}`));
socket.on('close', () => end(1, `late: connection closed after ${position} bytes`));
