/**
 * A program that runs on a host of the lab: makes the packet loop of every fttcp daemon there stand still for as long as it runs, which
 * no signal can do. The kernel lets the threads go when it ends, and it ends with its host.
 */
import { readdirSync } from 'node:fs';
import { DATA_THREAD } from '../daemon/thread-names.ts';
import { threadsNamed } from '../linux/thread-name.ts';
import { stopThread } from '../linux/thread-stop.ts';

const threads = readdirSync('/proc').flatMap((entry) => threadsNamed(Number(entry), DATA_THREAD));
for (const thread of threads) stopThread(thread);
if (threads.length === 0) process.exit(1);
process.stdout.write('stalled\n');
setInterval(() => {}, 60_000);
