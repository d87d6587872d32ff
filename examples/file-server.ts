// An ordinary HTTP file server that knows nothing of fttcp: GET /NAME sends a file of its working directory, PUT /NAME stores
// one and answers with its SHA-256. Its answers depend on the request alone: the `Date` header, which is a clock, is switched
// off, so that two instances answer alike at `level: stream`.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

function fileOf(request: IncomingMessage): string {
  return path.basename(decodeURIComponent(new URL(request.url ?? '/', 'http://service').pathname)) || 'index.html';
}

async function get(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const file = fileOf(request);
  response.setHeader('Content-Length', statSync(file).size);
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), response);
}

async function put(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  await pipeline(request, createWriteStream(fileOf(request)));
  response.end(`${hash.digest('hex')}\n`);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.sendDate = false;
  try {
    if (request.method === 'GET') await get(request, response);
    else if (request.method === 'PUT') await put(request, response);
    else response.writeHead(405).end();
  } catch {
    if (!response.headersSent) response.writeHead(404).end();
    else response.destroy();
  }
}

const port = Number(process.env.FTTCP_PORT ?? 8000);
createServer((request, response) => void answer(request, response)).listen(port);
