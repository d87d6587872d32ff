/** How a round's server and clients are started, what the server starts from, and which servers this machine has. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isProgram } from '../src/lab/needs.ts';
import { type ClientOrders, FILE_SEED } from './clients/orders.ts';
import { Pattern } from './pattern.ts';
import { SERVER_NAMES, SERVERS, type ServerName } from './traffic.ts';

const SMALL_BYTES = 1500;

/** No clock in an answer that can be left out: see `tellsTime` for the one that cannot. */
const nginxConf = (ipv6: boolean) => `
daemon off;
user root;
pid nginx.pid;
error_log stderr;
worker_processes 1;
events {}
http {
  access_log off;
  etag off;
  add_header Last-Modified "";
  client_max_body_size 0;
  client_body_temp_path bodies;
  server {
    listen ${ipv6 ? '[::]:' : ''}${SERVERS.nginx.port};
    root files;
    location / { dav_methods PUT; }
  }
}
`;

interface Server {
  /** That has to be installed. */
  readonly program?: string;
  readonly command: string;
  /** Below the state directory: where the files are that are served. */
  readonly files: string;
}

const compiled = (file: string) =>
  `exec '${process.execPath}' '${fileURLToPath(new URL(`../examples/${file}.js`, import.meta.url))}'`;

const STARTED: Readonly<Record<ServerName, Server>> = {
  echo: { command: compiled('echo-server'), files: '.' },
  files: { command: compiled('file-server'), files: '.' },
  nginx: { program: 'nginx', command: 'exec nginx -p . -c nginx.conf', files: 'files' },
  python: {
    program: 'python3',
    command: `exec python3 -m http.server --bind "$FTTCP_ADDRESS" ${SERVERS.python.port}`,
    files: '.',
  },
  redis: {
    program: 'redis-server',
    command: `exec redis-server --port ${SERVERS.redis.port} --bind "$FTTCP_ADDRESS" --protected-mode no --save "" --appendonly no`,
    files: '.',
  },
};

/** @param searchPath on which servers are looked for */
export function serversThere(searchPath: string): { there: ServerName[]; missing: ServerName[] } {
  const isThere = (name: ServerName) => {
    const { program } = STARTED[name];
    return program === undefined || isProgram(program, searchPath);
  };
  return { there: SERVER_NAMES.filter(isThere), missing: SERVER_NAMES.filter((name) => !isThere(name)) };
}

export function serverCommand(name: ServerName): string {
  return STARTED[name].command;
}

const CLIENT = fileURLToPath(new URL('./clients/main.js', import.meta.url));

export function clientCommand(orders: ClientOrders): string {
  return `exec '${process.execPath}' '${CLIENT}' '${JSON.stringify(orders)}'`;
}

/** Fills the empty folder that the server starts from. */
export function makeServerState(name: ServerName, directory: string, fileBytes: number, ipv6: boolean): void {
  if (!SERVERS[name].traffic.includes('download')) return;
  const files = path.join(directory, STARTED[name].files);
  mkdirSync(files, { recursive: true });
  const pattern = new Pattern(FILE_SEED);
  writeFileSync(path.join(files, 'big'), pattern.bytes(0, fileBytes));
  writeFileSync(path.join(files, 'small'), pattern.bytes(0, SMALL_BYTES));
  if (name === 'nginx') writeFileSync(path.join(directory, 'nginx.conf'), nginxConf(ipv6));
}
