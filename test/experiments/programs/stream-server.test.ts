import { equal, match, ok } from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { streamSlice } from '../../../src/experiments/programs/stream.ts';
import { until } from '../../../src/lab/clock.ts';

const program = (name: string) => new URL(`../../../src/experiments/programs/${name}.js`, import.meta.url).pathname;
const ADDRESS = '127.0.0.1';

let server: ChildProcess;
let env: NodeJS.ProcessEnv;

before(async () => {
  const probe = createServer().listen(0, ADDRESS);
  await once(probe, 'listening');
  const address = probe.address();
  ok(typeof address === 'object' && address !== null);
  probe.close();
  env = { ...process.env, FTTCP_ADDRESS: ADDRESS, FTTCP_PORT: String(address.port) };
  server = spawn(process.execPath, [program('stream-server')], { env, stdio: 'inherit' });
  const listens = async () => {
    const socket = connect(address.port, ADDRESS);
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    return open;
  };
  ok(await until(listens, { timeoutMs: 10_000, everyMs: 20 }));
});

after(() => void server.kill());

async function run(name: string, ...words: string[]): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program(name), ...words], { env }, (error, stdout) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout }),
    );
  });
}

test('a transfer is checked in either direction', async () => {
  for (const direction of ['up', 'down']) equal((await run('transfer', direction, '3000000')).code, 0);
});

test('many clients are confirmed what they send', async () => {
  const { code, stdout } = await run('many-uploads', '5', '50', '200');
  equal(code, 0);
  ok(Number(stdout) > 0, stdout);
});

test('wrong bytes are told, and the next order is taken all the same', async () => {
  const socket = connect(Number(env.FTTCP_PORT), ADDRESS);
  let answers = '';
  socket.on('data', (data) => {
    answers += data;
  });
  socket.write('up 5\nwrong');
  socket.write(Buffer.concat([Buffer.from('up 9\n'), streamSlice(0, 9), Buffer.from('up 1')]));
  socket.write(Buffer.concat([Buffer.from('0\n'), streamSlice(0, 10)]));
  await until(() => answers.split('\n').length > 3, { timeoutMs: 5000 });
  match(answers, /^wrong\nok\nok\n$/);
  socket.destroy();
});
