// Has a server compress texts, again and again, over several connections at once, and compares what comes out of them byte by byte. The
// server has them as files html/text0.txt…
// Usage: compute-client SECONDS [CONNECTIONS]. Exit code 0 when all is right.
import { Agent, get, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { conclude, SERVER, wanted } from './client-program.ts';
import { TEXTS, textOf } from './texts.ts';

const [seconds, connections = '4'] = process.argv.slice(2);
const untilMs = performance.now() + 1000 * Number(seconds);
const texts = Array.from({ length: TEXTS }, (_, index) => textOf(index));
/** Each text as it was compressed first: it must always come out the same. */
const compressed: Buffer[] = [];

async function fetchTexts(start: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let fetched = 0;
  for (; performance.now() < untilMs; fetched++) {
    const index = (start + fetched) % TEXTS;
    const body = await fetchText(agent, index);
    wanted(`text ${index}, right`, gunzipSync(body).equals(texts[index] ?? Buffer.alloc(0)), true);
    compressed[index] ??= body;
    wanted(`text ${index}, compressed as before`, body.equals(compressed[index]), true);
  }
  agent.destroy();
  return fetched;
}

async function fetchText(agent: Agent, index: number): Promise<Buffer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ ...SERVER, agent, path: `/text${index}.txt`, headers: { 'Accept-Encoding': 'gzip' } }, resolve).on(
      'error',
      reject,
    );
  });
  wanted('status', response.statusCode, 200);
  wanted('encoding', response.headers['content-encoding'], 'gzip');
  return Buffer.concat(await response.toArray());
}

await conclude(async () => {
  const fetched = await Promise.all(Array.from({ length: Number(connections) }, (_, index) => fetchTexts(index)));
  return `${connections} connections, texts ${fetched.join(' ')}`;
});
