/** Clients of HTTP servers that store and send files. They speak HTTP themselves: every byte of an answer's body counts. */
import { createHash } from 'node:crypto';
import { Pattern } from '../pattern.ts';
import { SERVERS } from '../traffic.ts';
import { type Client, check, open, type Work, wanted } from './client.ts';
import type { Connection } from './connection.ts';
import { FILE_SEED } from './orders.ts';
import { middleOfSecond, sleep } from './pace.ts';

const PIECE_BYTES_MAX = 64 * 1024;

/** Sends a file of unknown length, and wants the server to have it as it was sent. */
export const upload: Work = async (client) => {
  const { pattern, pace, index } = client;
  const connection = await open(client);
  const path = `/up${index}`;
  await connection.write(`PUT ${path} HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const hash = createHash('sha256');
  let sent = 0;
  while (!pace.isOver) {
    const piece = pattern.bytes(sent, Math.min(PIECE_BYTES_MAX, Math.max(1, pace.allowed - sent)));
    await connection.write(`${piece.length.toString(16)}\r\n`);
    await connection.write(piece);
    await connection.write('\r\n');
    hash.update(piece);
    sent += piece.length;
    await pace.keep(sent);
  }
  await untilTimeIsAgreed(client);
  await connection.write('0\r\n\r\n');
  const { status, length } = await readHead(connection);
  const said = (await connection.read(length)).toString('latin1');
  if (client.orders.server === 'files') {
    wanted(`${status}`, '200');
    wanted(said.trim(), hash.digest('hex'));
    await connection.close();
    return sent;
  }
  wanted(`${status}`, '201');
  // This server says nothing of what it got: it is asked for it.
  await untilTimeIsAgreed(client);
  await connection.write(`GET ${path} HTTP/1.1\r\nHost: soak\r\n\r\n`);
  const back = await readHead(connection);
  wanted(`${back.status} ${back.length}`, `200 ${sent}`);
  await takeBody(connection, pattern, sent);
  await connection.close();
  return 2 * sent;
};

/** At the client's own pace: the server is held up by a window that fills and opens. */
export const download: Work = async (client) => {
  const { orders, pace } = client;
  const connection = await open(client);
  await untilTimeIsAgreed(client);
  await connection.write('GET /big HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n');
  const { status, length } = await readHead(connection);
  wanted(`${status} ${length}`, `200 ${orders.fileBytes}`);
  const bytes = await takeBody(connection, new Pattern(FILE_SEED), length, (taken) => pace.keep(taken));
  await connection.close();
  return bytes;
};

export const fetches: Work = async (client) => {
  const { random, pace } = client;
  const pattern = new Pattern(FILE_SEED);
  const connection = await open(client);
  let bytes = 0;
  while (!pace.isOver) {
    await connection.write('GET /small HTTP/1.1\r\nHost: soak\r\n\r\n');
    const { status, length } = await readHead(connection);
    wanted(`${status}`, '200');
    bytes += await takeBody(connection, pattern, length);
    await sleep(random.integer(0, 20));
  }
  await connection.close();
  return bytes;
};

function untilTimeIsAgreed({ orders }: Client): Promise<void> {
  return SERVERS[orders.server].tellsTime ? middleOfSecond() : Promise.resolve();
}

async function readHead(connection: Connection): Promise<{ status: number; length: number }> {
  const [, status] = ((await connection.readLine()) ?? 'none none').split(' ');
  let length = Number.NaN;
  for (let line = await connection.readLine(); line; line = await connection.readLine()) {
    const [name = '', value = ''] = line.toLowerCase().split(': ');
    if (name === 'content-length') length = Number(value);
  }
  return { status: Number(status), length };
}

async function takeBody(
  connection: Connection,
  pattern: Pattern,
  length: number,
  keepPace: (taken: number) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  for (let taken = 0; taken < length; ) {
    const piece = await connection.read(Math.min(PIECE_BYTES_MAX, length - taken));
    check(pattern, piece, taken);
    taken += piece.length;
    await keepPace(taken);
  }
  return length;
}
