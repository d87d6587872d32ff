/** Clients of a server that sends everything back. */
import { check, open, type Work, wanted } from './client.ts';
import { sleep } from './pace.ts';

const PIECE_BYTES_MAX = 16 * 1024;

/** Open loop: sends on whether or not it was answered. */
export const lines: Work = async (client) => {
  const { random, pace, index } = client;
  const connection = await open(client);
  const everyMs = random.integer(1, 10);
  const text = (number: number) => `client ${index} line ${number}`;
  let sent = 0;
  let taken = 0;
  let bytes = 0;
  const send = async () => {
    while (!pace.isOver) {
      await connection.write(`${text(sent++)}\n`);
      await sleep(everyMs);
    }
    connection.end();
  };
  const take = async () => {
    for (let line = await connection.readLine(); line !== undefined; line = await connection.readLine()) {
      wanted(line, text(taken++));
      bytes += line.length + 1;
    }
  };
  await Promise.all([send(), take()]);
  wanted(`${taken} lines`, `${sent} lines`);
  return 2 * bytes;
};

/** Closed loop. */
export const pingpong: Work = async (client) => {
  const { random, pattern, pace } = client;
  const connection = await open(client);
  let bytes = 0;
  while (!pace.isOver) {
    const length = random.integer(1, random.pick([10, 100, 2000, 60_000]));
    await connection.write(pattern.bytes(bytes, length));
    check(pattern, await connection.read(length), bytes);
    bytes += length;
    if (random.chance(0.3)) await sleep(random.integer(1, 10));
  }
  await connection.close();
  return 2 * bytes;
};

export const stream: Work = async (client) => {
  const { pattern, pace } = client;
  const connection = await open(client);
  let sent = 0;
  let taken = 0;
  const send = async () => {
    while (!pace.isOver) {
      const length = Math.min(PIECE_BYTES_MAX, Math.max(1, pace.allowed - sent));
      await connection.write(pattern.bytes(sent, length));
      sent += length;
      await pace.keep(sent);
    }
    connection.end();
  };
  const take = async () => {
    for (let piece = await connection.readSome(); piece !== undefined; piece = await connection.readSome()) {
      check(pattern, piece, taken);
      taken += piece.length;
    }
  };
  await Promise.all([send(), take()]);
  wanted(`${taken} bytes`, `${sent} bytes`);
  return 2 * taken;
};

/** Opens a connection for each exchange. */
export const visits: Work = async (client) => {
  const { random, pattern, pace } = client;
  let bytes = 0;
  while (!pace.isOver) {
    const connection = await open(client);
    const length = random.integer(1, 5000);
    await connection.write(pattern.bytes(bytes, length));
    check(pattern, await connection.read(length), bytes);
    await connection.close();
    bytes += length;
    await sleep(random.integer(5, 100));
  }
  return 2 * bytes;
};
