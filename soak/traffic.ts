/** The servers that a round may use, and what clients can do to each. Pure. How they are started: servers.ts. */

export type ServerName = 'echo' | 'files' | 'nginx' | 'python' | 'redis';

/**
 * What one client does until its time is up; all of it is checked byte by byte.
 *
 * - `lines`: a numbered line every few milliseconds, answered or not
 * - `pingpong`: a request of random size, the next one when it is answered
 * - `stream`: an endless stream that comes back as it was sent
 * - `visits`: short connections, one after the other
 * - `upload`, `download`: one transfer
 * - `fetches`: small files, over one connection
 * - `counts`: INCR, each answer one more than the last
 * - `values`: SET and GET of random values
 */
export type Traffic =
  | 'lines'
  | 'pingpong'
  | 'stream'
  | 'visits'
  | 'upload'
  | 'download'
  | 'fetches'
  | 'counts'
  | 'values';

export interface ServerProfile {
  readonly port: number;
  readonly traffic: readonly Traffic[];
  /**
   * The server puts the time of day into its answers, to the second. Both replicas answer a request within a few milliseconds;
   * sent in the middle of a second it is answered alike by both.
   */
  readonly tellsTime: boolean;
}

export const SERVERS: Readonly<Record<ServerName, ServerProfile>> = {
  echo: { port: 7000, traffic: ['lines', 'pingpong', 'stream', 'visits'], tellsTime: false },
  files: { port: 8000, traffic: ['upload', 'download', 'fetches'], tellsTime: false },
  nginx: { port: 8080, traffic: ['upload', 'download'], tellsTime: true },
  python: { port: 8000, traffic: ['download'], tellsTime: true },
  redis: { port: 6379, traffic: ['counts', 'values'], tellsTime: false },
};

export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[];

const RESTLESS: readonly Traffic[] = ['lines', 'pingpong', 'stream', 'upload', 'counts', 'values'];

/** The client always has something under way: where nothing comes for a while, it is not the client that rests. */
export function isRestless(server: ServerName, traffic: Traffic): boolean {
  return RESTLESS.includes(traffic) && !SERVERS[server].tellsTime;
}
