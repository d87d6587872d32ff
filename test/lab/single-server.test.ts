// Servers that serve one connection and exit, as socat does: their kernel has still to send a good part of what they wrote. On each
// host the enclosure stays until the client has it, whoever speaks then.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { LabResult } from '../../src/lab/result.ts';
import { runLab } from '../../src/lab/run.ts';
import { CALM_TIMEOUT, type Scenario, survives, withFile } from './failover.ts';

/** Less than a kernel takes from a program, and more than a client's takes that does not read. */
const FILE_BYTES = 300_000;

/** Writes the file to the first who connects, and exits as soon as the kernel has taken it. */
const SERVER = `exec python3 -c '
import os, socket
listener = socket.create_server((os.environ["FTTCP_ADDRESS"], int(os.environ["FTTCP_PORT"])))
listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
connection, _ = listener.accept()
connection.sendall(open("big", "rb").read())'`;

import { needs } from '../needs.ts';

const skip = needs('tun', 'program:python3');

/**
 * Prints the SHA-256 of what it reads up to the FIN. It begins to read when both servers have long ended, and a fault that it has given the cue
 * for is past. Its kernel is told to take little, whatever it would take by itself.
 */
const CLIENT = `python3 -c '
import hashlib, os, socket, time
connection = socket.socket()
connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
connection.connect((os.environ["FTTCP_ADDRESS"], int(os.environ["FTTCP_PORT"])))
time.sleep(1.5)
with open(os.environ["FTTCP_CUE"], "a") as cue:
  cue.write("now\\n")
time.sleep(1)
content = hashlib.sha256()
while data := connection.recv(1 << 16):
  content.update(data)
print(content.hexdigest())'`;

interface LogLine {
  readonly event: string;
  readonly time: number;
}

function logOf(directory: string, host: string): LogLine[] {
  const lines = readFileSync(path.join(directory, `${host}.log`), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

type Run = (scenario: Scenario) => Promise<LabResult>;

async function served(at: string[], run: Run = survives): Promise<{ a: LogLine[]; b: LogLine[] }> {
  let logs: { a: LogLine[]; b: LogLine[] } = { a: [], b: [] };
  await withFile(FILE_BYTES, async (directory, file) => {
    const result = await run({
      server: SERVER,
      port: 7000,
      state: directory,
      // The daemons have as long to end.
      client: `${CLIENT}; sleep 0.5`,
      at,
      pcap: directory,
    });
    const expected = createHash('sha256').update(readFileSync(file)).digest('hex');
    assert.equal(result.client.stdout.trim(), expected);
    assert.ok(result.ok);
    logs = { a: logOf(directory, 'a'), b: logOf(directory, 'b') };
  });
  return logs;
}

const timeOf = (log: readonly LogLine[], event: string) => {
  const line = log.find((one) => one.event === event);
  assert.ok(line, `${event} is logged: ${JSON.stringify(log)}`);
  return line.time;
};

test('what a server wrote before it exited arrives whole, and then both replicas end', { skip }, async () => {
  // Whoever ends first hands over, or leaves: a promotion without any fault.
  const { a, b } = await served([], (scenario) =>
    runLab({ environment: process.env, detectTimeout: CALM_TIMEOUT, timeoutMs: 60_000, ...scenario }),
  );
  for (const log of [a, b]) assert.ok(timeOf(log, 'server-exited') < timeOf(log, 'stopping'));
  for (const log of [a, b]) timeOf(log, 'down');
});

test('it arrives whole although the primary loses its power when both servers have exited', { skip }, async () => {
  const { a, b } = await served(['cue:power-off:primary']);
  for (const log of [a, b]) assert.ok(timeOf(log, 'server-exited') < timeOf(b, 'suspected'));
  assert.ok(timeOf(b, 'promoted') < timeOf(b, 'stopping'));
});

test('it arrives whole although the backup loses its power when both servers have exited', { skip }, async () => {
  const { a, b } = await served(['cue:power-off:backup']);
  // Not suspected everywhere: without real-time priority its acknowledgements may be missed first.
  for (const log of [a, b]) assert.ok(timeOf(log, 'server-exited') < timeOf(a, 'solo'));
  assert.ok(timeOf(a, 'solo') < timeOf(a, 'stopping'));
});
