/**
 * Programs under the shim: a replay does again what was recorded, and where the recording ends the program goes on by itself, with no
 * line lost or said twice. FTTCP_CUTS=500: at so many places, rather than at a few.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { CALL_NAMES, RECORD_RESULT } from '../../src/north/layout.ts';
import { RecordView } from '../../src/north/records.ts';
import { needs } from '../needs.ts';
import { linesOf, placesToCut, program, spread } from './programs.ts';
import { type Played, play } from './tape.ts';

const skip = needs('namespaces', 'program:cc', 'program:ip', 'program:python3');
const CUTS = Number(process.env.FTTCP_CUTS ?? 4);

const PROGRAMS = {
  'clocks.c': 'clocks go on without a jump',
  'randomness.c': 'random numbers are drawn once',
  'contention.c': 'threads take turns at locks of every kind',
  'races.c': 'threads race without locks as they did',
  'unfinished.c': 'waits that are unfinished go on for what is left of their time',
  'conditions.c': 'waits for a condition end when they are told to or in time',
  'threads.c': 'threads begin, are joined and leave',
  'processes.c': 'processes are made, become other programs and end',
  'signals.c': 'signals interrupt what they did',
  'killed.c': 'who is killed has done what it did before',
  'namespaces.c': 'who is killed in a namespace of pids leaves what it held to those outside',
  'timers.c': 'timers ring once',
  'epoll.c': 'sets of descriptors tell what is ready',
  'polling.c': 'descriptors for events tell of each once',
  'sockets.c': 'messages between processes arrive in one order',
  'flow.c': 'more than a pipe holds goes from one thread to another',
  'resets.c': 'calls in the middle of which a connection is reset tell of their part, and the next ones of the reset',
  'sharing.c': 'processes take turns at what they share',
  'pieces.c': 'large parts of files are read and written whole',
  'stacks.c': 'small stacks are large enough',
  'interpreter.py': 'threads of an interpreter take turns',
  'interrupted.py': 'an interpreter that waits hears signals',
};

function check(played: Played, what: string): void {
  const { divergence, code, output } = played;
  deepEqual(divergence, undefined, `${what}: diverged\n${output}`);
  equal(code, 0, `${what}: exit code\n${output}`);
}

for (const [name, title] of Object.entries(PROGRAMS)) {
  test(title, { skip }, async (t) => {
    const command = program(name);
    const recorded = await play(command);
    check(recorded, 'recorded');
    const replayed = await play(command, { recording: recorded.recording });
    check(replayed, 'replayed');
    equal(replayed.output, recorded.output);
    const places = placesToCut(recorded.recording);
    t.diagnostic(`${recorded.recording.length} bytes, ${places.length} places to cut`);
    for (const place of spread(places, CUTS)) {
      const cut = await play(command, { recording: recorded.recording.subarray(0, place) });
      check(cut, `cut at ${place}`);
      deepEqual(linesOf(cut.output), linesOf(recorded.output), `cut at ${place}`);
    }
  });
}

test('whose connection the recorded call was about is reported', { skip }, async () => {
  const command = program('ways.c');
  const calls = ['read', 'write', 'socket-state', 'accept', 'clock'];
  const all = await Promise.all(calls.map((way) => play(command, { environment: { WAY: way } })));
  for (const [index, { recording, output, code }] of all.entries()) {
    equal(code, 0, output);
    const expected = calls[index] ?? '';
    const made = calls[(index + 1) % calls.length] ?? '';
    const { divergence } = await play(command, { recording, environment: { WAY: made } });
    deepEqual([divergence?.expected, divergence?.made], [expected, made]);
    const client = new RegExp(`^${expected}: (.*)$`, 'm').exec(output)?.[1] ?? '';
    equal(divergence?.client, client, expected);
  }
});

test('threads that wait at the same time let clocks pass it once', { skip }, async () => {
  const command = program('waits.c');
  const recorded = await play(command);
  check(recorded, 'recorded');
  const places = placesToCut(recorded.recording);
  for (const place of spread(places, CUTS)) {
    const cut = await play(command, { recording: recorded.recording.subarray(0, place) });
    check(cut, `cut at ${place}`);
    const timeOfDay = Number(/time of day = (\d+)/.exec(cut.output)?.[1]);
    ok(timeOfDay <= Date.now(), `cut at ${place}: ${timeOfDay - Date.now()} ms ahead of the time of day`);
  }
});

test('of what is read and written of a file the others wait for a piece at most', { skip }, async () => {
  const { recording } = await play(program('pieces.c'));
  const view = new DataView(recording.buffer, recording.byteOffset);
  const record = new RecordView();
  const moved: number[] = [];
  for (let offset = 0; offset < recording.length; offset += record.length) {
    ok(record.set(recording, offset, recording.length - offset) > 0);
    if (CALL_NAMES[record.call] === 'file') moved.push(Number(view.getBigInt64(offset + RECORD_RESULT, true)));
  }
  ok(moved.length > 4 * 12 && Math.max(...moved) === 256 << 10, `${moved}`);
});

test('what a program does that was not recorded is reported', { skip }, async () => {
  const command = program('address.c');
  const { recording, output, code } = await play(command, { randomAddresses: true });
  equal(code, 0);
  const replayed = await play(command, { recording, randomAddresses: true });
  const { divergence } = replayed;
  ok(divergence !== undefined, 'found');
  equal(replayed.output, output, 'all that was said before it is said again');
  deepEqual([divergence.process, divergence.thread], [1, 1]);
  deepEqual(new Set([divergence.expected, divergence.made]), new Set(['clock', 'random']));
});
