// An ordinary HTTP client that knows nothing of fttcp: it uploads FILE to the file server and downloads the server's own copy
// of it at once, over two connections, and checks both by SHA-256. It prints how far it is ten times a second.
//
//   node transfer-client.js FILE        (FTTCP_ADDRESS and FTTCP_PORT say where the server is; default 127.0.0.1:8000)
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

const PROGRESS_MS = 100;

const server = { host: process.env.FTTCP_ADDRESS ?? '127.0.0.1', port: Number(process.env.FTTCP_PORT ?? 8000) };
const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: transfer-client FILE\n');
  process.exit(2);
}
const name = encodeURIComponent(path.basename(file));
const source = createHash('sha256');
let uploaded = 0;
let downloaded = 0;

/** Resolves to the hash of what the server received, in its own words. */
async function upload(from: string): Promise<string> {
  const headers = { 'Content-Length': statSync(from).size };
  const request = httpRequest({ ...server, agent: false, method: 'PUT', path: `/uploaded-${name}`, headers });
  const answered = answerTo(request);
  answered.catch(() => {}); // whoever awaits it below will see
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      source.update(chunk);
      yield chunk;
      uploaded += chunk.length;
    }
  };
  await pipeline(createReadStream(from, { highWaterMark: 256 << 10 }), counted, request);
  let said = '';
  for await (const text of (await answered).setEncoding('utf8')) said += text;
  return said.trim();
}

/** Resolves to the hash of what came. */
async function download(): Promise<string> {
  const hash = createHash('sha256');
  const request = httpRequest({ ...server, agent: false, path: `/${name}` });
  request.end();
  for await (const chunk of await answerTo(request)) {
    hash.update(chunk);
    downloaded += chunk.length;
  }
  return hash.digest('hex');
}

async function answerTo(request: ReturnType<typeof httpRequest>): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  if (response.statusCode !== 200) throw new Error(`the server answered ${response.statusCode}`);
  return response;
}

const tell = () => process.stdout.write(`uploaded ${uploaded} downloaded ${downloaded}\n`);
const timer = setInterval(tell, PROGRESS_MS);
try {
  const [atServer, here] = await Promise.all([upload(file), download()]);
  tell();
  const sent = source.digest('hex');
  process.stdout.write(`sha256 source ${sent}\nsha256 upload ${atServer}\nsha256 download ${here}\n`);
  process.exitCode = atServer === sent && here === sent ? 0 : 1;
} catch (error) {
  process.stderr.write(`transfer-client: ${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  clearInterval(timer);
}
