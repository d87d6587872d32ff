/** What is recorded goes into the log, and to whoever joins while nothing else has happened; what the log has of it goes to the server. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { createNorthMemory } from '../../src/daemon/north-memory.ts';
import { NorthWrap } from '../../src/daemon/north-wrap.ts';
import { mapShared } from '../../src/linux/shared-file.ts';
import { ByteQueue } from '../../src/log/byte-queue.ts';
import { ENTRY, NORTH_DATA } from '../../src/log/entry.ts';
import { FrameView } from '../../src/log/frame.ts';
import { LogWriter } from '../../src/log/log-writer.ts';
import * as layout from '../../src/north/layout.ts';
import { needs } from '../needs.ts';
import { recordBytes } from '../north/recordings.ts';

const HISTORY_BYTES = 1_000;

const skip = needs('namespaces');
/** A process with a network of its own, as a server has. */
const enclosure =
  skip === false ? spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] }) : undefined;
before(async () => {
  if (enclosure === undefined) return;
  enclosure.stdin?.write('ready');
  await once(enclosure.stdout ?? enclosure, 'data');
});
after(() => enclosure?.kill());

function wrapped(logBytes = 4 << 20) {
  const fd = createNorthMemory();
  const queue = new ByteQueue(new Uint8Array(logBytes));
  const log = new LogWriter(queue);
  const wrap = new NorthWrap(fd, enclosure?.pid ?? 0, log, HISTORY_BYTES);
  const words = new Uint32Array(mapShared(fd, 0, layout.RECORDING_OFFSET));
  const ring = new Uint8Array(mapShared(fd, layout.RECORDING_OFFSET, layout.RECORDING_BYTES));
  const head = (layout.HEADER_RECORDING + layout.ENDS_HEAD) / 4;
  const record = (bytes: Uint8Array) => {
    ring.set(bytes, (words[head] ?? 0) % layout.RECORDING_BYTES);
    words[head] = (words[head] ?? 0) + bytes.length;
  };
  /** Bytes of the recording in the log, and takes them out. */
  const logged = () => {
    const frame = new FrameView();
    const got: Uint8Array[] = [];
    while (frame.set(queue.bytes, queue.readOffset, queue.readable) > 0) {
      equal(frame.type, ENTRY.NORTH);
      got.push(frame.copy(NORTH_DATA, frame.length - NORTH_DATA));
      queue.consume(frame.length);
    }
    return Uint8Array.from(Buffer.concat(got));
  };
  return { wrap, log, words, record, logged };
}

const first = recordBytes({ call: 3, process: 1, detail: 1, payload: new Uint8Array(100) });
const second = recordBytes({ call: 4, process: 1, detail: 2, payload: new Uint8Array(50) });

test('who joins while nobody has connected is told all that was recorded before', { skip }, () => {
  const { wrap, log, record, logged } = wrapped();
  record(first);
  wrap.drain(true, true);
  record(second);
  wrap.drain(true, true);
  equal(log.position, 0, 'nothing is kept in a log that nobody reads');
  equal(wrap.incomplete, '');
  log.start();
  wrap.logBegins();
  deepEqual(logged(), Uint8Array.from([...first, ...second]));
  record(second);
  wrap.drain(true, true);
  deepEqual(logged(), second, 'and what comes after it');
});

test('once somebody has connected there is nothing to tell, nor to keep', { skip }, () => {
  const { wrap, log, record, logged } = wrapped();
  record(first);
  wrap.drain(true, true);
  record(second);
  wrap.drain(true, false);
  log.start();
  wrap.logBegins();
  deepEqual(logged(), new Uint8Array(0));
});

test('a recording that is longer than may be kept is not kept, and the reason said', { skip }, () => {
  const { wrap, log, record, logged } = wrapped();
  for (let bytes = 0; bytes <= HISTORY_BYTES; bytes += first.length) {
    equal(wrap.incomplete, '');
    record(first);
    wrap.drain(true, true);
  }
  match(wrap.incomplete, /limits\.logBytes/);
  log.start();
  wrap.logBegins();
  deepEqual(logged(), new Uint8Array(0));
});

test('what the log has no room for stays in the ring, and the server is not read meanwhile', { skip }, () => {
  const { wrap, log, record, logged } = wrapped(512 << 10);
  log.start();
  equal(wrap.canReadServer, false);
  const large = recordBytes({ call: 6, process: 1, payload: new Uint8Array(50_000).map((_, i) => i % 253) });
  for (let i = 0; i < 12; i++) record(large);
  const got: Uint8Array[] = [];
  for (let turn = 0; turn < 50; turn++) {
    wrap.drain(true, false);
    got.push(logged());
  }
  ok(Buffer.concat(got).equals(Buffer.concat(Array.from({ length: 12 }, () => large))));
});

test('a replay is taken when its processes have taken it, and goes live when all is', { skip }, () => {
  const { wrap, words } = wrapped();
  equal(wrap.replays, false);
  wrap.begin(true);
  wrap.begin(false);
  equal(words[layout.HEADER_MODE / 4], layout.MODE.REPLAY, 'what it began with');
  equal(wrap.replays, true);
  equal(wrap.take(first, 0, first.length), '');
  equal(wrap.turn(0), '');
  deepEqual([wrap.taken, wrap.replayed], [first.length, 0]);
  const ends = (layout.SLOTS_OFFSET + layout.SLOT_ENDS) / 4;
  words[ends + layout.ENDS_TAIL / 4] = first.length;
  equal(wrap.turn(0), '');
  equal(wrap.replayed, first.length);
  wrap.take(second, 0, 16);
  wrap.goLive();
  equal(wrap.replays, true, 'not while there is something to take');
  wrap.turn(0);
  equal(wrap.replays, false, 'what was cut is nothing');
});

test('what nobody is to hear is not for the log, but for who joins later', { skip }, () => {
  const { wrap, log, record, logged } = wrapped();
  log.start();
  record(first);
  wrap.drain(false, true);
  record(second);
  wrap.drain(true, true);
  deepEqual(logged(), second);
  wrap.logBegins();
  deepEqual(logged(), Uint8Array.from([...first, ...second]));
});

test('who joins a host that was a backup is told what that one was told, but for a record that was cut', {
  skip,
}, () => {
  const { wrap, log, record, logged } = wrapped();
  wrap.begin(true);
  wrap.take(first, 0, 10);
  wrap.take(first, 10, first.length - 10);
  wrap.take(second, 0, 16);
  wrap.take(second, 16, 4);
  wrap.goLive();
  record(second);
  wrap.drain(true, true);
  equal(wrap.incomplete, '');
  log.start();
  wrap.logBegins();
  deepEqual(logged(), Uint8Array.from([...first, ...second]));
});

test('how far a replay is behind is told in bytes and in time', { skip }, () => {
  const { wrap, words } = wrapped();
  wrap.begin(true);
  wrap.take(first, 0, first.length);
  wrap.turn(1_000);
  wrap.take(second, 0, second.length);
  wrap.turn(1_200);
  deepEqual([wrap.leftBytes, wrap.status(1_300).lagMs], [first.length + second.length, 300]);
  const ends = (layout.SLOTS_OFFSET + layout.SLOT_ENDS) / 4;
  words[ends + layout.ENDS_TAIL / 4] = first.length;
  deepEqual([wrap.leftBytes, wrap.status(1_300).lagMs], [second.length, 100]);
  words[ends + layout.ENDS_TAIL / 4] = first.length + second.length;
  wrap.turn(1_400);
  deepEqual([wrap.leftBytes, wrap.status(1_400).lagMs, wrap.status(1_400).lagMaxMs], [0, 0, 200]);
});

test('a recording that makes no sense is refused', { skip }, () => {
  const { wrap } = wrapped();
  wrap.begin(true);
  match(wrap.take(new Uint8Array(64), 0, 64), /makes no sense/);
});

test('a divergence is news once', { skip }, () => {
  const { wrap, words } = wrapped();
  const news = () => wrap.news?.expected;
  equal(news(), undefined);
  words[layout.HEADER_DIVERGENCES / 4] = 2;
  equal(news(), 'pad');
  equal(news(), undefined);
  equal(wrap.status(0).divergences, 2);
});
