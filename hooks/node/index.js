/**
 * `choose(name, choice)`: what `choice()` returns; on a backup of fttcp, what it has returned on the primary.
 *
 * The server's processes and the daemon share a file, in which each record is appended by one write; docs/protocol.md, section 10, says
 * what is in it. Outside fttcp there is none.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { fstatSync, readSync, writeSync } from 'node:fs';
import process from 'node:process';

const VALUE_MOST = 65_536;
const BACKLOG_MOST = 16n << 20n;
const READ_BYTES = 256 << 10;

const MAGIC = 0x48435446;
const VERSION = 1;
const HEAD_BYTES = 40;
const RECORD_BYTES = 8;
const CHOSEN = 1;
const GIVEN = 2;
const ASKS = 3;
const BYTES = 0;
const TEXT = 1;

const clock = new Int32Array(new SharedArrayBuffer(4));
const sleepMs = (ms) => Atomics.wait(clock, 0, 0, ms);

class Choices {
  #fd;
  #head = Buffer.alloc(HEAD_BYTES);
  #bytes = Buffer.alloc(READ_BYTES);
  #at = 0n;
  #isLive = false;
  /** By their places in the file. */
  #values = new Map();
  #questions = new Map();
  /** Who asks here: only one does at a time. */
  #asker = '';
  #answer;

  constructor(fd) {
    this.#fd = fd;
    try {
      this.#readHead();
    } catch {
      // It says nothing that is known, then.
    }
    if (this.#head.readUInt32LE(0) !== MAGIC || this.#head.readUInt32LE(4) !== VERSION) {
      throw new Error(`FTTCP_CHOICES: descriptor ${fd} was not inherited, or is of another version of fttcp`);
    }
  }

  choose(name, choice) {
    const key = Buffer.from(name);
    if (key.length < 1 || key.length > 255) throw new RangeError('the name of a choice has 1 to 255 bytes');
    // Where this process begins to read is decided before it asks: it must see its own question.
    if (!this.#isLive) this.#read();
    // Of a server that lives by itself and has nothing left to be given, that is so for ever.
    if (!this.#isLive || [...this.#values.values()].some((one) => one.name === name)) {
      const given = this.#ask(key);
      if (given !== undefined) return given;
    }
    const value = choice();
    const isText = typeof value === 'string';
    if (!isText && !(value instanceof Uint8Array)) throw new TypeError('a choice is a string or a Uint8Array');
    const data = Buffer.from(value);
    if (data.length > VALUE_MOST) throw new RangeError(`a choice has at most ${VALUE_MOST} bytes`);
    while (fstatSync(this.#fd, { bigint: true }).size - this.#readHead().taken > BACKLOG_MOST) sleepMs(1);
    this.#append(CHOSEN, key, isText ? TEXT : BYTES, data);
    return value;
  }

  /** @returns undefined when the server is to choose for itself. */
  #ask(key) {
    const asker = randomBytes(8);
    this.#asker = asker.toString('latin1');
    this.#answer = undefined;
    this.#append(ASKS, key, BYTES, asker);
    for (; ; sleepMs(1)) {
      this.#read();
      if (this.#answer !== undefined || this.#isLive) return this.#answer;
    }
  }

  #append(kind, key, form, data) {
    const record = Buffer.concat([Buffer.from([0, 0, 0, 0, kind, key.length, form, 0]), key, data]);
    record.writeUInt32LE(record.length, 0);
    if (writeSync(this.#fd, record) !== record.length) throw new Error('a choice was written in part');
  }

  #readHead() {
    readSync(this.#fd, this.#head, 0, HEAD_BYTES, 0);
    const long = (offset) => this.#head.readBigUInt64LE(offset);
    return { isLive: this.#head.readUInt32LE(8) === 1, start: long(16), kept: long(24), taken: long(32) };
  }

  /** Takes what was written since the last time. What the head says first, the records can only confirm. */
  #read() {
    const { isLive, start, kept } = this.#readHead();
    if (this.#at < kept) this.#at = start;
    for (const place of this.#values.keys()) {
      if (place >= kept) break;
      this.#values.delete(place);
    }
    for (let taken = -1; taken !== 0; this.#at += BigInt(taken)) {
      taken = this.#takeRecords(readSync(this.#fd, this.#bytes, 0, READ_BYTES, this.#at));
    }
    this.#isLive = isLive;
    if (isLive) this.#questions.clear();
  }

  /** @returns how many of the bytes are whole records. */
  #takeRecords(available) {
    let offset = 0;
    while (available - offset >= RECORD_BYTES) {
      const length = this.#bytes.readUInt32LE(offset);
      if (length < RECORD_BYTES || length > available - offset) break;
      this.#take(this.#at + BigInt(offset), this.#bytes.subarray(offset, offset + length));
      offset += length;
    }
    return offset;
  }

  /** The first question by a name and the first value by it belong together. */
  #take(place, record) {
    const dataFrom = RECORD_BYTES + record[5];
    const name = record.toString('utf8', RECORD_BYTES, dataFrom);
    const data = record.subarray(dataFrom);
    if (record[4] === GIVEN) {
      const value = record[6] === TEXT ? data.toString() : Uint8Array.from(data);
      const question = partner(this.#questions, name);
      if (question === undefined) this.#values.set(place, { name, value });
      else if (question.asker === this.#asker) this.#answer = value;
    } else if (record[4] === ASKS) {
      const asker = data.toString('latin1');
      const given = partner(this.#values, name);
      if (given === undefined) this.#questions.set(place, { name, asker });
      else if (asker === this.#asker) this.#answer = given.value;
    }
  }
}

function partner(waiting, name) {
  for (const [place, one] of waiting) {
    if (one.name === name) return waiting.delete(place) ? one : undefined;
  }
  return undefined;
}

const fd = process.env.FTTCP_CHOICES;
const choices = fd === undefined ? undefined : new Choices(Number(fd));

export function choose(name, choice) {
  return choices === undefined ? choice() : choices.choose(name, choice);
}
