// The data worker's thread: turns the data loop until it is told to stop. Commands come in through the message port, which is
// looked at in every turn; the loop's event descriptor is signalled with each.
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { realtimeMs } from '../linux/clock.ts';
import { nameThread } from '../linux/thread-name.ts';
import type { ReplicaEvent } from '../replica/events.ts';
import { DataLoop, type DataWorkerData, type ServerHandles } from './data-loop.ts';
import type { HandshakeAsk, HandshakeNews } from './link-handshake.ts';
import type { DataSnapshot } from './snapshot.ts';
import { DATA_THREAD } from './thread-names.ts';

export type DataCommand =
  | { readonly command: 'status' }
  | { readonly command: 'stop' }
  /** The server program has ended by itself: say so when its connections need this host no more. */
  | { readonly command: 'linger'; readonly timeoutMs: number }
  /** Cold: the server program was started. */
  | { readonly command: 'server-started'; readonly server: ServerHandles }
  /** Cold: nobody needs the retained log any more. */
  | { readonly command: 'forget-log' }
  /** The server program has crashed. */
  | { readonly command: 'server-killed'; readonly signal: string }
  /** The LAN's carrier, by asking for it. */
  | { readonly command: 'lan'; readonly up: boolean }
  /** What came of the link's TLS handshake, step by step. */
  | { readonly command: 'handshake'; readonly news: HandshakeNews };

export type DataMessage =
  | { readonly message: 'ready' }
  | { readonly message: 'lingered' }
  | { readonly message: 'event'; readonly atMs: number; readonly event: ReplicaEvent }
  /** The LAN's carrier has changed. */
  | { readonly message: 'lan'; readonly up: boolean }
  | { readonly message: 'handshake'; readonly ask: HandshakeAsk }
  | { readonly message: 'status'; readonly snapshot: DataSnapshot };

function main(data: DataWorkerData, port: MessagePort): void {
  nameThread(DATA_THREAD);
  const say = (message: DataMessage) => port.postMessage(message);
  const loop = new DataLoop(data, {
    event: (event) => say({ message: 'event', atMs: realtimeMs(), event }),
    lan: (up) => say({ message: 'lan', up }),
    handshake: (ask) => say({ message: 'handshake', ask }),
  });
  say({ message: 'ready' });
  let isNeeded: (() => boolean) | undefined;
  do {
    for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
      const command = got.message as DataCommand;
      if (command.command === 'stop') loop.stop();
      else if (command.command === 'linger') isNeeded = loop.linger(command.timeoutMs);
      else if (command.command === 'server-killed') loop.serverKilled(command.signal);
      else if (command.command === 'server-started') loop.serverStarted(command.server);
      else if (command.command === 'forget-log') loop.forgetLog();
      else if (command.command === 'lan') loop.lanIs(command.up);
      else if (command.command === 'handshake') loop.takeHandshakeNews(command.news);
      else say({ message: 'status', snapshot: loop.snapshot() });
    }
    if (isNeeded?.() === false) {
      isNeeded = undefined;
      say({ message: 'lingered' });
    }
  } while (loop.turn());
  loop.close();
  port.close();
}

if (parentPort !== null) main(workerData as DataWorkerData, parentPort);
