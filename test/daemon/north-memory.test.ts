/** The daemon's end of the shared memory: what the server's processes would find in it, and what they leave there. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { createNorthMemory, NorthMemory } from '../../src/daemon/north-memory.ts';
import { mapShared } from '../../src/linux/shared-file.ts';
import * as layout from '../../src/north/layout.ts';
import { RecordView } from '../../src/north/records.ts';
import { recordBytes } from '../north/recordings.ts';

/** The memory as a process of the server sees it. */
class Shared {
  readonly memory: NorthMemory;
  readonly gone = new Set<number>();
  readonly #words: Uint32Array;
  readonly #recording: Uint8Array;
  readonly #rings: Uint8Array;

  constructor() {
    const fd = createNorthMemory();
    this.memory = new NorthMemory(fd, (pid) => this.gone.has(pid));
    this.#words = new Uint32Array(mapShared(fd, 0, layout.RECORDING_OFFSET));
    this.#recording = new Uint8Array(mapShared(fd, layout.RECORDING_OFFSET, layout.RECORDING_BYTES));
    this.#rings = new Uint8Array(mapShared(fd, layout.REPLAY_OFFSET, layout.SLOTS * layout.REPLAY_BYTES));
  }

  word(offset: number): number {
    return this.#words[offset / 4] ?? 0;
  }

  setWord(offset: number, value: number): void {
    this.#words[offset / 4] = value;
  }

  /** As the shim appends: without a look at the room. */
  record(bytes: Uint8Array): void {
    const head = this.word(layout.HEADER_RECORDING + layout.ENDS_HEAD);
    this.#recording.set(bytes, head % layout.RECORDING_BYTES);
    this.setWord(layout.HEADER_RECORDING + layout.ENDS_HEAD, head + bytes.length);
  }

  slotOf(process: number): number {
    for (let slot = 0; slot < layout.SLOTS; slot++) {
      if (this.word(layout.SLOTS_OFFSET + slot * layout.SLOT_BYTES + layout.SLOT_PROCESS) === process) return slot;
    }
    return -1;
  }

  ends(slot: number, field: number): number {
    return layout.SLOTS_OFFSET + slot * layout.SLOT_BYTES + layout.SLOT_ENDS + field;
  }

  come(process: number, pid: number): void {
    this.setWord(layout.SLOTS_OFFSET + this.slotOf(process) * layout.SLOT_BYTES + layout.SLOT_PID, pid);
  }

  /** As the shim takes. @returns the next record; undefined: there is none */
  next(process: number): Uint8Array | undefined {
    const slot = this.slotOf(process);
    const view = new RecordView();
    for (;;) {
      const tail = this.word(this.ends(slot, layout.ENDS_TAIL));
      if (tail === this.word(this.ends(slot, layout.ENDS_HEAD))) return undefined;
      const at = tail % layout.REPLAY_BYTES;
      const ring = this.#rings.subarray(slot * layout.REPLAY_BYTES, (slot + 1) * layout.REPLAY_BYTES);
      ok(view.set(ring, at, ring.length - at) > 0);
      const bytes = ring.slice(at, at + view.length);
      if (view.call === layout.CALL_END) return bytes;
      this.setWord(this.ends(slot, layout.ENDS_TAIL), tail + view.length);
      if (view.call !== layout.CALL_PAD) return bytes;
    }
  }
}

const callOf = (bytes: Uint8Array | undefined) => (bytes === undefined ? -1 : (bytes[layout.RECORD_CALL] ?? -1));

function putAll(shared: Shared, process: number, bytes: Uint8Array): boolean {
  return shared.memory.put(process, bytes, 0, bytes.length);
}

test('new memory says what it is, and numbers processes from the second', () => {
  const shared = new Shared();
  equal(shared.word(layout.HEADER_MAGIC), layout.NORTH_MAGIC);
  equal(shared.word(layout.HEADER_VERSION), layout.NORTH_VERSION);
  equal(shared.word(layout.HEADER_MODE), layout.MODE.UNDECIDED);
  equal(shared.word(layout.HEADER_NEXT_PROCESS), 2);
  shared.memory.begin('replay');
  equal(shared.word(layout.HEADER_MODE), layout.MODE.REPLAY);
});

test('the recording is handed over in order, through the end of its ring, and what is refused stays', () => {
  const shared = new Shared();
  const { recording } = shared.memory;
  const piece = new Uint8Array(layout.RECORDING_BYTES / 4).map((_, i) => i % 251);
  let total = 0;
  for (let round = 0; round < 9; round++) {
    shared.record(piece);
    let refused = false;
    let got = 0;
    const take = (bytes: Uint8Array, offset: number, length: number) => {
      refused = !refused && got > 0;
      if (refused) return false;
      deepEqual(bytes.slice(offset, offset + length), piece.slice(got, got + length));
      got += length;
      return true;
    };
    while (got < piece.length) recording.drain(60_000, take);
    total += got;
    equal(recording.used, 0);
  }
  equal(shared.word(layout.HEADER_RECORDING + layout.ENDS_TAIL), total);
});

test('a record that does not fit at the end of a ring stands at its beginning', () => {
  const shared = new Shared();
  equal(shared.memory.open(1), true);
  const large = recordBytes({ call: 6, process: 1, payload: new Uint8Array(60_000).map((_, i) => i % 241) });
  let given = 0;
  for (let taken = 0; taken < 100; taken++) {
    while (putAll(shared, 1, large)) given++;
    deepEqual(shared.next(1), large);
  }
  ok(given > 100 && given < 120, `${given}`);
});

test('a ring that is full refuses, and has room to say that it is over', () => {
  const shared = new Shared();
  shared.memory.open(1);
  const record = recordBytes({ call: 3, process: 1 });
  let given = 0;
  while (putAll(shared, 1, record)) given++;
  equal(shared.memory.replayBytes, given * record.length);
  equal(shared.memory.end(7), true);
  for (let i = 0; i < given; i++) deepEqual(shared.next(1), record);
  for (let i = 0; i < 3; i++)
    equal(callOf(shared.next(1)), layout.CALL_END, 'it stays, for the program that the process becomes');
  equal(shared.memory.replayBytes, 0);
  deepEqual([shared.word(layout.HEADER_ORDER), shared.word(layout.HEADER_ORDER_LAST)], [7, 7]);
});

test('the end is told where the ring has no room for it before its own end', () => {
  const shared = new Shared();
  shared.memory.open(1);
  const at = layout.REPLAY_BYTES - 8;
  const slot = shared.slotOf(1);
  for (const field of [layout.ENDS_HEAD, layout.ENDS_TAIL]) shared.setWord(shared.ends(slot, field), at);
  shared.memory.end(0);
  equal(callOf(shared.next(1)), layout.CALL_END);
});

test('counters of bytes run over', () => {
  const shared = new Shared();
  shared.memory.open(1);
  const slot = shared.slotOf(1);
  const start = 2 ** 32 - 4 * layout.RECORD_HEADER;
  for (const field of [layout.ENDS_HEAD, layout.ENDS_TAIL]) shared.setWord(shared.ends(slot, field), start);
  for (let i = 0; i < 9; i++) {
    const record = recordBytes({ call: 3, process: 1, detail: i });
    equal(putAll(shared, 1, record), true);
    deepEqual(shared.next(1), record);
    equal(shared.memory.replayBytes, 0);
  }
});

test('a process that is made later has a number that nobody had, and one that is gone leaves its place', () => {
  const shared = new Shared();
  for (let process = 1; process <= layout.SLOTS; process++) {
    equal(shared.memory.open(process), true);
    equal(shared.memory.open(process), true, 'again');
  }
  const next = layout.SLOTS + 1;
  equal(shared.memory.open(next), false, 'nobody has come yet, and nobody is gone');
  for (let process = 1; process <= layout.SLOTS; process++) shared.come(process, 1_000 + process);
  equal(shared.memory.open(next), false);
  shared.gone.add(1_005);
  putAll(shared, 5, recordBytes({ call: 3, process: 5 }));
  equal(shared.memory.open(next), true);
  equal(shared.slotOf(5), -1);
  equal(shared.next(next), undefined, 'what the other one left is not its own');
  const record = recordBytes({ call: 3, process: next });
  equal(putAll(shared, next, record), true);
  deepEqual(shared.next(next), record);
  equal(putAll(shared, 5, record), true, 'whoever is gone has room for everything');
  shared.memory.end(3);
  equal(shared.word(layout.HEADER_NEXT_PROCESS), next + 1);
});

test('what a process had before it when it was killed counts until all is over', () => {
  const shared = new Shared();
  shared.memory.open(1);
  shared.come(1, 77);
  const record = recordBytes({ call: 3, process: 1 });
  for (let i = 0; i < 5; i++) putAll(shared, 1, record);
  shared.gone.add(77);
  equal(shared.memory.replayBytes, 5 * record.length);
  shared.memory.end(0);
  equal(shared.memory.replayBytes, 0);
});

test('a divergence is told in words', () => {
  const shared = new Shared();
  equal(shared.memory.divergences, 0);
  const at = layout.HEADER_DIVERGENCE;
  shared.setWord(at + layout.DIVERGENCE_PROCESS, 2);
  shared.setWord(at + layout.DIVERGENCE_THREAD, 3);
  shared.setWord(at + layout.DIVERGENCE_EXPECTED, 6);
  shared.setWord(at + layout.DIVERGENCE_MADE, 99);
  shared.setWord(at + layout.DIVERGENCE_EXPECTED_OBJECT, 5);
  shared.setWord(at + layout.DIVERGENCE_MADE_OBJECT, 0xffff_ffff);
  shared.setWord(at + layout.DIVERGENCE_TEXT, 0x00_79_68_77);
  // sockaddr_in: the family, and in the order of the network port and address.
  shared.setWord(at + layout.DIVERGENCE_PEER_LENGTH, 16);
  shared.setWord(at + layout.DIVERGENCE_PEER, 0x5000_0002);
  shared.setWord(at + layout.DIVERGENCE_PEER + 4, 0x0102_0a0a);
  shared.setWord(layout.HEADER_DIVERGENCES, 1);
  equal(shared.memory.divergences, 1);
  deepEqual(shared.memory.firstDivergence, {
    process: 2,
    thread: 3,
    expected: 'read',
    made: 'unknown',
    expectedObject: 5,
    madeObject: -1,
    expectedResult: 0,
    client: '10.10.2.1:80',
    text: 'why',
  });
});
