/** Clients of a redis, each with keys of its own: what one is told depends on nobody else. */
import { check, open, type Work, wanted } from './client.ts';

/** A command that was lost, or carried out twice, shows in the next answer. */
export const counts: Work = async (client) => {
  const connection = await open(client);
  let bytes = 0;
  for (let count = 1; !client.pace.isOver; count++) {
    await connection.write(`INCR count${client.index}\r\n`);
    const answer = `:${count}`;
    wanted(await connection.readLine(), answer);
    bytes += answer.length;
  }
  await connection.close();
  return bytes;
};

export const values: Work = async (client) => {
  const { random, pattern, pace } = client;
  const connection = await open(client);
  let bytes = 0;
  while (!pace.isOver) {
    const length = random.integer(1, random.pick([100, 20_000]));
    const key = `value${client.index}`;
    await connection.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${length}\r\n`);
    await connection.write(pattern.bytes(bytes, length));
    await connection.write('\r\n');
    wanted(await connection.readLine(), '+OK');
    await connection.write(`GET ${key}\r\n`);
    wanted(await connection.readLine(), `$${length}`);
    check(pattern, await connection.read(length), bytes);
    wanted(await connection.readLine(), '');
    bytes += length;
  }
  await connection.close();
  return 2 * bytes;
};
