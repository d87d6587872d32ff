// Talks to an example of examples/choose over some connections, one after the other opened: each answer must have the session id of the greeting
// and the next count. Usage: session-client CONNECTIONS SECONDS. Exit code 0 when all is right.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { conclude, SERVER, sleep, wanted } from '../../../campaign/clients/client-program.ts';

const LINE_MS = 2;
const connections = Number(process.argv[2]);
const untilMs = performance.now() + Number(process.argv[3]) * 1000;

/** @returns its session id, and how many answers it had. */
async function converse(): Promise<{ session: string; answers: number }> {
  const socket = connect(SERVER);
  socket.setNoDelay(true);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await lines.next()).value ?? 'the end';
  const [word, session = ''] = (await next()).split(' ');
  wanted('the greeting', word, 'session');
  let answers = 0;
  while (performance.now() < untilMs) {
    socket.write(`line ${answers}\n`);
    wanted('the answer', await next(), `${session} ${answers + 1} line ${answers}`);
    answers++;
    await sleep(LINE_MS);
  }
  socket.end();
  wanted('the last of all', await next(), 'the end');
  return { session, answers };
}

await conclude(async () => {
  const apartMs = (untilMs - performance.now()) / connections;
  const all = await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      await sleep(index * apartMs);
      return converse();
    }),
  );
  wanted('different sessions', new Set(all.map(({ session }) => session)).size, connections);
  return `${connections} sessions, ${all.reduce((sum, { answers }) => sum + answers, 0)} answers`;
});
