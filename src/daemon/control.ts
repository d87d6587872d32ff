/**
 * The control socket: a UNIX stream socket that takes one JSON object a line and gives one JSON object a line back.
 *
 *     {"request":"status"}  →  {"ok":true,"status":{…}}   or   {"ok":false,"code":"…","message":"…"}
 *
 * It also keeps a second daemon of the same service from starting: a socket that answers belongs to a live one.
 */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { FttcpError } from '../errors.ts';
import type { Status } from './status.ts';

export interface ControlHandlers {
  status(): Status | Promise<Status>;
  /** Hands over to the backup; absent: this daemon cannot. */
  switchover?(): unknown;
}

/** A request is a few words; a longer line is not one of ours. */
const REQUEST_CHARACTERS_MAX = 4096;
const REPLY_DEADLINE_MS = 2000;

export class ControlServer {
  readonly #path: string;
  readonly #handlers: ControlHandlers;
  readonly #connections = new Set<Socket>();
  #server: Server | undefined;

  constructor(path: string, handlers: ControlHandlers) {
    this.#path = path;
    this.#handlers = handlers;
  }

  /**
   * Resolves once requests are taken. A socket file that a dead daemon left is replaced.
   * @throws FttcpError `already-running` (with the pid of the live one) or `control-failed`.
   */
  async listen(): Promise<void> {
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o755 });
      this.#server = await this.#bind().catch(async (error: unknown) => {
        if (codeOf(error) !== 'EADDRINUSE') throw error;
        await this.#removeIfStale();
        return this.#bind();
      });
    } catch (cause) {
      if (cause instanceof FttcpError) throw cause;
      throw new FttcpError('control-failed', `cannot open the control socket ${this.#path}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  /** Takes no more requests and removes the socket file. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((done) => {
      server.close(() => done());
      for (const connection of this.#connections) connection.destroy();
    });
  }

  #bind(): Promise<Server> {
    const server = createServer((socket) => this.#serve(socket));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // The file is made with the permissions that the mask leaves: nobody else may connect in between.
      const mask = process.umask(0o177);
      try {
        server.listen(this.#path, () => {
          server.off('error', reject);
          server.on('error', () => undefined);
          chmodSync(this.#path, 0o600);
          resolve(server);
        });
      } finally {
        process.umask(mask);
      }
    });
  }

  async #removeIfStale(): Promise<void> {
    if (!lstatSync(this.#path).isSocket()) {
      throw new FttcpError(
        'control-failed',
        `${this.#path} is not a socket: remove it or name another path in control`,
      );
    }
    const reply = await ask(this.#path, 'pid').catch((error: unknown) => {
      if (error instanceof FttcpError && error.code === 'not-running') return undefined;
      throw error;
    });
    if (reply === undefined) {
      unlinkSync(this.#path);
      return;
    }
    const pid = typeof reply.pid === 'number' ? ` (pid ${reply.pid})` : '';
    throw new FttcpError(
      'already-running',
      `the service is already running on this host${pid}, it answers on ${this.#path}; stop that one first`,
    );
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setEncoding('utf8');
    let pending = '';
    socket.on('data', (text: string) => {
      pending += text;
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > REQUEST_CHARACTERS_MAX) socket.destroy();
      for (const line of lines) void this.#answer(line).then((reply) => socket.write(`${JSON.stringify(reply)}\n`));
    });
  }

  async #answer(line: string): Promise<Reply> {
    try {
      const request = requestOf(line);
      const { status, switchover } = this.#handlers;
      if (request === 'pid') return { ok: true, pid: process.pid };
      if (request === 'status') return { ok: true, status: await status.call(this.#handlers) };
      if (request === 'switchover' && switchover !== undefined) {
        return { ok: true, result: (await switchover.call(this.#handlers)) ?? null };
      }
      return { ok: false, code: 'request-unknown', message: `this daemon knows no request '${request}'` };
    } catch (error) {
      return { ok: false, code: error instanceof FttcpError ? error.code : 'failed', message: messageOf(error) };
    }
  }
}

interface Reply {
  readonly ok: boolean;
  readonly [field: string]: unknown;
}

function requestOf(line: string): string {
  try {
    const { request } = JSON.parse(line);
    if (typeof request === 'string') return request;
  } catch {
    // Said below.
  }
  throw new FttcpError('request-invalid', 'a request is one line of JSON such as {"request":"status"}');
}

/** @throws FttcpError `not-running`, `control-permission`, `control-timeout` or what the daemon replied. */
export async function requestStatus(path: string): Promise<Status> {
  const reply = await ask(path, 'status');
  return reply.status as Status;
}

async function ask(path: string, request: string): Promise<Reply> {
  const line = await exchange(path, `${JSON.stringify({ request })}\n`);
  let reply: Reply;
  try {
    reply = JSON.parse(line);
  } catch (cause) {
    throw new FttcpError('control-failed', `what listens on ${path} is no fttcp daemon: it did not answer in JSON`, {
      cause,
    });
  }
  if (reply.ok) return reply;
  throw new FttcpError(String(reply.code ?? 'control-failed'), String(reply.message ?? 'the daemon gave no reason'));
}

function exchange(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let received = '';
    const fail = (error: FttcpError) => {
      clearTimeout(deadline);
      socket.destroy();
      reject(error);
    };
    const deadline = setTimeout(() => {
      const message = `the daemon did not answer on ${path} within ${REPLY_DEADLINE_MS} ms: is it stopped or stuck?`;
      fail(new FttcpError('control-timeout', message));
    }, REPLY_DEADLINE_MS);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(line));
    socket.on('data', (text: string) => {
      received += text;
      const end = received.indexOf('\n');
      if (end < 0) return;
      clearTimeout(deadline);
      socket.destroy();
      resolve(received.slice(0, end));
    });
    socket.on('error', (cause) => fail(connectError(path, cause)));
    socket.on('end', () => {
      fail(new FttcpError('control-failed', `the daemon closed ${path} without an answer: it may be stopping`));
    });
  });
}

function connectError(path: string, cause: Error): FttcpError {
  switch (codeOf(cause)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new FttcpError(
        'not-running',
        `no daemon answers on ${path}: is the service running on this host? Start it with: fttcp up -c FILE`,
        { cause },
      );
    case 'EACCES':
    case 'EPERM':
      return new FttcpError(
        'control-permission',
        `no permission to open ${path}: run this as root or as the user who started the daemon`,
        { cause },
      );
    default:
      return new FttcpError('control-failed', `cannot talk to the daemon on ${path}: ${cause.message}`, { cause });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
