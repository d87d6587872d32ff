// Watches the live stream of examples/live-http for so long, as many viewers at once: no frame may be missing, doubled or damaged, the
// server's clock never goes back nor far ahead, and all viewers see the same frames.
// Usage: live-client SECONDS [VIEWERS]. Exit code 0 when all is right.
import { createHash } from 'node:crypto';
import { Connection } from '../../soak/clients/connection.ts';
import { conclude, SERVER, wanted } from './client-program.ts';

const FRAME_MS = 40;
/** How long a frame may be under way, or be behind the clock that paces them. */
const LATE_MS_MAX = 2000;
const CLOCKS_APART_MS_MAX = 60_000;

const [seconds, viewers = '1'] = process.argv.slice(2);
const untilMs = performance.now() + 1000 * Number(seconds);
/** The hash of each frame, by its number, as the first viewer of it saw it. */
const seen = new Map<number, string>();

interface Head {
  readonly frame: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly bytes: number;
  readonly sha256: string;
}

async function view(): Promise<number> {
  const connection = await Connection.open(SERVER.host, SERVER.port);
  await connection.write(`GET /live HTTP/1.1\r\nHost: ${SERVER.host}\r\n\r\n`);
  wanted('status', await connection.readLine(), 'HTTP/1.1 200 OK');
  while (await connection.readLine());
  let first: Head | undefined;
  let last: Head | undefined;
  while (performance.now() < untilMs) {
    const head = await takeFrame(connection);
    first ??= head;
    if (last !== undefined) {
      wanted('frame', head.frame, last.frame + 1);
      if (head.time < last.time) throw new Error(`frame ${head.frame} is older than the one before it`);
    }
    const pacedMs = 1000 * (head.time - first.time) - FRAME_MS * (head.frame - first.frame);
    if (Math.abs(pacedMs) > LATE_MS_MAX)
      throw new Error(`frame ${head.frame} is ${pacedMs.toFixed(0)} ms off its pace`);
    const apartMs = Math.abs(1000 * head.time - Date.now());
    if (apartMs > CLOCKS_APART_MS_MAX)
      throw new Error(`frame ${head.frame} is ${apartMs} ms away from the client's time`);
    last = head;
  }
  connection.end();
  return (last?.frame ?? 0) - (first?.frame ?? 0) + 1;
}

/** One chunk: a line that says what follows, and the picture. */
async function takeFrame(connection: Connection): Promise<Head> {
  const length = Number.parseInt((await connection.readLine()) ?? '', 16);
  const line = (await connection.readLine()) ?? '';
  const head = JSON.parse(line) as Head;
  wanted('chunk', length, line.length + 1 + head.bytes);
  const sha256 = createHash('sha256')
    .update(await connection.read(head.bytes))
    .digest('hex');
  wanted(`frame ${head.frame}, SHA-256`, sha256, head.sha256);
  wanted('end of the chunk', await connection.readLine(), '');
  wanted(`frame ${head.frame}, as another viewer saw it`, sha256, seen.get(head.frame) ?? sha256);
  seen.set(head.frame, sha256);
  return head;
}

await conclude(async () => {
  const frames = await Promise.all(Array.from({ length: Number(viewers) }, view));
  return `${viewers} viewers, frames ${frames.join(' ')}`;
});
