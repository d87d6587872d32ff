// Puts an nginx with TLS 1.3 to work for so long, in one way or in all of them at once, and compares every byte of every answer:
//   download    html/big over one connection, again and again
//   parallel    the same over six connections at once, opened anew each time
//   keep-alive  html/small, hundreds of times over one connection
//   resumption  html/small over connections that each resume the session of the last
//   date        html/small by plain HTTP one port above, whose Date may neither go back nor be far from the client's
// Usage: nginx-client WORK|all SECONDS CERTIFICATE BYTES, the size of html/big. Exit code 0 when all is right.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, Agent as PlainAgent, get as plainGet, type RequestOptions } from 'node:http';
import { Agent, get } from 'node:https';
import { connect } from 'node:tls';
import { Pattern } from '../../soak/pattern.ts';
import { conclude, SERVER, wanted } from './client-program.ts';
import { BIG_SEED, SMALL } from './nginx-files.ts';

const NAME = 'localhost';
const PARALLEL = 6;
/**
 * Fewer than keepalive_requests, after which nginx ends a connection: it would answer the client's end of TLS by a RST, as it has left by
 * then. So it is always the client that ends them here.
 */
const KEEP_ALIVE_REQUESTS = 900;
const DATE_STEP_MS = 1000;
const CLOCKS_APART_MS_MAX = 60_000;

const [chosen = '', seconds, certificate = '', size] = process.argv.slice(2);
const untilMs = performance.now() + 1000 * Number(seconds);
const isOver = () => performance.now() >= untilMs;
const bytes = Number(size);
const TLS = { ...SERVER, servername: NAME, ca: readFileSync(certificate), minVersion: 'TLSv1.3' } as const;

/** At least one, and more until time is up. Resolves to how many. */
async function repeat(work: (index: number) => Promise<void>): Promise<number> {
  let done = 0;
  do await work(done++);
  while (!isOver());
  return done;
}

async function download(): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const done = await repeat(() => fetchBig(agent));
  agent.destroy();
  return done;
}

function parallel(): Promise<number> {
  return repeat(async () => {
    const agent = new Agent({ maxSockets: PARALLEL, maxCachedSessions: 0 });
    await Promise.all(Array.from({ length: PARALLEL }, () => fetchBig(agent)));
  });
}

async function keepAlive(): Promise<number> {
  let asked = 0;
  await repeat(async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let port: number | undefined;
    for (let index = 0; index < KEEP_ALIVE_REQUESTS && !isOver(); index++) {
      const response = await ask(get, { ...TLS, agent, path: '/small' });
      // Taken before the body's end, after which the connection belongs to nobody.
      const { localPort } = response.socket;
      port ??= localPort;
      wanted('port of the connection', localPort, port);
      wanted('small', await textOf(response), SMALL);
      asked++;
    }
    agent.destroy();
  });
  return asked;
}

async function resumption(): Promise<number> {
  let session: Buffer | undefined;
  return repeat(async (index) => {
    const socket = connect({ ...TLS, ...(session === undefined ? {} : { session }) });
    socket.on('session', (next) => (session = next));
    await once(socket, 'secureConnect');
    wanted(`connection ${index}, resumed`, socket.isSessionReused(), index > 0);
    wanted(`connection ${index}, protocol`, socket.getProtocol(), 'TLSv1.3');
    socket.write(`GET /small HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`);
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
      if (answer.endsWith(SMALL)) socket.end();
    });
    await once(socket, 'close');
    wanted(`connection ${index}, answer`, answer.slice(-SMALL.length), SMALL);
  });
}

async function date(): Promise<number> {
  const agent = new PlainAgent({ keepAlive: true, maxSockets: 2 });
  let latestMs = 0;
  const done = await repeat(async () => {
    const response = await ask(plainGet, { ...SERVER, port: SERVER.port + 1, agent, path: '/small' });
    wanted('small', await textOf(response), SMALL);
    const timeMs = Date.parse(response.headers.date ?? '');
    if (!(timeMs >= latestMs)) throw new Error(`Date goes back: ${response.headers.date}`);
    const apartMs = Math.abs(timeMs - Date.now()) - DATE_STEP_MS;
    if (apartMs > CLOCKS_APART_MS_MAX)
      throw new Error(`Date is ${apartMs} ms away from the client's: ${response.headers.date}`);
    latestMs = timeMs;
  });
  agent.destroy();
  return done;
}

async function fetchBig(agent: Agent): Promise<void> {
  const response = await ask(get, { ...TLS, agent, path: '/big' });
  const pattern = new Pattern(BIG_SEED);
  let taken = 0;
  for await (const piece of response) {
    const right = pattern.firstDifference(piece, taken);
    if (right >= 0) throw new Error(`big: byte ${taken + right} is wrong`);
    taken += piece.length;
  }
  wanted('big, bytes', taken, bytes);
}

function ask(by: typeof get | typeof plainGet, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    by(options, (response) => {
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`the server answers ${response.statusCode}`));
    }).on('error', reject);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  return Buffer.concat(await response.toArray()).toString();
}

const WORKS = { download, parallel, 'keep-alive': keepAlive, resumption, date };

await conclude(async () => {
  const works = Object.entries(WORKS).filter(([name]) => chosen === 'all' || name === chosen);
  wanted('kinds of work', works.length > 0, true);
  const done = await Promise.all(works.map(([, work]) => work()));
  return works.map(([name], index) => `${name} ${done[index]}`).join(', ');
});
