// The file in which a server's processes choose, from the daemon's end.
import assert from 'node:assert/strict';
import { fstatSync, readSync, writeSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { HEAD_LIVE, KIND, RECORD_MOST } from '../../src/north/choices.ts';
import { ChoicesExample, record } from './choices-example.ts';

function backup(t: TestContext, logBytes?: number): ChoicesExample {
  const example = new ChoicesExample(logBytes);
  t.after(() => example.close());
  return example;
}

/** One whose server chooses, and that has a backup. */
function primary(t: TestContext, logBytes?: number): ChoicesExample {
  const example = backup(t, logBytes);
  writeSync(example.fd, record(KIND.ASKS, 'first', 'somebody'));
  example.file.turn(true);
  example.log.start();
  return example;
}

function isLive({ fd }: ChoicesExample): boolean {
  const word = Buffer.alloc(4);
  readSync(fd, word, 0, 4, HEAD_LIVE);
  return word.readUInt32LE() === 1;
}

function give({ file }: ChoicesExample, name: string, value: string | Uint8Array): string {
  const bytes = record(KIND.CHOSEN, name, value);
  return file.take(bytes, 0, bytes.length);
}

test('nobody is told to choose before anybody has asked, nor on a backup', (t) => {
  const example = backup(t);
  example.file.turn(true);
  assert.equal(isLive(example), false);
  writeSync(example.fd, record(KIND.ASKS, 'first', 'somebody'));
  example.file.turn(false);
  assert.equal(isLive(example), false);
  example.file.turn(true);
  assert.equal(isLive(example), true);
});

test('what was chosen is in the log before the next packet; questions are not', (t) => {
  const example = primary(t);
  writeSync(example.fd, record(KIND.CHOSEN, 'one', '1'));
  writeSync(example.fd, record(KIND.ASKS, 'two', 'somebody'));
  writeSync(example.fd, record(KIND.CHOSEN, 'two', '2'));
  assert.equal(example.file.drainForPacket(), true);
  assert.deepEqual(example.logged(), ['1 one=1', '1 two=2']);
  assert.equal(example.file.drainForPacket(), true);
  assert.deepEqual(example.logged(), []);
});

test('a record that is being written is waited for', (t) => {
  const example = primary(t);
  const bytes = record(KIND.CHOSEN, 'one', 'a value');
  for (const cut of [3, 8, 12]) {
    writeSync(example.fd, bytes.subarray(0, cut));
    example.file.turn(true);
    assert.deepEqual(example.logged(), []);
    writeSync(example.fd, bytes.subarray(cut));
    example.file.turn(true);
    assert.deepEqual(example.logged(), ['1 one=a value']);
  }
});

test('what is no record ends the daemon: nobody knows what was chosen', (t) => {
  const { file, fd } = primary(t);
  writeSync(fd, 'printed by accident');
  assert.throws(() => file.turn(true), { code: 'choices-damaged' });
});

test('packets wait for a log that has no room', (t) => {
  const example = primary(t, 262_144);
  const { file, fd } = example;
  const values = ['1', '2', '3'].map((digit) => digit.repeat(60_000));
  for (const value of values) writeSync(fd, record(KIND.CHOSEN, 'one', value));
  assert.equal(file.drainForPacket(), false);
  assert.equal(file.canReadServer, false);
  const seen = example.logged();
  assert.ok(seen.length < values.length);
  for (; !file.canReadServer; seen.push(...example.logged())) file.turn(true);
  assert.deepEqual(
    seen,
    values.map((value) => `1 one=${value}`),
  );
});

test('who joins is told first all that was chosen and given', (t) => {
  const example = backup(t);
  const { file, fd, log } = example;
  assert.equal(give(example, 'one', '1'), '');
  file.turn(false);
  file.turn(true);
  writeSync(fd, record(KIND.CHOSEN, 'two', '2'));
  file.turn(true);
  log.start();
  assert.equal(file.incomplete, '');
  file.logBegins();
  writeSync(fd, record(KIND.CHOSEN, 'three', '3'));
  file.turn(true);
  assert.deepEqual(example.logged(), ['2 one=1', '1 two=2', '1 three=3']);
});

test('memory of what is too old is given back, and then nobody can join', (t) => {
  const { file, fd, log } = primary(t);
  log.stop();
  const mib = Array.from({ length: 16 }, () => record(KIND.CHOSEN, 'much', new Uint8Array((1 << 16) - 12)));
  for (let i = 0; i < 80; i++) {
    writeSync(fd, Buffer.concat(mib));
    file.turn(true);
  }
  const { size, blocks } = fstatSync(fd);
  assert.ok(size >= 80 << 20);
  assert.ok(blocks * 512 <= 66 << 20, `${blocks * 512} bytes`);
  assert.match(file.incomplete, /64 MiB/);
});

test('a backup is of no use when its server does not ask for what the primary has chosen', (t) => {
  const example = backup(t);
  const value = new Uint8Array(1 << 16);
  let refusal = '';
  let taken = 0;
  for (; refusal === ''; taken++) {
    assert.equal(example.file.hasRoom(), taken * value.length < 16 << 20);
    refusal = give(example, 'much', value);
    example.file.turn(false);
  }
  assert.match(refusal, /has not asked/);
  assert.ok(taken * value.length <= 33 << 20);
});

test('a value that is asked for is not outstanding', (t) => {
  const example = backup(t);
  const value = new Uint8Array(1 << 16);
  for (let i = 0; i < 1000; i++) {
    writeSync(example.fd, record(KIND.ASKS, 'much', 'somebody'));
    assert.equal(give(example, 'much', value), '');
    example.file.turn(false);
    assert.ok(example.file.hasRoom());
  }
});

test('nothing but a whole choice is taken from the log', (t) => {
  const example = backup(t);
  const { file } = example;
  const whole = record(KIND.CHOSEN, 'one', '1');
  assert.match(file.take(whole, 0, whole.length - 1), /none/);
  const asks = record(KIND.ASKS, 'one', 'somebody');
  assert.match(file.take(asks, 0, asks.length), /question/);
  const { size } = fstatSync(example.fd);
  const accepted = fc
    .sample(fc.uint8Array({ minLength: 1, maxLength: 64 }), 1000)
    .filter((bytes) => file.take(bytes, 0, bytes.length) === '');
  assert.equal(fstatSync(example.fd).size, size + accepted.reduce((sum, { length }) => sum + length, 0));
  const longest = record(KIND.CHOSEN, 'n'.repeat(255), new Uint8Array(1 << 16));
  assert.equal(longest.length, RECORD_MOST);
  assert.equal(file.take(longest, 0, longest.length), '');
});
