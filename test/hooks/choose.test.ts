// choose() of each language: outside fttcp, on a primary, on a backup, and at a takeover.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KIND } from '../../src/north/choices.ts';
import { ChoicesExample, record } from '../daemon/choices-example.ts';
import { until } from '../linux/own-network.ts';
import { needs } from '../needs.ts';

/** Compiled, this file is in dist/test/hooks. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAMS = path.join(ROOT, 'test', 'hooks', 'programs');
const built = mkdtempSync(path.join(tmpdir(), 'hooks-test-'));
after(() => {
  for (const child of Chooser.children) child.kill('SIGKILL');
  rmSync(built, { recursive: true });
});

const LANGUAGES: Readonly<Record<string, { skip: string | false; command: () => string[] }>> = {
  C: {
    skip: needs('program:cc'),
    command: () => {
      const program = path.join(built, 'choose');
      const hook = path.join(ROOT, 'hooks', 'c');
      const flags = [
        '-std=gnu11',
        '-Wall',
        '-Wextra',
        '-Werror',
        '-fsanitize=address,undefined',
        '-I',
        hook,
        '-pthread',
      ];
      if (existsSync(program)) return [program];
      execFileSync('cc', [...flags, '-o', program, path.join(PROGRAMS, 'choose.c'), path.join(hook, 'fttcp.c')]);
      return [program];
    },
  },
  Node: { skip: false, command: () => [process.execPath, path.join(PROGRAMS, 'choose.mjs')] },
  Python: { skip: needs('program:python3'), command: () => ['python3', path.join(PROGRAMS, 'choose.py')] },
};

/** A process that chooses by each of the names. */
class Chooser {
  /** Of all: one whose daemon has ended would wait for ever. */
  static readonly children: ChildProcess[] = [];
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #said = '';
  #complaints = '';

  constructor([program = '', ...words]: readonly string[], names: readonly string[], fd?: number, maker = 'made') {
    this.#child = spawn(program, [...words, ...names], {
      stdio: ['ignore', 'pipe', 'pipe', 'ignore', ...(fd === undefined ? [] : [fd])],
      env: { ...process.env, MAKER: maker, ...(fd === undefined ? {} : { FTTCP_CHOICES: '4' }) },
    });
    Chooser.children.push(this.#child);
    this.#closed = once(this.#child, 'close');
    this.#child.stderr?.on('data', (data) => (this.#complaints += data));
    this.#child.stdout?.on('data', (data) => {
      this.#said += data;
      this.lines.splice(0, Number.POSITIVE_INFINITY, ...this.#said.split('\n').slice(0, -1));
    });
  }

  async said(count: number): Promise<readonly string[]> {
    const failed = this.#closed.then(() => assert.ok(this.lines.length >= count, this.#complaints));
    await Promise.race([until(`${count} choices`, () => this.lines.length >= count, 10_000), failed]);
    return this.lines;
  }

  async end(): Promise<{ code: number | null; complaints: string }> {
    await this.#closed;
    return { code: this.#child.exitCode, complaints: this.#complaints };
  }
}

/** A daemon's end of a file of choices, at work. */
function follow(t: TestContext, role: { chooses: boolean }): ChoicesExample {
  const example = new ChoicesExample();
  const timer = setInterval(() => example.file.turn(role.chooses), 1);
  t.after(() => {
    clearInterval(timer);
    example.close();
  });
  return example;
}

function give({ file }: ChoicesExample, name: string, value: string): void {
  const bytes = record(KIND.CHOSEN, name, value);
  assert.equal(file.take(bytes, 0, bytes.length), '');
}

for (const [language, { skip, command }] of Object.entries(LANGUAGES)) {
  const chooser = (names: readonly string[], fd?: number) => new Chooser(command(), names, fd);

  test(`${language}: outside fttcp the function is called`, { skip }, async () => {
    const outside = chooser(['a', 'b']);
    assert.deepEqual(await outside.end(), { code: 0, complaints: '' });
    assert.deepEqual(outside.lines, ['made for a', 'made for b']);
  });

  test(`${language}: on a primary the function is called, and the log has what it gave`, { skip }, async (t) => {
    const example = follow(t, { chooses: true });
    example.log.start();
    const primary = chooser(['a', 'b', 'a'], example.fd);
    assert.deepEqual(await primary.end(), { code: 0, complaints: '' });
    assert.deepEqual(primary.lines, ['made for a', 'made for b', 'made for a']);
    example.file.turn(true);
    assert.deepEqual(example.logged(), ['1 a=made for a', '1 b=made for b', '1 a=made for a']);
  });

  test(`${language}: on a backup each is given what the primary chose, in the order of its name`, {
    skip,
  }, async (t) => {
    const example = follow(t, { chooses: false });
    give(example, 'b', 'b1');
    give(example, 'a', 'a1');
    give(example, 'a', 'a2');
    const one = chooser(['a', 'b', 'b'], example.fd);
    assert.deepEqual(await one.said(2), ['a1', 'b1']);
    const other = chooser(['a'], example.fd);
    assert.deepEqual(await other.said(1), ['a2']);
    give(example, 'b', 'b2');
    assert.deepEqual(await one.said(3), ['a1', 'b1', 'b2']);
    assert.deepEqual(await one.end(), { code: 0, complaints: '' });
  });

  test(`${language}: after a takeover it is given what is left, and then chooses`, { skip }, async (t) => {
    const role = { chooses: false };
    const example = follow(t, role);
    give(example, 'a', 'a1');
    const waits = chooser(['b', 'a', 'a', 'b'], example.fd);
    await until('it has asked', () => example.questions === 1);
    give(example, 'a', 'a2');
    role.chooses = true;
    assert.deepEqual(await waits.end(), { code: 0, complaints: '' });
    assert.deepEqual(waits.lines, ['made for b', 'a1', 'a2', 'made for b']);
    const late = chooser(['a'], example.fd);
    assert.deepEqual(await late.said(1), ['made for a']);
  });

  test(`${language}: a value that is too long and a name that is none are refused`, { skip }, async (t) => {
    const example = follow(t, { chooses: true });
    for (const name of ['too much', '', 'n'.repeat(256)]) {
      const { code, complaints } = await chooser([name], example.fd).end();
      assert.notEqual(code, 0);
      assert.match(complaints, /65536|1 to 255|Invalid argument/);
    }
  });

  test(`${language}: a descriptor that is another file is not written to`, { skip }, async () => {
    const { code, complaints } = await chooser(['a'], 2).end();
    assert.notEqual(code, 0);
    assert.match(complaints, /not inherited|Bad file descriptor/);
  });
}

test('many processes of all languages choose at once, by names of their own and by one for all', async (t) => {
  const primary = follow(t, { chooses: true });
  const backup = follow(t, { chooses: false });
  primary.log.start();
  const relay = setInterval(() => primary.relayTo(backup), 1);
  t.after(() => clearInterval(relay));
  const commands = Object.values(LANGUAGES).flatMap(({ skip, command }) => (skip === false ? [command()] : []));
  const processes = [...commands, ...commands].map((command, index) => {
    const own = Array.from({ length: 100 }, (_, count) => (count % 10 === 0 ? 'for all' : `${index} ${count % 7}`));
    return [primary, backup].map(({ fd }, side) => new Chooser(command, own, fd, `made on ${side}`));
  });
  for (const [first, second] of processes) {
    assert.deepEqual(await first?.end(), { code: 0, complaints: '' });
    assert.deepEqual(await second?.end(), { code: 0, complaints: '' });
    assert.equal(first?.lines.length, 100);
    assert.deepEqual(second?.lines, first?.lines);
    assert.match(first?.lines.join('') ?? '', /^(made on 0 for [\w ]+)+$/);
  }
});
