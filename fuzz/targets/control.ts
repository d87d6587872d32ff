/** Lines to the control socket, a real one: each has an answer of one line, which says what was wrong with it, or the socket is closed. */
import { ok } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ControlServer } from '../../src/daemon/control.ts';
import type { Target } from '../target.ts';

const text = new TextEncoder();
const CORPUS = [
  '{"request":"status"}\n',
  '{"request":"pid"}\n',
  '{"request":"switchover"}\n{"request":"pid"}\n',
  'null\n[]\n"status"\n{}\n',
  `{"request":"${'x'.repeat(200)}"}\n`,
].map((line) => text.encode(line));

export const control: Target = {
  name: 'control',
  weight: 0.02,
  bytesMax: 6_000,
  subject() {
    const directory = mkdtempSync(path.join(tmpdir(), 'fttcp-fuzz-'));
    const socketPath = path.join(directory, 'control');
    const server = new ControlServer(socketPath, { status: () => Promise.reject(new Error('none')) });
    const listening = server.listen();
    return {
      corpus: CORPUS,
      prepare: () => undefined,
      async take(input) {
        await listening;
        const lines = (await exchanged(socketPath, input)).split('\n');
        ok(lines.pop() === '', 'an answer is whole lines');
        for (const line of lines) ok(typeof JSON.parse(line).ok === 'boolean', 'an answer says whether it is one');
      },
      check: () => undefined,
      async close() {
        await listening;
        await server.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
};

/** What is answered until the other side has no more to say; a line for each of ours, unless it closed before. */
function exchanged(socketPath: string, input: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket = createConnection(socketPath, () => socket.end(input));
    socket.setEncoding('utf8');
    socket.on('data', (part) => {
      received += part;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(received));
  });
}
